"""The rows of tables that declared targets are read from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from hetgraph.catalog.targets.base import Rows
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, suggest
from hetgraph.io.columns import times
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.declared import Declared, edge_type
from hetgraph.io.ids import IdMap
from hetgraph.io.selected import complete_rows
from hetgraph.io.sources import Source
from hetgraph.io.store import Store

__all__ = ["Tables", "rows_of"]


@dataclass(frozen=True)
class Tables:
    """Opened tables, and the numbers of their nodes.

    Args:
        store: Where further tables of targets are.
        nodes: Node tables by node type; ``None``: collected from the edges.
        edges: Edge tables by edge type.
        maps: Numbers of the nodes by node type; types with a mistake are missing.
        declared: All declared node types.
    """

    store: Store
    nodes: Mapping[str, NodeTable | None]
    edges: Mapping[EdgeType, EdgeTable]
    maps: Mapping[str, IdMap]
    declared: Collection[str]


def rows_of(tables: Tables, declared: Declared, *, needs_column: bool) -> Rows | None:
    """Returns the rows of a target; ``None`` if its tables or nodes have mistakes.

    Args:
        tables: The tables.
        declared: The target.
        needs_column: Whether it must name a column.

    Raises:
        ConfigError: If the declaration names what there is not.
        DataError: If ids or times are invalid.
    """
    if needs_column and "column" not in declared.options:
        more = ", or a list of 0/1 columns" if "separator" in declared.kind.options else ""
        raise ConfigError(f"{declared.where} has no column; add column: <name>{more}.")
    return (_node_rows if declared.kind.over == "nodes" else _edge_rows)(tables, declared)


def _node_rows(tables: Tables, declared: Declared) -> Rows | None:
    node_type = str(declared.options.get("node_type"))
    table = tables.nodes.get(node_type)
    if table is None:
        if node_type in tables.declared and node_type not in tables.nodes:
            return None  # The table cannot be opened.
        known = [key for key, value in tables.nodes.items() if value is not None]
        raise ConfigError(
            f"{declared.where}: node_type {node_type!r} has no table.{suggest(node_type, known)}"
        )
    time = declared.options.get("time")
    row_times = None if time is None else times(table.table, str(time))
    return Rows(table.table, node_type, time=row_times)


def _edge_rows(tables: Tables, declared: Declared) -> Rows | None:
    options, where = declared.options, declared.where
    key = edge_type(options.get("edge"), f"{where}: edge")
    table = tables.edges.get(key)
    if "file" in options:
        columns = {name: str(options[name]) for name in ("src", "dst", "time") if name in options}
        source = tables.store.source(options, f"target {declared.name!r}")
        table = EdgeTable(source, **columns)  # type: ignore[arg-type]  # texts by name
    elif table is None:
        known = ", ".join(map(str, tables.edges)) or "none"
        raise ConfigError(
            f"{where}: edge {list(key)} has no table; expected one of {known}, or add file: <path>."
        )
    for node_type in (key.src, key.dst):
        if node_type not in tables.declared:
            raise ConfigError(
                f"{where}: edge {list(key)} has the unknown node type {node_type!r}."
                f"{suggest(node_type, tables.declared)}"
            )
        if node_type not in tables.maps:
            return None
    time = options.get("time", table.time)
    given: Source = table.table
    if table.missing == "skip":
        given = complete_rows(given, (table.src, table.dst))
    ends = [
        torch.from_numpy(
            tables.maps[node_type]
            .rows(given.written(name), f"{given.label}, column {name!r}")
            .astype(np.int64)
        )
        for node_type, name in ((key.src, table.src), (key.dst, table.dst))
    ]
    row_times = None if time is None else times(given, str(time))
    return Rows(given, key, torch.stack(ends), row_times)
