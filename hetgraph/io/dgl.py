"""Conversion from and to DGL's heterograph.

DGL is no longer developed, so hetgraph does not depend on it: reading uses only the methods of the
given graph, and writing imports ``dgl`` when called.
"""

from __future__ import annotations

from typing import Any

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import SchemaError
from hetgraph.io.reverses import link_reverses
from hetgraph.optional import require

__all__ = ["from_dgl", "to_dgl"]


def from_dgl(
    graph: Any,
    *,
    features: str = "feat",
    edge_weight: str = "weight",
    edge_features: str = "feat",
    find_reverses: bool = True,
    name: str = "",
) -> HeteroGraph:
    """Builds a graph from a heterogeneous ``dgl.DGLGraph``.

    Args:
        graph: The DGL graph.
        features: Key of the node features; node types without it have no features.
        edge_weight: Key of the edge weights.
        edge_features: Key of the edge features.
        find_reverses: Declare relations that are exact transposes of each other as reverses.
        name: Name of the graph.

    Raises:
        SchemaError: If ``graph`` is not a DGL graph.

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
    vectors = {}
    for node_type in graph.ntypes:
        data = graph.nodes[node_type].data
        if features in data:
            value = data[features]
            vectors[node_type] = (
                value[:, None] if value.dim() == 1 and value.is_floating_point() else value
            )
    relations = {}
    for triple in graph.canonical_etypes:
        key = EdgeType(*triple)
        src, dst = graph.edges(etype=triple, order="eid")
        data = graph.edges[triple].data
        relations[key] = Relation.from_edges(
            src,
            dst,
            counts[key.src],
            counts[key.dst],
            weight=data[edge_weight].flatten() if edge_weight in data else None,
            edge_features=data[edge_features] if edge_features in data else None,  # noqa: SIM401
        )
    linked, pairs = link_reverses(relations) if find_reverses else (relations, ())
    return HeteroGraph(
        num_nodes=counts, relations=linked, features=vectors, reverses=pairs, name=name
    )


def to_dgl(graph: HeteroGraph) -> Any:
    """Returns a ``dgl.DGLGraph`` with node data ``feat`` and edge data ``weight`` and ``feat``.

    Sparse features become dense, the only form that DGL has.

    Raises:
        ConfigError: If dgl is not installed.

    Example:
        >>> import dgl
        >>> to_dgl(HeteroGraph(num_nodes={"user": 2}, relations={})).num_nodes("user")
        2
    """
    dgl = require("dgl", "dgl")
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
    return result
