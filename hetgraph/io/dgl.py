"""DGL's heterograph, in both directions, for those who still have DGL installed.

DGL is no longer developed, so hetgraph never needs it: reading uses only the methods of the graph
that is given, writing imports ``dgl`` when it is called.
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
    """Builds a graph from a ``dgl.DGLGraph`` with types.

    Args:
        graph: The DGL graph.
        features: Key of the node features; types without it have none.
        edge_weight: Key of the edge weights.
        edge_features: Key of the edge features.
        find_reverses: Declare relations that are exact transposes of each other as reverses.
        name: What the graph is called.

    Raises:
        SchemaError: If ``graph`` is not a DGL graph.
    """
    if not (hasattr(graph, "canonical_etypes") and hasattr(graph, "ntypes")):
        raise SchemaError(f"expected a dgl.DGLGraph, got a {type(graph).__name__}.")
    counts = {kind: int(graph.num_nodes(kind)) for kind in graph.ntypes}
    vectors = {}
    for kind in graph.ntypes:
        data = graph.nodes[kind].data
        if features in data:
            value = data[features]
            vectors[kind] = (
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

    Sparse features become dense, as DGL holds nothing else.

    Raises:
        ConfigError: If dgl is not installed.
    """
    dgl = require("dgl", "dgl")
    edges = {tuple(key): relation.edges() for key, relation in graph.relations.items()}
    result = dgl.heterograph(edges, num_nodes_dict=dict(graph.num_nodes))
    for kind, value in graph.features.items():
        result.nodes[kind].data["feat"] = value.to_dense() if isinstance(value, CSR) else value
    for key, relation in graph.relations.items():
        data = result.edges[tuple(key)].data
        if relation.weight is not None:
            data["weight"] = relation.weight
        if relation.edge_features is not None:
            data["feat"] = relation.edge_features
    return result
