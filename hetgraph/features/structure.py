"""Structural features of a graph: vectors from walks, or from the hyperedges of a node."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.numbering import joint_adjacency, node_spans
from hetgraph.errors import DataError
from hetgraph.features.store import stored
from hetgraph.features.walk_vectors import WalkConfig, walk_vectors
from hetgraph.ops import spmm

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["hyperedge_features", "walk_features"]

_VERSION = 1  # raise it when walk vectors of the same settings change


def walk_features(graph: HeteroGraph, config: WalkConfig | None = None) -> dict[str, Tensor]:
    """Returns ``[num_nodes, dim]`` float32 walk vectors by node type, kept in the cache folder.

    All relations are walked both ways, as one graph; nodes without an edge have zeros. See
    :func:`walk_vectors`.

    Raises:
        DataError: If the graph has no edge.
    """
    if not graph.num_edges:
        raise DataError(f"{graph.name or 'the graph'} has no edges, so there is nothing to walk.")
    config = config or WalkConfig()
    edges = joint_adjacency(graph, undirected=True)
    key = [_VERSION, asdict(config), edges.indptr, edges.indices]
    vectors = stored("walks", key, lambda: walk_vectors(edges, config))
    return {name: vectors[span].clone() for name, span in node_spans(graph.num_nodes).items()}


def hyperedge_features(hypergraph: Hypergraph) -> dict[str, Tensor]:
    """Returns float32 features of the hyperedges of each node, by node type.

    These are its number of hyperedges of each type, the mean of log(1 + size) over them, and the
    logarithm of one plus their number: ``[num_nodes, num_types + 2]``, standardised over all
    nodes. For graphs whose edges are not known.
    """
    kinds = torch.zeros(hypergraph.num_edges, hypergraph.num_types + 1)
    kinds[torch.arange(hypergraph.num_edges), hypergraph.edge_type.cpu()] = 1
    kinds[:, -1] = hypergraph.sizes.cpu().float().log1p()
    sums = spmm(hypergraph.incidence.to("cpu"), kinds)
    degree = hypergraph.degree.cpu().float().unsqueeze(1)
    sums[:, -1:] /= degree.clamp(min=1)
    features = torch.cat([sums, degree.log1p()], dim=1)
    deviation, mean = torch.std_mean(features, dim=0, correction=0)
    features = (features - mean) / torch.where(deviation > 1e-6, deviation, 1.0)
    spans = node_spans(hypergraph.node_types)
    return {name: features[span].clone() for name, span in spans.items()}
