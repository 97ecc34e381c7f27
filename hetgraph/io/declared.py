"""The targets that a declaration of tables names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hetgraph.catalog.targets.base import Target
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, suggest
from hetgraph.io.drawn_splits import SPLIT_KEYS
from hetgraph.registry import targets

__all__ = ["DECLARATION", "WHERE", "Declared", "declared_targets", "edge_type", "section"]

DECLARATION = "tables.yaml"

WHERE = "<where>"
"""Key of a checked declaration under which the name of its file is, for messages."""

_NODE_KEYS = ("node_type", "time", "task", *SPLIT_KEYS)
_EDGE_KEYS = ("edge", "file", "separator", "columns", "src", "dst", "time", "task", *SPLIT_KEYS)


@dataclass(frozen=True)
class Declared:
    """The declaration of a target.

    Args:
        name: Name of the target.
        kind: Class of the target.
        options: Values by key.
        where: Name of the declaration in messages.
    """

    name: str
    kind: type[Target]
    options: dict[str, Any]
    where: str

    @property
    def task(self) -> str:
        """Family of the task that the target is for."""
        return str(self.options.get("task") or self.kind.task)


def declared_targets(spec: Mapping[str, Any], wanted: str = "") -> list[Declared]:
    """Returns the targets of a declaration, the default one first.

    Args:
        spec: The declaration.
        wanted: Name of the target to come first; empty: the one that ``target`` names.

    Raises:
        ConfigError: If a key is unknown, two targets have the same name, or none is called
            ``wanted``.
    """
    where = spec.get(WHERE, DECLARATION)
    declarations = [
        target for key, value in spec.items() for target in _declared(key, value, where)
    ]
    names = [declared.name for declared in declarations]
    for declared in declarations:
        if names.count(declared.name) > 1:
            raise ConfigError(
                f"{declared.where}: another target is named {declared.name!r}, too; rename one."
            )
    default = wanted or spec.get("target")
    if default is not None and default not in names:
        raise ConfigError(
            f"{where}: target {default!r} is not declared.{suggest(str(default), names)}"
        )
    return sorted(
        declarations,
        key=lambda declared: (
            declared.name != default,
            declared.kind.over == "edges",
            declared.kind.kind,
        ),
    )


def _declared(key: str, value: Any, file: str) -> list[Declared]:
    """Returns the declared targets of one kind."""
    if key not in targets or not value:
        return []
    kind: type[Target] = targets.get(key)
    where = f"{file}: {key}"
    entries = section(value, where)
    several = all(isinstance(entry, Mapping) for entry in entries.values())
    named = {name: (f"{where}: {name}", entry) for name, entry in entries.items()}
    keys = (*(_NODE_KEYS if kind.over == "nodes" else _EDGE_KEYS), *kind.options)
    return [
        Declared(name, kind, section(entry, place, keys), place)
        for name, (place, entry) in (named if several else {key: (where, entries)}).items()
    ]


def section(value: Any, where: str, keys: Any = ()) -> dict[str, Any]:
    """Returns a mapping of the declaration with keys as texts; ``keys`` are the allowed ones."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} is {value!r}; expected a mapping of names to values.")
    for key in value:
        if keys and key not in keys:
            raise ConfigError(f"{where} has an unknown entry {key!r}.{suggest(str(key), keys)}")
    return {str(key): entry for key, entry in value.items()}


def edge_type(value: Any, where: str) -> EdgeType:
    """Returns the edge type of a list of three names."""
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise ConfigError(f"{where} is {value!r}; expected [source, name, destination].")
    return EdgeType(*map(str, value))
