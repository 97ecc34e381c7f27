"""The declaration of a graph: node types, edge types and reverses, without its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

from hetgraph.errors import SchemaError, suggest
from hetgraph.html import card, table

__all__ = ["EdgeSpec", "EdgeType", "FeatureKind", "FeatureSpec", "Schema"]

FeatureKind = Literal["dense", "sparse", "categorical", "text", "none"]


class EdgeType(NamedTuple):
    """The name of a relation: a ``(source type, name, destination type)`` triple, as in PyG.

    Example:
        >>> print(EdgeType("author", "writes", "paper"))
        author -writes> paper
    """

    src: str
    name: str
    dst: str

    def __str__(self) -> str:
        return f"{self.src} -{self.name}> {self.dst}"


@dataclass(frozen=True)
class FeatureSpec:
    """Declaration of the features of a node type.

    Args:
        kind: ``"dense"`` or ``"sparse"`` vectors, ``"categorical"`` codes, ``"text"``, ``"none"``.
        dim: Dimension of the vectors, or number of categories; 0 for ``"text"`` and ``"none"``.
    """

    kind: FeatureKind = "none"
    dim: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(FeatureKind):
            raise SchemaError(
                f"feature kind {self.kind!r} is unknown.{suggest(self.kind, get_args(FeatureKind))}"
            )
        if self.dim < 0:
            raise SchemaError(f"feature dim is {self.dim}, expected 0 or more.")

    @property
    def words(self) -> str:
        """Kind and dim, such as ``dense, 16``."""
        return f"{self.kind}, {self.dim:,}" if self.dim else self.kind


@dataclass(frozen=True)
class EdgeSpec:
    """Declaration of what the edges of a type carry: weights, features, timestamps."""

    weighted: bool = False
    feature_dim: int = 0
    timed: bool = False

    @property
    def words(self) -> str:
        """What edges carry, such as ``weight, 8 features, time``."""
        parts = {
            "weight": self.weighted,
            f"{self.feature_dim} features": self.feature_dim,
            "time": self.timed,
        }
        return ", ".join(part for part, there in parts.items() if there)


@dataclass(frozen=True)
class Schema:
    """Node types, edge types and declared reverse pairs of a graph.

    It holds all that a model needs to size its parameters. Schemas are equal, with equal hashes, if
    they declare the same types in the same order.

    Args:
        node_types: Feature declaration by node type.
        edge_types: Edge declaration by edge type.
        reverses: Pairs of edge types that hold the same edges in opposite directions. An
            undirected relation inside one type is its own reverse: ``(r, r)``.

    Raises:
        SchemaError: If an edge type names an unknown node type, or the two edge types of a reverse
            pair do not have swapped ends.

    Example:
        >>> writes = EdgeType("author", "writes", "paper")
        >>> schema = Schema({"author": FeatureSpec(), "paper": FeatureSpec()}, {writes: EdgeSpec()})
        >>> schema.edge_type("writes") == writes, schema.reverse_of(writes)
        (True, None)
    """

    node_types: Mapping[str, FeatureSpec]
    edge_types: Mapping[EdgeType, EdgeSpec]
    reverses: tuple[tuple[EdgeType, EdgeType], ...] = ()
    _reverse: Mapping[EdgeType, EdgeType] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        nodes = {str(name): spec for name, spec in self.node_types.items()}
        edges = {EdgeType(*map(str, triple)): spec for triple, spec in self.edge_types.items()}
        pairs = tuple((EdgeType(*a), EdgeType(*b)) for a, b in self.reverses)
        object.__setattr__(self, "node_types", MappingProxyType(nodes))
        object.__setattr__(self, "edge_types", MappingProxyType(edges))
        object.__setattr__(self, "reverses", pairs)
        object.__setattr__(self, "_reverse", MappingProxyType(self._check()))

    def _repr_html_(self) -> str:
        """Returns the types and what they carry, for notebooks."""
        nodes = [(name, spec.words) for name, spec in self.node_types.items()]
        edges = [
            (key, spec.words, self.reverse_of(key) or "") for key, spec in self.edge_types.items()
        ]
        return card(
            f"Schema of {len(nodes)} node types and {len(edges)} edge types",
            table(["node type", "features"], nodes),
            table(["edge type", "carries", "reverse"], edges) if edges else "",
        )

    def _check(self) -> dict[EdgeType, EdgeType]:
        for edge_type in self.edge_types:
            for role, name in (("source", edge_type.src), ("destination", edge_type.dst)):
                if name not in self.node_types:
                    raise SchemaError(
                        f"edge type ({edge_type}) has the unknown {role} type {name!r}."
                        f"{suggest(name, self.node_types)}"
                    )
        reverse: dict[EdgeType, EdgeType] = {}
        for first, second in self.reverses:
            for edge_type in (first, second):
                if edge_type not in self.edge_types:
                    raise SchemaError(
                        f"reverse pair ({first}) / ({second}): ({edge_type}) is not an edge type."
                    )
            if (first.src, first.dst) != (second.dst, second.src):
                raise SchemaError(
                    f"({second}) cannot be the reverse of ({first}): their ends do not swap."
                )
            for forward, backward in ((first, second), (second, first)):
                if reverse.setdefault(forward, backward) != backward:
                    raise SchemaError(f"({forward}) is declared with two different reverses.")
        return reverse

    def __hash__(self) -> int:
        return hash((tuple(self.node_types.items()), tuple(self.edge_types.items()), self.reverses))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schema):
            return NotImplemented
        mine = (tuple(self.node_types.items()), tuple(self.edge_types.items()), self.reverses)
        theirs = (tuple(other.node_types.items()), tuple(other.edge_types.items()), other.reverses)
        return mine == theirs

    def __reduce__(self) -> tuple[Any, ...]:
        return Schema, (dict(self.node_types), dict(self.edge_types), self.reverses)

    def reverse_of(self, edge_type: EdgeType) -> EdgeType | None:
        """Returns the declared reverse of an edge type, or ``None``."""
        return self._reverse.get(self.edge_type(edge_type))

    def node_type(self, name: str) -> str:
        """Returns ``name`` if it is a node type.

        Raises:
            SchemaError: If it is not; the message suggests a close name.
        """
        if name not in self.node_types:
            raise SchemaError(f"unknown node type {name!r}.{suggest(name, self.node_types)}")
        return name

    def edge_type(self, name: str | tuple[str, str, str]) -> EdgeType:
        """Returns the edge type of a triple, or of a relation name if it is unambiguous.

        Raises:
            SchemaError: If it is unknown or ambiguous.
        """
        if not isinstance(name, str):
            triple = EdgeType(*name)
            if triple in self.edge_types:
                return triple
            known = map(str, self.edge_types)
            raise SchemaError(f"unknown edge type ({triple}).{suggest(str(triple), known)}")
        matches = [
            edge_type for edge_type in self.edge_types if name in (edge_type.name, str(edge_type))
        ]
        if len(matches) == 1:
            return matches[0]
        if matches:
            listed = "; ".join(map(str, matches))
            raise SchemaError(f"relation name {name!r} is ambiguous, give the triple: {listed}.")
        names = [edge_type.name for edge_type in self.edge_types]
        raise SchemaError(f"unknown relation {name!r}.{suggest(name, names)}")

    def incident(self, node_type: str) -> tuple[EdgeType, ...]:
        """Returns the edge types that start or end at ``node_type``, in declared order."""
        self.node_type(node_type)
        return tuple(key for key in self.edge_types if node_type in (key.src, key.dst))

    def to_dict(self) -> dict[str, Any]:
        """Returns the schema as lists and dicts for JSON; :meth:`from_dict` reads them."""
        return {
            "node_types": [
                {"name": name, "kind": spec.kind, "dim": spec.dim}
                for name, spec in self.node_types.items()
            ],
            "edge_types": [
                {
                    "type": list(edge_type),
                    "weighted": spec.weighted,
                    "feature_dim": spec.feature_dim,
                    "timed": spec.timed,
                }
                for edge_type, spec in self.edge_types.items()
            ],
            "reverses": [[list(a), list(b)] for a, b in self.reverses],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schema:
        """Reads the output of :meth:`to_dict`.

        Raises:
            SchemaError: If a key is missing or a value is malformed.
        """
        try:
            nodes = {
                node["name"]: FeatureSpec(node["kind"], int(node["dim"]))
                for node in data["node_types"]
            }
            edges = {
                EdgeType(*edge["type"]): EdgeSpec(
                    bool(edge["weighted"]), int(edge["feature_dim"]), bool(edge["timed"])
                )
                for edge in data["edge_types"]
            }
            reverses = tuple((EdgeType(*a), EdgeType(*b)) for a, b in data["reverses"])
        except (KeyError, TypeError, ValueError) as error:
            raise SchemaError(f"not a schema: {error!r}.") from error
        return cls(nodes, edges, reverses)
