"""How meta-paths are written: quoting of names and the shortest unambiguous text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hetgraph.data.schema import Schema

if TYPE_CHECKING:
    from hetgraph.metapaths.metapath import Step

__all__ = ["QUOTES", "SYMBOLS", "quote", "spell", "spell_step"]

SYMBOLS = frozenset("-<>")
QUOTES = frozenset("'\"")


def quote(name: str) -> str:
    """Returns a type name as it stands in a meta-path: bare where possible, else in quotes."""
    bare = name and not any(c in SYMBOLS or c in QUOTES or c.isspace() for c in name)
    return name if bare else "'" + name.replace("'", "''") + "'"


def spell_step(step: Step) -> str:
    """Returns a step by its relation: ``author -writes> paper`` or ``paper <writes- author``."""
    return f"{quote(step.start)}{_link(step)}{quote(step.end)}"


def spell(steps: Sequence[Step], schema: Schema) -> str:
    """Returns the text of a path: by node types, by relations only where types are ambiguous."""
    from hetgraph.metapaths.metapath import steps_between

    parts = [quote(steps[0].start)]
    for step in steps:
        unique = len(steps_between(step.start, step.end, schema)) == 1
        parts += ["-" if unique else _link(step), quote(step.end)]
    return "".join(parts)


def _link(step: Step) -> str:
    name = quote(step.edge_type.name)
    return f" -{name}> " if step.forward else f" <{name}- "
