"""Hypergraphs as tables with one row per membership, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.numbering import node_spans
from hetgraph.errors import DataError, SchemaError, suggest
from hetgraph.io.ids import IdMap, missing_row
from hetgraph.io.sources import Source, as_source

__all__ = ["HyperedgeTable", "hyperedge_table", "read_hyperedges"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class HyperedgeTable:
    """A table with one row per membership of a node in a hyperedge, and its columns.

    Args:
        table: As for :class:`NodeTable`.
        hyperedge: Column of hyperedge ids, of any type; they are numbered in order of appearance.
        node: Column of node ids.
        node_type: Column of node types; ``None``: the graph has a single node type.
        type: Column of hyperedge types; ``None``: all hyperedges have the same type.
        separator: As for :class:`NodeTable`.
        columns: As for :class:`NodeTable`.
    """

    table: Any
    hyperedge: str = "hyperedge"
    node: str = "node"
    node_type: str | None = None
    type: str | None = None
    separator: str | None = None
    columns: Sequence[str] | None = None


def read_hyperedges(declared: HyperedgeTable, graph: HeteroGraph, name: str) -> Hypergraph:
    """Reads a hypergraph over the nodes of a graph.

    Raises:
        DataError: If a value is missing, a node is unknown, a node is listed twice in a hyperedge
            or a hyperedge has two types.
        SchemaError: If a node type is unknown or not given.
    """
    label = f"hyperedges {name!r}"
    source = as_source(
        declared.table, label, separator=declared.separator, columns=declared.columns
    )
    edges, edge_names = _codes(source.written(declared.hyperedge), declared.hyperedge, name)
    nodes = _nodes(declared, graph, source, name)
    if declared.type is None:
        types, type_names = np.zeros(len(edges), dtype=np.int64), ["hyperedge"]
    else:
        types, type_names = _codes(source.written(declared.type), declared.type, name)
    by_edge = np.zeros(len(edge_names), dtype=np.int64)
    by_edge[edges[::-1]] = types[::-1]  # The first row of each hyperedge counts.
    odd = np.flatnonzero(by_edge[edges] != types)
    if odd.size:
        raise DataError(
            f"hyperedges {name!r}, row {odd[0]} (from 0): hyperedge {edge_names[edges[odd[0]]]!r} "
            "has two types; give each hyperedge one type."
        )
    return Hypergraph.from_pairs(
        nodes, edges, by_edge, num_nodes=graph.num_nodes, type_names=type_names
    )


def hyperedge_table(hypergraph: Hypergraph, graph: HeteroGraph) -> pa.Table:
    """Returns the memberships as a table with the ids of the graph.

    :func:`read_hyperedges` reads it.

    Raises:
        DataError: If a hyperedge has no members, as a table cannot represent it.
    """
    empty = int((hypergraph.sizes == 0).sum())
    if empty:
        raise DataError(
            f"{empty} hyperedges have no members, which a table cannot represent; drop them."
        )
    edges, nodes = (ends.long().numpy() for ends in hypergraph.members.coo())
    ids, kinds = (np.empty(len(nodes), dtype=object) for _ in range(2))
    for node_type, span in node_spans(graph.num_nodes).items():
        rows = np.flatnonzero((nodes >= span.start) & (nodes < span.stop))
        names = pa.array(nodes[rows] - span.start)
        if node_type in graph.ids:
            names = graph.ids[node_type].take(names)
        ids[rows], kinds[rows] = pc.cast(names, pa.large_string()).to_pylist(), node_type
    types = np.array(hypergraph.type_names, dtype=object)[hypergraph.edge_type.numpy()[edges]]
    return pa.table(
        {
            "hyperedge": edges,
            "node_type": pa.array(kinds, pa.large_string()),
            "node": pa.array(ids, pa.large_string()),
            "type": pa.array(types, pa.large_string()),
        }
    )


def _nodes(declared: HyperedgeTable, graph: HeteroGraph, source: Source, name: str) -> Array:
    """Returns the global node ids, offset by type."""
    column = source.written(declared.node)
    where = f"hyperedges {name!r}, column {declared.node!r}"
    spans = node_spans(graph.num_nodes)
    if declared.node_type is None:
        if len(spans) > 1:
            raise SchemaError(
                f"hyperedges {name!r}: the graph has the node types {', '.join(spans)}; give the "
                "type of each node in a column node_type."
            )
        kinds, kind_names = np.zeros(len(column), dtype=np.int64), list(spans)
    else:
        kinds, kind_names = _codes(source.written(declared.node_type), declared.node_type, name)
    numbers = np.zeros(len(column), dtype=np.int64)
    for code, kind in enumerate(kind_names):
        if kind not in spans:
            raise SchemaError(f"hyperedges {name!r}: no node type {kind!r}.{suggest(kind, spans)}")
        rows = np.flatnonzero(kinds == code)
        ids = graph.ids.get(kind)
        known = IdMap(kind, graph.num_nodes[kind] if ids is None else ids)
        numbers[rows] = spans[kind].start + known.rows(column.take(pa.array(rows)), where)
    return numbers


def _codes(column: pa.Array, column_name: str, name: str) -> tuple[Array, list[str]]:
    """Returns codes in order of appearance, and the values as texts."""
    row = missing_row(column)
    if row is not None:
        raise DataError(
            f"hyperedges {name!r}, column {column_name!r}, row {row} (from 0): the value is "
            "missing."
        )
    coded = column.dictionary_encode()
    names = pc.cast(coded.dictionary, pa.large_string()).to_pylist()
    return coded.indices.to_numpy().astype(np.int64), names
