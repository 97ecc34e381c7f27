"""Targets and splits of a declaration of tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hetgraph.catalog.split import Split
from hetgraph.catalog.targets.base import Rows, Target
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, suggest
from hetgraph.io.columns import times
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.ids import IdMap
from hetgraph.io.sources import Source, as_source
from hetgraph.io.splits import read_split
from hetgraph.registry import targets

__all__ = ["DECLARATION", "Tables", "declared_targets", "edge_type", "read_targets", "section"]

DECLARATION = "tables.yaml"
_NODE_KEYS = ("node_type",)
_EDGE_KEYS = ("edge", "file", "src", "dst", "time")


@dataclass(frozen=True)
class Tables:
    """The tables of a folder and their graph.

    Args:
        folder: The folder; target files are relative to it.
        nodes: By node type a :class:`~hetgraph.io.declare.NodeTable`, a number of nodes or
            ``None``.
        edges: Edge tables by edge type.
        graph: The graph.
    """

    folder: Path
    nodes: Mapping[str, Any]
    edges: Mapping[EdgeType, EdgeTable]
    graph: HeteroGraph


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


def declared_targets(spec: Mapping[str, Any]) -> list[Declared]:
    """Returns the targets of a declaration, the default one first.

    Raises:
        ConfigError: If a key is unknown, or two targets have the same name.
    """
    declarations = [target for key, value in spec.items() for target in _declared(key, value)]
    names = [declared.name for declared in declarations]
    for declared in declarations:
        if names.count(declared.name) > 1:
            raise ConfigError(
                f"{declared.where}: another target is named {declared.name!r}, too; rename one."
            )
    default = spec.get("target")
    if default is not None and default not in names:
        raise ConfigError(
            f"{DECLARATION}: target {default!r} is not declared.{suggest(str(default), names)}"
        )
    return sorted(
        declarations,
        key=lambda declared: (
            declared.name != default,
            declared.kind.over == "edges",
            declared.kind.kind,
        ),
    )


def _declared(key: str, value: Any) -> list[Declared]:
    """Returns the declared targets of one kind."""
    if key not in targets or not value:
        return []
    kind: type[Target] = targets.get(key)
    where = f"{DECLARATION}: {key}"
    entries = section(value, where)
    several = all(isinstance(entry, Mapping) for entry in entries.values())
    named = {name: (f"{where}: {name}", entry) for name, entry in entries.items()}
    keys = (*(_NODE_KEYS if kind.over == "nodes" else _EDGE_KEYS), *kind.options)
    return [
        Declared(name, kind, section(entry, place, keys), place)
        for name, (place, entry) in (named if several else {key: (where, entries)}).items()
    ]


def read_targets(
    tables: Tables, spec: Mapping[str, Any]
) -> tuple[dict[str, Target], dict[str, Split]]:
    """Returns the targets and the splits of a declaration.

    Splits are columns of the default target's table; if none is declared, they are the default
    splits of its kind.

    Raises:
        ConfigError: If the declaration is invalid.
        DataError: If a column is invalid.
    """
    read: dict[str, Target] = {}
    splits: dict[str, Split] = {}
    columns = section(spec.get("splits") or {}, f"{DECLARATION}: splits")
    for declared in declared_targets(spec):
        source, rows = _rows(tables, declared)
        target, kept = declared.kind.from_rows(rows, declared.options)
        if not read:
            given = {name: read_split(source, str(key)) for name, key in columns.items()}
            splits = {name: _as_positions(split, kept) for name, split in given.items()}
            splits = splits or target.default_splits()
        read[declared.name] = target
    if columns and not read:
        raise ConfigError(
            f"{DECLARATION}: splits are declared, but no target; add one of "
            f"{', '.join(targets.names())}."
        )
    return read, splits


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


def _rows(tables: Tables, declared: Declared) -> tuple[Source, Rows]:
    """Returns the table and the rows of a target."""
    if "column" not in declared.options:
        more = ", or a list of 0/1 columns" if "separator" in declared.kind.options else ""
        raise ConfigError(f"{declared.where} has no column; add column: <name>{more}.")
    return (_node_rows if declared.kind.over == "nodes" else _edge_rows)(tables, declared)


def _node_rows(tables: Tables, declared: Declared) -> tuple[Source, Rows]:
    node_type = str(declared.options.get("node_type"))
    table = tables.nodes.get(node_type)
    if not isinstance(table, NodeTable):
        known = [key for key, value in tables.nodes.items() if isinstance(value, NodeTable)]
        raise ConfigError(
            f"{declared.where}: node_type {node_type!r} has no table.{suggest(node_type, known)}"
        )
    return table.table, Rows(table.table, node_type)


def _edge_rows(tables: Tables, declared: Declared) -> tuple[Source, Rows]:
    options, where = declared.options, declared.where
    key = edge_type(options.get("edge"), f"{where}: edge")
    table = tables.edges.get(key)
    if "file" in options:
        path = tables.folder / str(options["file"])
        columns = {name: str(options[name]) for name in ("src", "dst", "time") if name in options}
        table = EdgeTable(as_source(path, f"target {declared.name!r}"), **columns)
    elif table is None:
        known = ", ".join(map(str, tables.edges)) or "none"
        raise ConfigError(
            f"{where}: edge {list(key)} has no table; expected one of {known}, or add file: <path>."
        )
    for node_type in (key.src, key.dst):
        if node_type not in tables.graph.num_nodes:
            raise ConfigError(
                f"{where}: edge {list(key)} has the unknown node type {node_type!r}."
                f"{suggest(node_type, tables.graph.num_nodes)}"
            )
    source, time = table.table, options.get("time", table.time)
    ends = [
        torch.from_numpy(
            IdMap(node_type, tables.graph.ids.get(node_type, tables.graph.num_nodes[node_type]))
            .rows(source.written(name), f"{source.label}, column {name!r}")
            .astype(np.int64)
        )
        for node_type, name in ((key.src, table.src), (key.dst, table.dst))
    ]
    row_times = None if time is None else times(source, str(time))
    return source, Rows(source, key, torch.stack(ends), row_times)


def _as_positions(split: Split, kept: Tensor | None) -> Split:
    """Converts the row numbers of a split into positions among the target rows."""
    if kept is None:
        return split
    position_of = {row: position for position, row in enumerate(kept.tolist())}

    def positions(rows: Tensor) -> Tensor:
        known = [position_of[row] for row in rows.tolist() if row in position_of]
        return torch.tensor(known, dtype=torch.int64)

    valid = None if split.valid is None else positions(split.valid)
    return Split(positions(split.train), valid, positions(split.test))
