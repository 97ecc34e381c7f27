"""Conversion from and to DGL's heterograph.

DGL is no longer developed, so hetgraph does not depend on it: reading uses only the methods of the
given graph, and writing imports ``dgl`` when called.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import SchemaError
from hetgraph.io.attributes import Choice, EdgeNames, NodeNames, side_by_side, tell_left
from hetgraph.io.reverses import link_reverses
from hetgraph.optional import require

__all__ = ["from_dgl", "to_dgl"]

_LOG = logging.getLogger("hetgraph.io")


def from_dgl(
    graph: Any,
    *,
    features: str | NodeNames = "feat",
    edge_weight: str | Mapping[Any, str] = "weight",
    edge_features: str | EdgeNames = "feat",
    edge_time: str | Mapping[Any, str] = "time",
    find_reverses: bool = True,
    name: str = "",
) -> HeteroGraph:
    """Builds a graph from a heterogeneous ``dgl.DGLGraph``.

    Data that are neither read nor named are listed in one warning.

    Args:
        graph: The DGL graph.
        features: Key of the node features, or keys by node type that are read as numbers, one
            beside the other; node types without have no features.
        edge_weight: Key of the edge weights, or one by edge type.
        edge_features: Key of the edge features, or keys by edge type.
        edge_time: Key of the edge times, or one by edge type.
        find_reverses: Declare relations with the same edges in opposite directions as reverses.
        name: Name of the graph.

    Raises:
        DataError: If values do not fit, or data that are named are not there.
        SchemaError: If ``graph`` is not a DGL graph, or a type that is named is unknown.

    Example:
        >>> import dgl
        >>> import torch
        >>> edges = {("user", "buys", "item"): (torch.tensor([0, 1]), torch.tensor([2, 2]))}
        >>> graph = from_dgl(dgl.heterograph(edges, num_nodes_dict={"user": 2, "item": 3}))
        >>> graph.relation("buys").num_edges
        2
    """
    if not (hasattr(graph, "canonical_etypes") and hasattr(graph, "ntypes")):
        raise SchemaError(f"expected a dgl.DGLGraph, got a {type(graph).__name__}.")
    counts = {node_type: int(graph.num_nodes(node_type)) for node_type in graph.ntypes}
    keys = [EdgeType(*triple) for triple in graph.canonical_etypes]
    left: list[tuple[Any, str]] = []
    vectors = {}
    chosen = _choice("features", features, graph.ntypes)
    for node_type, count in counts.items():
        data = graph.nodes[node_type].data
        names = chosen.names(node_type, data)
        if names:
            vectors[node_type] = _features(node_type, {name: data[name] for name in names}, count)
        left += [(node_type, key) for key in data if key not in names and not key.startswith("_")]
    weights = _choice("edge_weight", edge_weight, keys)
    times = _choice("edge_time", edge_time, keys)
    columns = _choice("edge_features", edge_features, keys)
    relations = {}
    for key in keys:
        src, dst = graph.edges(etype=tuple(key), order="eid")
        data, where = graph.edges[tuple(key)].data, f"edges ({key})"
        weight, time = (choice.name(key, data) for choice in (weights, times))
        names = columns.names(key, data)
        relations[key] = Relation.from_edges(
            src,
            dst,
            counts[key.src],
            counts[key.dst],
            weight=None if weight is None else data[weight].flatten(),
            edge_features=side_by_side(where, {name: data[name] for name in names}, src.numel()),
            edge_time=None if time is None else data[time],
        )
        used = {weight, time, *names}
        left += [(key, name) for name in data if name not in used and not name.startswith("_")]
    tell_left(left)
    linked, pairs = link_reverses(relations) if find_reverses else (relations, ())
    return HeteroGraph(
        num_nodes=counts, relations=linked, features=vectors, reverses=pairs, name=name
    )


def _choice(option: str, given: Any, types: Collection[Any]) -> Choice:
    """Returns a choice of one key for all types, or of keys by type."""
    if isinstance(given, str):
        return Choice.of(option, None, types, given)
    return Choice.of(option, given, types)


def _features(node_type: str, columns: Mapping[str, Tensor], count: int) -> Tensor:
    """Returns features; integers that stand alone are categories."""
    alone = next(iter(columns.values())) if len(columns) == 1 else None
    if alone is not None and alone.dim() == 1 and alone.dtype in (torch.int32, torch.int64):
        return alone
    stacked = side_by_side(f"nodes of type {node_type!r}", columns, count)
    assert stacked is not None  # there is at least one
    return stacked


def to_dgl(graph: HeteroGraph) -> Any:
    """Returns a ``dgl.DGLGraph``.

    Node data are ``feat``, edge data ``weight``, ``feat`` and ``time``. Sparse features become
    dense, the only form that DGL has. It has no place for ids and texts, which a warning tells.

    Raises:
        ConfigError: If dgl is not installed.

    Example:
        >>> import dgl
        >>> to_dgl(HeteroGraph(num_nodes={"user": 2}, relations={})).num_nodes("user")
        2
    """
    dgl = require("dgl", "dgl")
    if lost := [f"ids of {key}" for key in graph.ids] + [f"text of {key}" for key in graph.text]:
        _LOG.warning("not written, as DGL has no place for it: %s.", ", ".join(lost))
    edges = {tuple(key): relation.edges() for key, relation in graph.relations.items()}
    result = dgl.heterograph(edges, num_nodes_dict=dict(graph.num_nodes))
    for node_type, value in graph.features.items():
        result.nodes[node_type].data["feat"] = value.to_dense() if isinstance(value, CSR) else value
    for key, relation in graph.relations.items():
        data = result.edges[tuple(key)].data
        if relation.weight is not None:
            data["weight"] = relation.weight
        if relation.edge_features is not None:
            data["feat"] = relation.edge_features
        if relation.edge_time is not None:
            data["time"] = relation.edge_time
    return result
