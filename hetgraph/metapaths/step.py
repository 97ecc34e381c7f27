"""One step of a meta-path: its normal form and how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hetgraph.data.schema import EdgeType, Schema

__all__ = [
    "QUOTES",
    "SYMBOLS",
    "Step",
    "normal_step",
    "quote",
    "spell",
    "spell_step",
    "steps_between",
]

SYMBOLS = frozenset("-<>")
QUOTES = frozenset("'\"")


class Step(NamedTuple):
    """One relation of a path, walked from source to destination or backwards."""

    edge_type: EdgeType
    forward: bool = True

    @property
    def start(self) -> str:
        """Node type at which the step starts."""
        return self.edge_type.src if self.forward else self.edge_type.dst

    @property
    def end(self) -> str:
        """Node type at which the step ends."""
        return self.edge_type.dst if self.forward else self.edge_type.src

    def __str__(self) -> str:
        return spell_step(self)


def normal_step(step: Step, schema: Schema) -> Step:
    """Replaces a backward step by the forward step over the declared reverse, if there is one."""
    if step.forward:
        return step
    reverse = schema.reverse_of(step.edge_type)
    return step if reverse is None else Step(reverse, True)


def steps_between(start: str, end: str, schema: Schema) -> tuple[Step, ...]:
    """Returns the distinct steps from one node type to another, forward ones first."""
    forward = [Step(key, True) for key in schema.edge_types if (key.src, key.dst) == (start, end)]
    backward = [Step(key, False) for key in schema.edge_types if (key.dst, key.src) == (start, end)]
    return tuple(dict.fromkeys(normal_step(step, schema) for step in forward + backward))


def quote(name: str) -> str:
    """Returns a type name as written in a meta-path: bare where possible, else quoted."""
    bare = name and not any(c in SYMBOLS or c in QUOTES or c.isspace() for c in name)
    return name if bare else "'" + name.replace("'", "''") + "'"


def spell_step(step: Step) -> str:
    """Returns a step with its relation: ``author -writes> paper`` or ``paper <writes- author``."""
    return f"{quote(step.start)}{_link(step)}{quote(step.end)}"


def spell(steps: Sequence[Step], schema: Schema) -> str:
    """Returns the text of a path: node types, and relations only where types are ambiguous."""
    parts = [quote(steps[0].start)]
    for step in steps:
        unique = len(steps_between(step.start, step.end, schema)) == 1
        parts += ["-" if unique else _link(step), quote(step.end)]
    return "".join(parts)


def _link(step: Step) -> str:
    name = quote(step.edge_type.name)
    return f" -{name}> " if step.forward else f" <{name}- "
