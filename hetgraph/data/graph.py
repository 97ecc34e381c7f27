"""The heterogeneous graph: an immutable, validated value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.derived import derive_schema
from hetgraph.data.entries import node_counts
from hetgraph.data.node_values import as_column, take, take_rows
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType, Schema
from hetgraph.data.standin import StandIn
from hetgraph.data.validation import check_graph
from hetgraph.errors import DataError, SchemaError

if TYPE_CHECKING:
    from hetgraph.data.summary import Summary

__all__ = ["HeteroGraph"]

EdgeKey = EdgeType | tuple[str, str, str] | str


class HeteroGraph:
    """Typed nodes and relations, validated once at construction and immutable afterwards.

    The schema is derived from the data: :class:`CSR` features are declared sparse, other float
    tensors dense, integer ``[num_nodes]`` tensors categorical. A type without features is declared
    ``"none"``, or ``"text"`` if it has text.

    Args:
        num_nodes: Number of nodes by type; its order is the order of the types.
        relations: Edges by edge type.
        features: Features by node type, ``[num_nodes, dim]``; omit types that have none.
        reverses: Pairs of edge types that hold the same edges in opposite directions.
        ids: The user's own node ids by type, ``[num_nodes]``.
        text: One string per node by type, ``[num_nodes]``.
        encoders: How features were made from columns, as plain values by node type or, for edge
            features, ``str(edge_type)``; see :class:`hetgraph.features.columns.TableEncoder`.
            Computed features may follow those of the columns. No part of the content hash.
        standins: How the features of types that had none were made, by type; see
            :func:`hetgraph.features.apply_standins`.
        name: Name of the graph in tables.

    Raises:
        SchemaError: If names contradict each other.
        DataError: If counts, ranges, dtypes or values do not match, or the graph is empty.

    Example:
        >>> writes = Relation.from_edges(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2, 2)
        >>> counts = {"author": 2, "paper": 2}
        >>> HeteroGraph(num_nodes=counts, relations={("author", "writes", "paper"): writes})
        HeteroGraph(4 nodes of 2 types, 3 edges of 1 types)
    """

    schema: Schema
    num_nodes: Mapping[str, int]
    relations: Mapping[EdgeType, Relation]
    features: Mapping[str, Tensor | CSR]
    ids: Mapping[str, pa.Array]
    text: Mapping[str, pa.Array]
    encoders: Mapping[str, Mapping[str, Any]]
    standins: Mapping[str, StandIn]
    name: str

    def __init__(
        self,
        *,
        num_nodes: Mapping[str, int],
        relations: Mapping[EdgeType, Relation] | Mapping[tuple[str, str, str], Relation],
        features: Mapping[str, Tensor | CSR] | None = None,
        reverses: Sequence[tuple[EdgeType, EdgeType]] = (),
        ids: Mapping[str, Any] | None = None,
        text: Mapping[str, Any] | None = None,
        encoders: Mapping[str, Mapping[str, Any]] | None = None,
        standins: Mapping[str, StandIn] | None = None,
        name: str = "",
    ) -> None:
        typed = {EdgeType(*key): relation for key, relation in relations.items()}
        values: dict[str, Any] = {
            "num_nodes": MappingProxyType(node_counts(num_nodes)),
            "relations": MappingProxyType(typed),
            "features": MappingProxyType(dict(features or {})),
            "ids": MappingProxyType({k: as_column(v) for k, v in (ids or {}).items()}),
            "text": MappingProxyType({k: as_column(v) for k, v in (text or {}).items()}),
            "encoders": MappingProxyType({k: dict(v) for k, v in (encoders or {}).items()}),
            "standins": MappingProxyType(dict(standins or {})),
            "name": name,
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)
        object.__setattr__(self, "schema", derive_schema(self, tuple(reverses)))
        check_graph(self)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"HeteroGraph is immutable; use with_features, with_relation, ... not .{name} ="
        )

    # ------------------------------------------------------------------- reading

    @property
    def node_types(self) -> tuple[str, ...]:
        """Node types in declared order."""
        return tuple(self.num_nodes)

    @property
    def edge_types(self) -> tuple[EdgeType, ...]:
        """Edge types in declared order."""
        return tuple(self.relations)

    @property
    def num_edges(self) -> int:
        """Number of edges of all relations, reverses included."""
        return sum(relation.num_edges for relation in self.relations.values())

    @property
    def device(self) -> torch.device:
        """Device of the relations; the CPU for a graph without relations."""
        return next((edges.device for edges in self.relations.values()), torch.device("cpu"))

    def relation(self, edge_type: EdgeKey) -> Relation:
        """Returns the edges of an edge type, given as a triple or an unambiguous name.

        Raises:
            SchemaError: If the type is unknown or ambiguous.
        """
        return self.relations[self.schema.edge_type(edge_type)]

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of schema, features, relations, ids and text, but not of the name."""
        from hetgraph.data.hashing import graph_hash

        return graph_hash(self)

    def summary(self) -> Summary:
        """Returns tables of types, counts, features, degrees and reverses for display."""
        from hetgraph.data.summary import summarize

        return summarize(self)

    def __repr__(self) -> str:
        label = f"{self.name}: " if self.name else ""
        total = sum(self.num_nodes.values())
        return (
            f"HeteroGraph({label}{total:,} nodes of {len(self.num_nodes)} types, "
            f"{self.num_edges:,} edges of {len(self.relations)} types)"
        )

    def _repr_html_(self) -> str:
        """Returns the types and their counts, for notebooks."""
        from hetgraph.data.markup import graph_html

        return graph_html(self)

    # ------------------------------------------------------------ modified copies

    def replace(self, **changes: Any) -> HeteroGraph:
        """Returns a validated copy with some constructor arguments replaced.

        Encoders of types that are no longer there are left out.
        """
        types = {*changes.get("num_nodes", self.num_nodes)}
        types |= {str(EdgeType(*key)) for key in changes.get("relations", self.relations)}
        current: dict[str, Any] = {
            "num_nodes": self.num_nodes,
            "relations": self.relations,
            "features": self.features,
            "reverses": self.schema.reverses,
            "ids": self.ids,
            "text": self.text,
            "encoders": {key: state for key, state in self.encoders.items() if key in types},
            "standins": self.standins,
            "name": self.name,
        }
        return HeteroGraph(**{**current, **changes})

    def with_features(self, node_type: str, features: Tensor | CSR | None) -> HeteroGraph:
        """Returns the graph with new features for one type (``None`` removes them).

        The encoder or the stand-in of the old features goes with them.
        """
        self.schema.node_type(node_type)
        kept = {key: value for key, value in self.features.items() if key != node_type}
        if features is not None:
            kept[node_type] = features
        encoders = {key: state for key, state in self.encoders.items() if key != node_type}
        standins = {key: value for key, value in self.standins.items() if key != node_type}
        return self.replace(features=kept, encoders=encoders, standins=standins)

    def with_relation(
        self, edge_type: EdgeKey, relation: Relation, *, reverse_of: EdgeKey | None = None
    ) -> HeteroGraph:
        """Returns the graph with one relation added or replaced.

        Args:
            edge_type: Type of the relation; give a new one as a triple.
            relation: Its edges.
            reverse_of: The edge type that this one reverses, if any.
        """
        new_type = (
            EdgeType(*edge_type)
            if not isinstance(edge_type, str)
            else self.schema.edge_type(edge_type)
        )
        relations = {**self.relations, new_type: relation}
        reverses = tuple(pair for pair in self.schema.reverses if new_type not in pair)
        if reverse_of is not None:
            reverses += ((self.schema.edge_type(reverse_of), new_type),)
        encoders = {key: state for key, state in self.encoders.items() if key != str(new_type)}
        return self.replace(relations=relations, reverses=reverses, encoders=encoders)

    def without_relation(self, edge_type: EdgeKey) -> HeteroGraph:
        """Returns the graph without a relation and its declared reverse."""
        removed = self.schema.edge_type(edge_type)
        both = {removed, self.schema.reverse_of(removed) or removed}
        relations = {key: value for key, value in self.relations.items() if key not in both}
        reverses = tuple(pair for pair in self.schema.reverses if not both & set(pair))
        return self.replace(relations=relations, reverses=reverses)

    def without_edges(self, edge_type: EdgeKey, src: Tensor, dst: Tensor) -> HeteroGraph:
        """Returns the graph without some edges, removed from the declared reverse, too.

        Every parallel copy of a listed ``(src, dst)`` pair is removed, as a link split without
        leakage requires. O(num_edges log num_removed).

        Args:
            edge_type: The relation of the pairs.
            src: ``[n]`` source ids.
            dst: ``[n]`` destination ids.
        """
        key = self.schema.edge_type(edge_type)
        reverse = self.schema.reverse_of(key)
        relations = dict(self.relations)
        relations[key] = relations[key].without_pairs(src, dst)
        if reverse is not None:
            relations[reverse] = relations[reverse].without_pairs(dst, src)
        return self.replace(relations=relations)

    def subgraph(self, nodes: Mapping[str, Tensor]) -> HeteroGraph:
        """Returns the induced subgraph; types that are not listed keep all their nodes.

        Args:
            nodes: By type, int64 ids to keep, in their new order, or a bool mask.
        """
        index = {
            self.schema.node_type(key): self._node_index(key, ids) for key, ids in nodes.items()
        }
        relations = {}
        for key, relation in self.relations.items():
            induced = relation.rows(index[key.dst]) if key.dst in index else relation
            if key.src in index:
                induced = induced.transpose.rows(index[key.src]).transpose
            relations[key] = induced
        return self.replace(
            num_nodes={k: index[k].numel() if k in index else n for k, n in self.num_nodes.items()},
            relations=relations,
            features={
                k: take_rows(x, index[k]) if k in index else x for k, x in self.features.items()
            },
            ids={k: take(v, index.get(k)) for k, v in self.ids.items()},
            text={k: take(v, index.get(k)) for k, v in self.text.items()},
        )

    def _node_index(self, node_type: str, ids: Tensor) -> Tensor:
        index = ids.nonzero().squeeze(1) if ids.dtype == torch.bool else ids.long()
        bound = self.num_nodes[node_type]
        if index.numel() and (int(index.min()) < 0 or int(index.max()) >= bound):
            raise DataError(f"subgraph: {node_type!r} ids must lie in 0..{bound - 1}.")
        if torch.unique(index).numel() != index.numel():
            raise DataError(f"subgraph: {node_type!r} ids are repeated; give each node once.")
        return index

    def reversed(self) -> HeteroGraph:
        """Returns the graph with every edge reversed; relation names are kept."""
        flip = {key: EdgeType(key.dst, key.name, key.src) for key in self.relations}
        if len(set(flip.values())) < len(flip):
            raise SchemaError(
                "reversed(): two relations would get the same triple; rename one first."
            )
        names = {str(key): str(new) for key, new in flip.items()}
        return self.replace(
            relations={flip[key]: relation.transpose for key, relation in self.relations.items()},
            reverses=tuple((flip[a], flip[b]) for a, b in self.schema.reverses),
            encoders={names.get(key, key): state for key, state in self.encoders.items()},
        )

    def with_reverses(self, prefix: str = "rev_") -> HeteroGraph:
        """Returns the graph with the missing reverses added, so that every relation has one."""
        relations, reverses = dict(self.relations), list(self.schema.reverses)
        encoders = dict(self.encoders)
        for key, relation in self.relations.items():
            if self.schema.reverse_of(key) is None:
                new = EdgeType(key.dst, prefix + key.name, key.src)
                if new in relations:
                    raise SchemaError(
                        f"with_reverses: ({new}) already exists; choose another prefix."
                    )
                relations[new] = relation.transpose
                reverses.append((key, new))
                if str(key) in encoders:
                    encoders[str(new)] = encoders[str(key)]
        return self.replace(relations=relations, reverses=reverses, encoders=encoders)

    def to(self, device: torch.device | str) -> HeteroGraph:
        """Returns the graph on ``device``, or itself if it is already there."""
        if torch.device(device) == self.device and all(
            x.device == torch.device(device) for x in self.features.values()
        ):
            return self
        return self.replace(
            relations={key: relation.to(device) for key, relation in self.relations.items()},
            features={key: x.to(device) for key, x in self.features.items()},
        )

    def pin_memory(self) -> HeteroGraph:
        """Returns the graph in page-locked memory, for fast copies to a GPU."""
        return self.replace(
            relations={key: relation.pin_memory() for key, relation in self.relations.items()},
            features={key: x.pin_memory() for key, x in self.features.items()},
        )

    # -------------------------------------------------------------- other formats

    def save(self, folder: str | Path) -> None:
        """Writes the graph to a folder as JSON, safetensors and Parquet, without pickle."""
        from hetgraph.data.storage import save_graph

        save_graph(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, **options: Any) -> HeteroGraph:
        """Reads a graph written by :meth:`save`."""
        from hetgraph.data.storage import load_graph

        return load_graph(cls, Path(folder), **options)
