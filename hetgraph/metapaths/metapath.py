"""A meta-path: an immutable sequence of relations, with concatenation and reversal."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeSpec, EdgeType, Schema
from hetgraph.errors import MetaPathError
from hetgraph.metapaths.enumerate import enumerate_steps
from hetgraph.metapaths.parser import parse_steps
from hetgraph.metapaths.step import Step, normal_step, spell

__all__ = ["MetaPath", "as_metapath"]


@dataclass(frozen=True, repr=False)
class MetaPath:
    """A path through the schema, immutable and hashable.

    Steps are stored in normal form: a relation walked backwards is replaced by its declared
    reverse walked forwards. Two paths are therefore equal if and only if they follow the same edges
    in the same order, however they were written.

    ``a + b`` concatenates, ``~a`` reverses, ``a.symmetric`` is ``a + ~a``, and ``str(a)`` is the
    shortest text that :meth:`parse` reads back as ``a``.

    Args:
        steps: At least one step; each starts where the previous one ends.
        schema: The schema that the steps are checked against. Ignored in comparisons.
        custom: Relations of the path that are not in the graph (see :meth:`from_relation`).

    Raises:
        MetaPathError: If there is no step, a step is not in the schema, or two steps do not meet.

    Example:
        >>> from hetgraph.data.schema import EdgeSpec, EdgeType, FeatureSpec, Schema
        >>> schema = Schema(
        ...     {"author": FeatureSpec(), "paper": FeatureSpec()},
        ...     {EdgeType("author", "writes", "paper"): EdgeSpec()},
        ... )
        >>> written = MetaPath.parse("author-paper", schema)
        >>> print(written.symmetric, len(written.symmetric))
        author-paper-author 2
    """

    steps: tuple[Step, ...]
    schema: Schema = field(compare=False)
    custom: tuple[tuple[EdgeType, Relation], ...] = ()

    def __post_init__(self) -> None:
        if not self.steps:
            raise MetaPathError("a meta-path needs at least one step, such as 'author-paper'.")
        for edge_type, _ in self.steps:
            if edge_type not in self.schema.edge_types:
                known = "; ".join(map(str, self.schema.edge_types))
                raise MetaPathError(f"({edge_type}) is not in the schema, which has: {known}.")
        steps = tuple(normal_step(Step(EdgeType(*t), bool(f)), self.schema) for t, f in self.steps)
        for first, second in itertools.pairwise(steps):
            if first.end != second.start:
                raise MetaPathError(
                    f"the steps ({first}) and ({second}) do not meet: the first ends at "
                    f"{first.end!r}, the second starts at {second.start!r}."
                )
        object.__setattr__(self, "steps", steps)

    # ---------------------------------------------------------------- construction

    @classmethod
    def parse(cls, text: str, schema: Schema) -> MetaPath:
        """Parses a path written as node types, relations or both.

        ``author-paper-venue`` names node types; there must then be only one relation between two
        neighbours. ``author -writes> paper <publishes- venue`` names relations and the direction in
        which they are walked. Names that contain ``-``, ``<``, ``>``, quotes or white space are
        quoted, ``'conference-paper'``, with inner quotes doubled. Parsed paths are cached.

        Raises:
            MetaPathError: Naming the column and the token that cannot be parsed.
        """
        if not isinstance(text, str):
            raise MetaPathError(f"a meta-path is a text, found {type(text).__name__}.")
        return _parse(text, schema)

    @classmethod
    def from_relation(
        cls, schema: Schema, name: str, start: str, end: str, relation: Relation
    ) -> MetaPath:
        """Makes a one-step path of any relation: rows are ``end`` nodes, columns ``start`` nodes.

        It can be composed, reversed and concatenated like a path of the graph's own relations.

        Raises:
            MetaPathError: If the schema already has this triple.
        """
        edge_type = EdgeType(schema.node_type(start), name, schema.node_type(end))
        if edge_type in schema.edge_types:
            raise MetaPathError(f"the graph already has ({edge_type}); choose another name.")
        spec = EdgeSpec(weighted=relation.weight is not None)
        wider = dataclasses.replace(schema, edge_types={**schema.edge_types, edge_type: spec})
        return cls((Step(edge_type),), wider, ((edge_type, relation),))

    @staticmethod
    def enumerate(
        schema: Schema, source: str, max_length: int, target: str | None = None
    ) -> tuple[MetaPath, ...]:
        """Lists all paths of 1 to ``max_length`` steps from ``source``, short ones first.

        Args:
            schema: The schema.
            source: Start type of the paths.
            max_length: Maximum number of steps.
            target: End type of the paths; ``None``: any.

        Raises:
            SchemaError: If a node type is unknown.
            MetaPathError: If ``max_length`` is below 1.
        """
        found = enumerate_steps(schema, source, max_length, target)
        return tuple(MetaPath(steps, schema) for steps in found)

    # --------------------------------------------------------------------- reading

    @property
    def start(self) -> str:
        """Start type: the node type of the columns of the composed relation."""
        return self.steps[0].start

    @property
    def end(self) -> str:
        """End type: the node type of the rows of the composed relation."""
        return self.steps[-1].end

    @property
    def node_types(self) -> tuple[str, ...]:
        """The node types along the path, ``len(path) + 1`` of them."""
        return (self.start, *(step.end for step in self.steps))

    @property
    def is_symmetric(self) -> bool:
        """Whether the path equals its reverse, so that the composed pattern is symmetric."""
        return self == ~self

    def __len__(self) -> int:
        return len(self.steps)

    # --------------------------------------------------------------------- algebra

    def __add__(self, other: MetaPath) -> MetaPath:
        """Concatenates two paths.

        Raises:
            MetaPathError: If ``other`` does not start where this path ends.
        """
        if not isinstance(other, MetaPath):
            return NotImplemented
        if self.end != other.start:
            raise MetaPathError(
                f"cannot join {self} and {other}: the first ends at {self.end!r}, "
                f"the second starts at {other.start!r}."
            )
        custom = dict((*self.custom, *other.custom))
        if any(custom[key] is not value for key, value in self.custom):
            raise MetaPathError(
                f"cannot join {self} and {other}: they hold two relations with the same name."
            )
        schema = _joined(self.schema, other.schema)
        return MetaPath(self.steps + other.steps, schema, tuple(custom.items()))

    def __invert__(self) -> MetaPath:
        """Reverses the path."""
        back = tuple(Step(edge_type, not forward) for edge_type, forward in reversed(self.steps))
        return MetaPath(back, self.schema, self.custom)

    @property
    def symmetric(self) -> MetaPath:
        """The path followed by its reverse: ``self + ~self``."""
        return self + ~self

    @cached_property
    def _text(self) -> str:
        return spell(self.steps, self.schema)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"MetaPath({self._text!r})"


@lru_cache(maxsize=4096)
def _parse(text: str, schema: Schema) -> MetaPath:
    return MetaPath(parse_steps(text, schema), schema)


def as_metapath(path: MetaPath | str, schema: Schema) -> MetaPath:
    """Returns the path of a text, or the given path, checked against ``schema``.

    Raises:
        MetaPathError: If it does not match the schema.
    """
    if isinstance(path, str):
        return MetaPath.parse(path, schema)
    if not isinstance(path, MetaPath):
        raise MetaPathError(
            f"expected a MetaPath or a text such as 'author-paper', found {type(path).__name__}."
        )
    if path.schema == schema:
        return path
    added = {key: path.schema.edge_types[key] for key, _ in path.custom}
    wider = dataclasses.replace(schema, edge_types={**schema.edge_types, **added})
    return MetaPath(path.steps, wider, path.custom)


def _joined(first: Schema, second: Schema) -> Schema:
    if first == second:
        return first
    pairs: Sequence[tuple[EdgeType, EdgeType]] = (*first.reverses, *second.reverses)
    return Schema(
        {**second.node_types, **first.node_types},
        {**second.edge_types, **first.edge_types},
        tuple(dict.fromkeys(pairs)),
    )
