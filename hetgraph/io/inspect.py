"""The report on a store of tables: every mistake, and what of each table is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hetgraph.catalog.inspection import Inspection, describe
from hetgraph.errors import UserError
from hetgraph.features.columns import TableEncoder
from hetgraph.io.declare import EdgeTable, NodeTable, columns_of
from hetgraph.io.declared import declared_targets
from hetgraph.io.loader import Reading, read_all
from hetgraph.io.sources import Source
from hetgraph.io.store import Store

__all__ = ["inspect_store"]


def inspect_store(store: Store, source: str, *, target: str = "") -> Inspection:
    """Reads everything and reports on it.

    Args:
        store: The tables and their declaration.
        source: Name of the data set in the report.
        target: Name of the declared target that the task is about; empty: the default one.
    """
    reading = read_all(store, target=target)
    tables = tuple(_table_lines(reading))
    if reading.dataset is None:
        return Inspection(source, reading.problems.messages, {"tables": tables})
    return Inspection(source, (), {"tables": tables, **describe(reading.dataset)})


def _table_lines(reading: Reading) -> Iterator[str]:
    """Yields what each table is read for, and which of its columns are not read."""
    of_targets = _columns_of_targets(reading.spec)
    files = _files(reading.spec)
    used: dict[str, set[str]] = defaultdict(set)
    # A table of nodes may be one of edges, too: a column that either reads is read.
    for node_type, node in reading.nodes.items():
        if node is not None:
            used[files[node_type]] |= _columns(node) | of_targets[node_type]
    for key, edge in reading.edges.items():
        used[files[tuple(key)]] |= _columns(edge) | of_targets[tuple(key)]
    told: set[str] = set()
    states = reading.dataset.graph.encoders if reading.dataset is not None else {}
    encoded = {key: TableEncoder.from_dict(state).describe() for key, state in states.items()}
    for node_type, node in reading.nodes.items():
        if node is None:
            yield f"{node_type}: no table; its ids are collected from the edges"
        else:
            ids = "row numbers are the ids" if node.id is None else f"ids in {node.id!r}"
            lines = encoded.get(node_type, ())
            targets = of_targets[node_type]
            yield from _lines(node_type, node.table, ids, columns_of(node), lines, targets)
            yield from _unread(node.table, used, files[node_type], told)
    for key, edge in reading.edges.items():
        ends = f"ends in {edge.src!r} and {edge.dst!r}"
        lines, targets = encoded.get(str(key), ()), of_targets[tuple(key)]
        yield from _lines(f"({key})", edge.table, ends, columns_of(edge), lines, targets)
        yield from _unread(edge.table, used, files[tuple(key)], told)


def _lines(
    name: str,
    source: Source,
    ids: str,
    read: Mapping[str, Sequence[str]],
    encoded: Sequence[str],
    of_targets: set[str],
) -> Iterator[str]:
    try:
        rows, names = source.num_rows, source.names
    except UserError:
        return  # It is among the problems.
    yield f"{name}: {rows:,} rows; {ids}"
    for meaning, columns in read.items():
        if meaning not in ("id", "src", "dst"):
            yield f"  {meaning}: {', '.join(columns)}"
        if meaning in ("features", "category"):
            yield from (f"    {line}" for line in encoded)
    if targets := [column for column in names if column in of_targets]:
        yield f"  targets and splits: {', '.join(targets)}"


def _columns(table: NodeTable | EdgeTable) -> set[str]:
    """Returns the columns that are read, those of keys such as ``order|line`` among them."""
    names = {name for columns in columns_of(table).values() for name in columns}
    return names | {part for name in names for part in name.split("|")}


def _unread(
    source: Source, used: Mapping[str, set[str]], file: str, told: set[str]
) -> Iterator[str]:
    """Yields the columns that no entry of a file reads, once."""
    if file in told:
        return
    told.add(file)
    try:
        names = source.names
    except UserError:
        return
    if unread := [column for column in names if column not in used[file]]:
        yield f"  not read: {', '.join(unread)}"


def _files(spec: Mapping[str, Any]) -> dict[str | tuple[str, ...], str]:
    """Returns the file or query of each table of nodes and of edges."""
    nodes: dict[str | tuple[str, ...], Any] = dict(spec.get("nodes", {}))
    entries = nodes | {tuple(entry.type): entry for entry in spec.get("edges", ())}
    return {place: str(getattr(entry, "file", entry)) for place, entry in entries.items()}


def _columns_of_targets(spec: Mapping[str, Any]) -> Mapping[str | tuple[str, ...], set[str]]:
    """Returns the columns of targets and splits by node type and by edge type."""
    found: dict[str | tuple[str, ...], set[str]] = {key: set() for key in spec.get("nodes", ())}
    found |= {tuple(entry.type): set() for entry in spec.get("edges", ())}
    try:
        declared = declared_targets(spec)
    except UserError:
        return found
    for number, target in enumerate(declared):
        options = target.options
        place = options.get("node_type") or tuple(options.get("edge") or ())
        if place not in found or "file" in options:
            continue
        column = options.get("column", ())
        found[place] |= {column} if isinstance(column, str) else set(column)
        found[place] |= {str(options[key]) for key in ("time", "split") if key in options}
        if not number:
            found[place] |= set((spec.get("splits") or {}).values())
    return found
