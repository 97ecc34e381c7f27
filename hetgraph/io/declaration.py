"""The content of ``tables.yaml``, checked against classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec

from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.features.columns import as_columns
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.declared import WHERE
from hetgraph.io.hyperedges import HyperedgeTable
from hetgraph.registry import targets
from hetgraph.yamlfile import checked, read_yaml

__all__ = ["check_declaration", "of_columns", "read_declaration", "without_targets"]

_Triple = Annotated[tuple[str, str, str], msgspec.Meta(description="[source, name, destination]")]
_Pair = Annotated[tuple[_Triple, _Triple], msgspec.Meta(description="a pair of edge types")]
_FEATURES = Annotated[
    str | list[str] | dict[str, Any],
    msgspec.Meta(description="a column, a list of columns, or columns with their encoders"),
]


def _entry(table: type, **more: Any) -> Any:
    """Returns the class of a table's entry: its file, and the columns by their meaning."""
    hints = get_type_hints(table) | {"features": _FEATURES, "columns": list[str] | None}
    columns = [
        (column.name, hints[column.name], column.default)
        for column in fields(table)
        if column.name != "table"
    ]
    keys: list[Any] = [*more.items(), ("file", str | list[str]), *columns]
    return msgspec.defstruct(table.__name__, keys, forbid_unknown_fields=True)


_NODES, _HYPEREDGES = _entry(NodeTable), _entry(HyperedgeTable)
_KEYS: dict[str, Any] = {
    "nodes": dict[str, _NODES | str | int | None] | None,  # type: ignore[valid-type]
    "edges": list[_entry(EdgeTable, type=_Triple)] | None,  # type: ignore[misc]
    "name": str | int | float | None,
    "reverses": list[_Pair] | None,
    "add_reverses": bool | None,
    "splits": dict[str, str] | None,
    "standins": str | dict[str, str] | None,
    "target": str | None,
    "hyperedges": dict[str, _HYPEREDGES | str] | None,  # type: ignore[valid-type]
    "metapaths": dict[str, str] | None,
    "task": str | None,
    "info": dict[Any, Any] | None,
}


def check_declaration(content: Any, where: object) -> dict[str, Any]:
    """Returns the entries that are given, with those of tables as structs.

    Args:
        content: What a ``tables.yaml`` holds. Targets are checked by their kinds.
        where: The file, for messages.

    Raises:
        ConfigError: If a key is unknown or missing, or a value has another type.
    """
    kinds = dict.fromkeys(targets.names(), dict[str, Any] | None)
    keys = [(name, form, None) for name, form in (_KEYS | kinds).items()]
    form = msgspec.defstruct("Tables", keys, forbid_unknown_fields=True)
    given = msgspec.structs.asdict(checked(content, form, where, ConfigError))
    given = {key: value for key, value in given.items() if value is not None}
    return {"nodes": {}, "edges": [], **given, WHERE: Path(str(where)).name or str(where)}


def without_targets(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a checked declaration of a graph alone, without what is to be predicted."""
    left_out = {*targets.names(), "target", "splits", "task"}
    return {key: value for key, value in spec.items() if key not in left_out}


def of_columns(entry: Any, names: Sequence[str]) -> tuple[Any, list[str]]:
    """Returns an entry of a table that reads certain columns as features, and no others.

    Args:
        entry: The checked entry of a table of nodes or edges, or its file alone.
        names: The columns.

    Returns:
        The entry, and the declared columns that it no longer reads.
    """
    if isinstance(entry, str):
        return _NODES(file=entry, features=[*names]), []
    columns = [column.name for column in as_columns(entry.features, "features")]
    others = [getattr(entry, key, None) for key in ("category", "sparse")]
    columns += [str(name) for name in others if name]
    changes = {key: None for key in ("category", "sparse") if hasattr(entry, key)}
    return (
        msgspec.structs.replace(entry, features=[*names], **changes),
        [name for name in columns if name not in names],
    )


def read_declaration(path: Path) -> dict[str, Any]:
    """Returns the checked entries of a ``tables.yaml``.

    Raises:
        FileFormatError: If the file is not YAML.
        ConfigError: As :func:`check_declaration`.
    """
    return check_declaration(read_yaml(path, FileFormatError), path)
