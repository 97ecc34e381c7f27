"""Graphs from one table per node type and per edge type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, DataError, SchemaError, suggest
from hetgraph.io.columns import categories, dense_columns, sparse_column, times
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.ids import IdMap, check_ids
from hetgraph.io.sources import Source, as_source

__all__ = ["from_tables"]

EdgeKey = tuple[str, str, str]


@dataclass
class _NodeData:
    """Contents of the node tables by node type."""

    maps: dict[str, IdMap] = field(default_factory=dict)
    ids: dict[str, pa.Array] = field(default_factory=dict)
    text: dict[str, pa.Array] = field(default_factory=dict)
    features: dict[str, Tensor | CSR] = field(default_factory=dict)


def from_tables(
    nodes: Mapping[str, Any],
    edges: Mapping[EdgeKey, Any] | Mapping[EdgeType, Any],
    *,
    id_column: str = "id",
    src_column: str = "src",
    dst_column: str = "dst",
    reverses: Sequence[tuple[EdgeKey, EdgeKey]] = (),
    add_reverses: bool = False,
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
    edge_tables = {
        _triple(key): _edge_table(_triple(key), table, src_column, dst_column)
        for key, table in edges.items()
    }
    for key in edge_tables:
        for node_type in (key.src, key.dst):
            if node_type not in nodes:
                raise SchemaError(
                    f"table ({key}) needs node type {node_type!r}, which has no table."
                    f"{suggest(node_type, nodes)} Give {node_type!r}: None to collect its ids "
                    "from the edges."
                )
    data = _NodeData()
    for node_type, table in nodes.items():
        if table is None:
            ids = _ids_of_edges(node_type, edge_tables)
            data.maps[node_type] = IdMap(node_type, ids)
            data.ids[node_type] = ids
        else:
            _read_nodes(data, node_type, _node_table(node_type, table, id_column))
    graph = HeteroGraph(
        num_nodes={node_type: ids.num_nodes for node_type, ids in data.maps.items()},
        relations={key: _read_edges(key, edge_tables[key], data.maps) for key in edge_tables},
        features=data.features,
        reverses=[(EdgeType(*a), EdgeType(*b)) for a, b in reverses],
        ids=data.ids,
        text=data.text,
        name=name,
    )
    return graph.with_reverses() if add_reverses else graph


# ------------------------------------------------------------------------------ reading


def _node_table(node_type: str, table: Any, id_name: str) -> NodeTable:
    if isinstance(table, NodeTable):
        return table
    if isinstance(table, (int, np.integer)):
        if table < 0:
            raise DataError(f"node type {node_type!r}: {table} nodes; expected 0 or more.")
        return NodeTable(pa.table({"row": np.arange(table)}), id=None)
    return NodeTable(table, id=id_name)


def _triple(key: Any) -> EdgeType:
    if not isinstance(key, tuple) or len(key) != 3:
        raise SchemaError(
            f"edge type {key!r} must be a triple (source type, name, destination type)."
        )
    return EdgeType(*key)


def _edge_table(key: EdgeType, table: Any, src_name: str, dst_name: str) -> EdgeTable:
    given = table if isinstance(table, EdgeTable) else EdgeTable(table, src_name, dst_name)
    return replace(given, table=as_source(given.table, f"table ({key})"))


def _read_nodes(data: _NodeData, node_type: str, table: NodeTable) -> None:
    source = as_source(table.table, f"table {node_type!r}")
    if table.id is None:
        data.maps[node_type] = IdMap(node_type, source.num_rows)
    else:
        where = f"{source.label}, column {table.id!r}"
        ids = check_ids(source.written(table.id), where, text_file=source.is_text_file)
        data.maps[node_type] = IdMap(node_type, ids)
        data.ids[node_type] = ids
    if table.text is not None:
        data.text[node_type] = _texts(source, table.text)
    declared = {"features": table.features, "sparse": table.sparse, "category": table.category}
    given = [key for key, value in declared.items() if value]
    if len(given) > 1:
        raise ConfigError(
            f"{source.label} declares {' and '.join(given)}; a node type has one kind of features."
        )
    if table.features:
        data.features[node_type] = dense_columns(source, table.features, table.dtype)
    elif table.sparse:
        data.features[node_type] = sparse_column(
            source, table.sparse, table.sparse_dim, table.dtype
        )
    elif table.category:
        data.features[node_type] = categories(source, table.category)


def _texts(source: Source, name: str) -> pa.Array:
    column = source.written(name)
    if pa.types.is_null(column.type):  # All texts are missing, or there are no rows.
        column = column.cast(pa.large_string())
    if not pa.types.is_large_string(column.type):
        raise DataError(f"{source.label}, column {name!r} holds {column.type}; expected text.")
    return column.fill_null("")


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


def _read_edges(key: EdgeType, table: EdgeTable, maps: Mapping[str, IdMap]) -> Relation:
    source: Source = table.table
    ends = {}
    for node_type, name in ((key.src, table.src), (key.dst, table.dst)):
        where = f"{source.label}, column {name!r}"
        ends[name] = maps[node_type].rows(source.written(name), where)
    features = dense_columns(source, table.features, table.dtype) if table.features else None
    weight = None
    if table.weight is not None:
        weight = dense_columns(source, [table.weight], table.dtype)
        if weight.shape[1] != 1:
            raise DataError(
                f"{source.label}, column {table.weight!r} holds lists; expected a number per edge."
            )
    return Relation.from_edges(
        ends[table.src],
        ends[table.dst],
        maps[key.src].num_nodes,
        maps[key.dst].num_nodes,
        weight=None if weight is None else weight[:, 0],
        edge_features=features,
        edge_time=None if table.time is None else times(source, table.time),
    )
