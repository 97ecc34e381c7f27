"""A meta-path: a sequence of relations to follow, as a value with an algebra."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeSpec, EdgeType, Schema
from hetgraph.errors import MetaPathError

__all__ = ["MetaPath", "Step", "as_metapath", "normal_step", "steps_between"]


class Step(NamedTuple):
    """One relation of a path, followed from source to destination or the other way round."""

    edge_type: EdgeType
    forward: bool = True

    @property
    def start(self) -> str:
        """Node type the step leaves from."""
        return self.edge_type.src if self.forward else self.edge_type.dst

    @property
    def end(self) -> str:
        """Node type the step arrives at."""
        return self.edge_type.dst if self.forward else self.edge_type.src

    def __str__(self) -> str:
        from hetgraph.metapaths.text import spell_step

        return spell_step(self)


@dataclass(frozen=True, repr=False)
class MetaPath:
    """A path through the schema, immutable and hashable.

    Steps are kept in normal form: walking a relation backwards is the same as walking its declared
    reverse forwards, and the latter is what is stored. Two paths are therefore equal exactly when
    they follow the same edges in the same order, however they were written.

    ``a + b`` goes on where ``a`` ends, ``~a`` walks back, ``a.symmetric`` is ``a + ~a``, and
    ``str(a)`` is the shortest text that :meth:`parse` reads back as ``a``.

    Args:
        steps: At least one step; each starts where the one before ends.
        schema: What the steps are checked against. Takes no part in comparisons.
        custom: Relations that are not in the graph but belong to the path (see
            :meth:`from_relation`).

    Raises:
        MetaPathError: If there is no step, a step is not in the schema or two steps do not meet.

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
        for one, other in itertools.pairwise(steps):
            if one.end != other.start:
                raise MetaPathError(
                    f"the steps ({one}) and ({other}) do not meet: the first ends at "
                    f"{one.end!r}, the second starts at {other.start!r}."
                )
        object.__setattr__(self, "steps", steps)

    # ---------------------------------------------------------------- construction

    @classmethod
    def parse(cls, text: str, schema: Schema) -> MetaPath:
        """Reads a path written by node types, by relations or by both.

        ``author-paper-venue`` names node types; the relation between two neighbours must then be
        the only one. ``author -writes> paper <publishes- venue`` names relations and the direction
        they are walked in. Names with ``-``, ``<``, ``>``, quotes or white space stand in quotes:
        ``'conference-paper'``, a quote inside is doubled. Parsed paths are cached.

        Raises:
            MetaPathError: Naming the column and the token that cannot be understood.
        """
        from hetgraph.metapaths.parser import parse_metapath

        return parse_metapath(text, schema)

    @classmethod
    def from_relation(
        cls, schema: Schema, name: str, start: str, end: str, relation: Relation
    ) -> MetaPath:
        """Makes a one-step path of any relation: rows are ``end`` nodes, columns ``start`` nodes.

        It can be composed, reversed and joined to other paths like one of the graph's own.

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
        """Lists every path of 1 to ``max_length`` steps from ``source``, short ones first.

        Args:
            schema: Where to look.
            source: Node type all paths start at.
            max_length: Greatest number of steps.
            target: Node type all paths end at; ``None`` allows any.

        Raises:
            SchemaError: If a node type is unknown.
            MetaPathError: If ``max_length`` is below 1.
        """
        from hetgraph.metapaths.enumerate import enumerate_metapaths

        return enumerate_metapaths(schema, source, max_length, target)

    # --------------------------------------------------------------------- reading

    @property
    def start(self) -> str:
        """Node type of the columns of the composed relation, where the path begins."""
        return self.steps[0].start

    @property
    def end(self) -> str:
        """Node type of the rows of the composed relation, where the path arrives."""
        return self.steps[-1].end

    @property
    def node_types(self) -> tuple[str, ...]:
        """The node types along the path, ``len(path) + 1`` of them."""
        return (self.start, *(step.end for step in self.steps))

    @property
    def is_symmetric(self) -> bool:
        """Whether walking back is the same path, so that the composed pattern is symmetric."""
        return self == ~self

    def __len__(self) -> int:
        return len(self.steps)

    # --------------------------------------------------------------------- algebra

    def __add__(self, other: MetaPath) -> MetaPath:
        """Goes on with ``other``.

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
                f"cannot join {self} and {other}: they hold two relations of one name."
            )
        schema = _joined(self.schema, other.schema)
        return MetaPath(self.steps + other.steps, schema, tuple(custom.items()))

    def __invert__(self) -> MetaPath:
        """Walks the path from its end to its start."""
        back = tuple(Step(edge_type, not forward) for edge_type, forward in reversed(self.steps))
        return MetaPath(back, self.schema, self.custom)

    @property
    def symmetric(self) -> MetaPath:
        """The path to its end and back: ``self + ~self``."""
        return self + ~self

    @cached_property
    def _text(self) -> str:
        from hetgraph.metapaths.text import spell

        return spell(self.steps, self.schema)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"MetaPath({self._text!r})"


def normal_step(step: Step, schema: Schema) -> Step:
    """Returns the step forwards over the declared reverse if it goes backwards and has one."""
    if step.forward:
        return step
    reverse = schema.reverse_of(step.edge_type)
    return step if reverse is None else Step(reverse, True)


def steps_between(start: str, end: str, schema: Schema) -> tuple[Step, ...]:
    """Returns the different steps from one node type to another, forward ones first."""
    forward = [Step(one, True) for one in schema.edge_types if (one.src, one.dst) == (start, end)]
    backward = [Step(one, False) for one in schema.edge_types if (one.dst, one.src) == (start, end)]
    return tuple(dict.fromkeys(normal_step(step, schema) for step in forward + backward))


def as_metapath(path: MetaPath | str, schema: Schema) -> MetaPath:
    """Returns the path of a text, or the given path checked against ``schema``.

    Raises:
        MetaPathError: If it does not fit.
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


def _joined(one: Schema, other: Schema) -> Schema:
    if one == other:
        return one
    pairs: Sequence[tuple[EdgeType, EdgeType]] = (*one.reverses, *other.reverses)
    return Schema(
        {**other.node_types, **one.node_types},
        {**other.edge_types, **one.edge_types},
        tuple(dict.fromkeys(pairs)),
    )
