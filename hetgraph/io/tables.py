"""Graphs from one table per node type and per edge type."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.entries import node_count
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError, SchemaError, UserError, suggest
from hetgraph.io.columns import encode_features, node_features, text_column, times, weights
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.ids import IdMap, check_ids
from hetgraph.io.problems import Problems
from hetgraph.io.selected import complete_rows
from hetgraph.io.sources import Source, as_source

__all__ = ["Parts", "from_tables", "number_of_nodes", "read_parts"]

Array = np.ndarray[Any, Any]
EdgeKey = tuple[str, str, str]


@dataclass
class Parts:
    """What tables hold, by node type and by edge type; of a part with a mistake nothing."""

    maps: dict[str, IdMap] = field(default_factory=dict)
    ids: dict[str, pa.Array] = field(default_factory=dict)
    text: dict[str, pa.Array] = field(default_factory=dict)
    features: dict[str, Tensor | CSR] = field(default_factory=dict)
    relations: dict[EdgeType, Relation] = field(default_factory=dict)
    encoders: dict[str, dict[str, Any]] = field(default_factory=dict)


def from_tables(
    nodes: Mapping[str, Any],
    edges: Mapping[EdgeKey, Any] | Mapping[EdgeType, Any],
    *,
    id_column: str = "id",
    src_column: str = "src",
    dst_column: str = "dst",
    reverses: Sequence[tuple[EdgeKey, EdgeKey]] = (),
    add_reverses: bool = False,
    encoders: Mapping[str, Mapping[str, Any]] | None = None,
    name: str = "",
) -> HeteroGraph:
    """Builds a graph from tables.

    Ids may be numbers, texts or UUIDs; ``graph.ids[type]`` keeps them, in the order of the nodes,
    which is that of their table.

    Args:
        nodes: By node type a :class:`NodeTable`, a plain table with ids in ``id_column``, the
            number of nodes (ids 0, 1, ...), or ``None``: the ids are collected from the edges and
            sorted.
        edges: By ``(source type, name, destination type)`` an :class:`EdgeTable`, or a plain table
            with columns ``src_column`` and ``dst_column``.
        id_column: Name of the id column of plain node tables.
        src_column: Name of the source column of plain edge tables.
        dst_column: Name of the destination column of plain edge tables.
        reverses: Pairs of edge types that hold the same edges in opposite directions.
        add_reverses: Add a declared reverse, ``rev_<name>``, to every relation without one.
        encoders: Encoders of columns from another graph, ``graph.encoders``: its tables' columns
            are read with them, and not fitted again.
        name: Name of the graph.

    Returns:
        The validated graph.

    Raises:
        DataError: If an edge has an unknown end, an id is repeated or missing, or a feature is not
            a finite number; naming table, column, row and value.
        SchemaError: If an edge type names a node type that ``nodes`` lacks.

    Example:
        >>> graph = from_tables(
        ...     nodes={
        ...         "author": {"id": ["ann", "bob"]},
        ...         "paper": NodeTable({"id": [7, 9], "year": [1999, 2001]}, features=["year"]),
        ...     },
        ...     edges={("author", "writes", "paper"): {"src": ["ann", "bob"], "dst": [9, 9]}},
        ... )
        >>> graph.ids["paper"].to_pylist(), graph.relation("writes").edges()[1].tolist()
        ([7, 9], [1, 1])
    """
    problems = Problems()
    edge_tables: dict[EdgeType, EdgeTable] = {}
    for key, table in edges.items():
        with problems.of_part():
            triple = _triple(key)
            edge_tables[triple] = _edge_table(triple, table, src_column, dst_column)
    node_tables: dict[str, NodeTable | None] = {}
    for node_type, table in nodes.items():
        with problems.of_part():
            node_tables[node_type] = _node_table(node_type, table, id_column)
    unreadable = set(nodes) - {*node_tables}
    parts = read_parts(node_tables, edge_tables, problems, unreadable, encoders=encoders or {})
    problems.check()
    graph = HeteroGraph(
        num_nodes={node_type: ids.num_nodes for node_type, ids in parts.maps.items()},
        relations=parts.relations,
        features=parts.features,
        reverses=[(EdgeType(*a), EdgeType(*b)) for a, b in reverses],
        ids=parts.ids,
        text=parts.text,
        encoders=parts.encoders,
        name=name,
    )
    return graph.with_reverses() if add_reverses else graph


def read_parts(
    nodes: Mapping[str, NodeTable | None],
    edges: Mapping[EdgeType, EdgeTable],
    problems: Problems,
    unreadable: Collection[str] = (),
    *,
    encoders: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    tell: Callable[[str], None] | None = None,
) -> Parts:
    """Reads all tables, and goes on after a mistake.

    Args:
        nodes: Node tables by node type; ``None``: the ids are collected from the edges.
        edges: Edge tables by edge type.
        problems: Gets the mistakes.
        unreadable: Node types whose table cannot be opened, of which ``problems`` knows.
        encoders: Encoders of columns that were fitted before, by type.
        tell: Gets a line about each column with categories that they have not seen; ``None``: it
            is logged.
    """
    parts = Parts()
    ends = {node_type for key in edges for node_type in (key.src, key.dst)}
    for node_type in sorted(ends - {*nodes, *unreadable}):
        keys = ", ".join(f"({key})" for key in edges if node_type in (key.src, key.dst))
        problems.add(
            SchemaError(
                f"{keys} needs node type {node_type!r}, which has no table."
                f"{suggest(node_type, nodes)} Give {node_type!r}: None to collect its ids "
                "from the edges."
            )
        )
    for node_type, table in nodes.items():
        if table is None:
            with problems.of_part():
                ids = _ids_of_edges(node_type, edges)
                parts.maps[node_type] = IdMap(node_type, ids)
                parts.ids[node_type] = ids
                if node_type in encoders:
                    raise DataError(
                        f"node type {node_type!r} has encoders of columns, but no table with these "
                        "columns; give its table."
                    )
        else:
            _read_nodes(parts, node_type, table, problems, encoders.get(node_type), tell)
    for key, edge_table in edges.items():
        _read_edges(parts, key, edge_table, problems, encoders.get(str(key)), tell)
    return parts


# ------------------------------------------------------------------------------ reading


def number_of_nodes(node_type: str, count: int | None) -> NodeTable | None:
    """Returns a node table whose row numbers are the ids; ``None`` stays ``None``.

    Raises:
        DataError: If the number is negative.
    """
    if count is None:
        return None
    rows = pa.table({"row": np.arange(node_count(f"node type {node_type!r}", count))})
    return NodeTable(as_source(rows, f"table {node_type!r}"), id=None)


def _node_table(node_type: str, table: Any, id_name: str) -> NodeTable | None:
    if isinstance(table, NodeTable):
        label = f"table {node_type!r}"
        source = as_source(table.table, label, separator=table.separator, columns=table.columns)
        return replace(table, table=source)
    if table is None or isinstance(table, (int, np.integer)):
        return number_of_nodes(node_type, None if table is None else int(table))
    return NodeTable(as_source(table, f"table {node_type!r}"), id=id_name)


def _triple(key: Any) -> EdgeType:
    if not isinstance(key, tuple) or len(key) != 3:
        raise SchemaError(
            f"edge type {key!r} must be a triple (source type, name, destination type)."
        )
    return EdgeType(*key)


def _edge_table(key: EdgeType, table: Any, src_name: str, dst_name: str) -> EdgeTable:
    given = table if isinstance(table, EdgeTable) else EdgeTable(table, src_name, dst_name)
    label = f"table ({key})"
    source = as_source(given.table, label, separator=given.separator, columns=given.columns)
    return replace(given, table=source)


def _read_nodes(
    parts: Parts,
    node_type: str,
    table: NodeTable,
    problems: Problems,
    encoder: Mapping[str, Any] | None,
    tell: Callable[[str], None] | None,
) -> None:
    source: Source = table.table
    with problems.of_part():
        if table.id is None:
            parts.maps[node_type] = IdMap(node_type, source.num_rows)
        else:
            ids = _ids_of_table(source, table.id, problems)
            parts.maps[node_type] = IdMap(node_type, ids)
            parts.ids[node_type] = ids
    if table.text is not None:
        with problems.of_part():
            parts.text[node_type] = text_column(source, table.text)
    with problems.of_part():
        features, state = node_features(source, table, encoder, tell)
        if features is not None:
            parts.features[node_type] = features
        if state is not None:
            parts.encoders[node_type] = state


def _ids_of_table(source: Source, name: str, problems: Problems) -> pa.Array:
    """Returns the ids of a node table; of one with mistakes those that are usable."""
    column = source.written(name)
    where, text_file = f"{source.label}, column {name!r}", source.is_text_file
    try:
        return check_ids(column, where, text_file=text_file)
    except UserError as error:
        usable = _distinct(column)
        if usable is None:
            raise
        problems.add(error)  # Edges and targets are checked against the ids that there are.
    return check_ids(usable, where, text_file=text_file)


def _distinct(column: pa.Array) -> pa.Array | None:
    try:
        return pc.unique(column.drop_null())
    except pa.ArrowNotImplementedError:
        return None


def _ids_of_edges(node_type: str, edges: Mapping[EdgeType, EdgeTable]) -> pa.Array:
    """Returns the sorted ids of a node type without a table, from its edges."""
    columns = [
        table.table.written(name).drop_null()
        for key, table in edges.items()
        for end, name in ((key.src, table.src), (key.dst, table.dst))
        if end == node_type
    ]
    if not columns:
        raise DataError(
            f"node type {node_type!r} has neither a table nor edges to collect its ids from."
        )
    try:
        ids = pc.unique(pa.chunked_array(_one_type(columns)))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError) as error:
        kinds = " and ".join(sorted({str(column.type) for column in columns}))
        raise DataError(
            f"the edge tables hold ids of {node_type!r} as {kinds}; convert them to one type."
        ) from error
    text_file = all(
        table.table.is_text_file for key, table in edges.items() if node_type in (key.src, key.dst)
    )
    return check_ids(ids.sort(), f"ids of {node_type!r}", text_file=text_file).sort()


def _one_type(columns: Sequence[pa.Array]) -> list[pa.Array]:
    columns = [column for column in columns if len(column)] or columns[:1]
    kinds = {column.type for column in columns}
    if len(kinds) > 1 and all(pa.types.is_integer(kind) for kind in kinds):
        return [column.cast(pa.int64()) for column in columns]
    return list(columns)


def _read_edges(
    parts: Parts,
    key: EdgeType,
    table: EdgeTable,
    problems: Problems,
    encoder: Mapping[str, Any] | None,
    tell: Callable[[str], None] | None,
) -> None:
    source: Source = table.table
    if table.missing == "skip":
        with problems.of_part():
            source = complete_rows(source, (table.src, table.dst))
    read = {}
    for end, node_type, name in (("src", key.src, table.src), ("dst", key.dst, table.dst)):
        ids = parts.maps.get(node_type)
        with problems.of_part():
            source.check(name)
            if ids is not None:
                read[end] = ids.rows(source.written(name), f"{source.label}, column {name!r}")
    values: dict[str, Any] = {}
    with problems.of_part():
        values["edge_features"] = None
        if table.features or encoder is not None:
            features, state = encode_features(
                source, table.features, table.dtype, encoder, dense=True, tell=tell
            )
            values["edge_features"] = features
            parts.encoders[str(key)] = state
    for name, reader in (("weight", _weights), ("edge_time", _times)):
        with problems.of_part():
            values[name] = reader(source, table)
    if len(read) == 2 and len(values) == 3:
        with problems.of_part():
            parts.relations[key] = Relation.from_edges(
                read["src"],
                read["dst"],
                parts.maps[key.src].num_nodes,
                parts.maps[key.dst].num_nodes,
                **values,
            )


def _weights(source: Source, table: EdgeTable) -> Tensor | None:
    return None if table.weight is None else weights(source, table.weight, table.dtype)


def _times(source: Source, table: EdgeTable) -> Tensor | None:
    return None if table.time is None else times(source, table.time)
