"""A graph as one Arrow table per node type and per edge type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.io.columns import sparse_to_column, tensor_to_column
from hetgraph.io.declare import EdgeTable, NodeTable, Tables

__all__ = ["id_column", "to_tables"]


def to_tables(graph: HeteroGraph) -> Tables:
    """Returns a graph as pyarrow tables with their declarations.

    Ids are in column ``id``; a graph without ids has no such column, and row numbers are the ids.
    The ids of edges are in ``src`` and ``dst``. Features become a column of lists, sparse features
    one of maps.

    Example:
        >>> from hetgraph.io import from_tables
        >>> tables = to_tables(from_tables({"paper": {"id": [7, 9]}}, {}))
        >>> tables.nodes["paper"].table["id"].to_pylist()
        [7, 9]
    """
    nodes = {node_type: _node_table(graph, node_type) for node_type in graph.num_nodes}
    edges = {key: _edge_table(graph, key) for key in graph.relations}
    return Tables(nodes, edges, graph.schema.reverses)


def _node_table(graph: HeteroGraph, node_type: str) -> NodeTable:
    columns: dict[str, Any] = {}
    declared: dict[str, Any] = {"id": None}
    if node_type in graph.ids:
        columns["id"], declared["id"] = graph.ids[node_type], "id"
    if node_type in graph.text:
        columns["text"], declared["text"] = graph.text[node_type], "text"
    features = graph.features.get(node_type)
    if isinstance(features, CSR):
        columns["features"] = sparse_to_column(features)
        declared |= {"sparse": "features", "sparse_dim": features.num_cols}
        if features.weight is not None:
            declared["dtype"] = _dtype_name(features.weight)
    elif features is not None:
        columns["features"] = tensor_to_column(features)
        size = graph.schema.node_types[node_type].dim
        if features.is_floating_point():
            declared |= {"features": ["features"], "dtype": _dtype_name(features)}
        elif size == (int(features.max()) + 1 if features.numel() else 0):
            declared["category"] = "features"
        else:  # Some codes are of no node here.
            declared["features"] = {"features": {"encode": "codes", "size": size}}
    if not columns:
        columns["row"] = np.arange(graph.num_nodes[node_type])
    return NodeTable(pa.table(columns), **declared)


def _edge_table(graph: HeteroGraph, key: EdgeType) -> EdgeTable:
    relation = graph.relations[key]
    src, dst = relation.edges()
    columns: dict[str, Any] = {
        "src": id_column(graph, key.src, src),
        "dst": id_column(graph, key.dst, dst),
    }
    declared: dict[str, Any] = {}
    dtypes = []
    if relation.weight is not None:
        columns["weight"], declared["weight"] = tensor_to_column(relation.weight), "weight"
        dtypes.append(relation.weight.dtype)
    if relation.edge_features is not None:
        columns["features"] = tensor_to_column(relation.edge_features)
        declared["features"] = ["features"]
        dtypes.append(relation.edge_features.dtype)
    if relation.edge_time is not None:
        columns["time"], declared["time"] = tensor_to_column(relation.edge_time), "time"
    if dtypes:
        # Weights and features share one dtype: the wider one represents both exactly.
        widest = torch.promote_types(dtypes[0], dtypes[-1])
        declared["dtype"] = str(widest).removeprefix("torch.")
    return EdgeTable(pa.table(columns), **declared)


def id_column(graph: HeteroGraph, node_type: str, rows: Tensor) -> pa.Array:
    """Returns the ids of nodes as a column, or their row numbers if the graph has no ids."""
    index = pa.array(rows.cpu().numpy())
    return graph.ids[node_type].take(index) if node_type in graph.ids else index


def _dtype_name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
