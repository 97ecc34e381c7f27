"""Structural features of a graph: walk vectors, or statistics of the hyperedges of a node."""

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

_VERSION = 1  # to be incremented when walk vectors of the same settings change


def walk_features(graph: HeteroGraph, config: WalkConfig | None = None) -> dict[str, Tensor]:
    """Returns ``[num_nodes, dim]`` float32 walk vectors by node type, cached on disk.

    Walks use the edges of all relations in both directions; nodes without edges get zeros. See
    :func:`walk_vectors`.

    Raises:
        DataError: If the graph has no edge.

    Example:
        >>> from hetgraph.data import HeteroGraph, Relation
        >>> cites = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([1, 2]), 3, 3)
        >>> graph = HeteroGraph(
        ...     num_nodes={"paper": 3},
        ...     relations={("paper", "cites", "paper"): cites},
        ... )
        >>> walk_features(graph, WalkConfig(dim=2))["paper"].shape
        torch.Size([3, 2])
    """
    if not graph.num_edges:
        raise DataError(f"{graph.name or 'the graph'} has no edges, so it has no walks.")
    config = config or WalkConfig()
    edges = joint_adjacency(graph, undirected=True)
    key = [_VERSION, asdict(config), edges.indptr, edges.indices]
    vectors = stored("walks", key, lambda: walk_vectors(edges, config))
    return {name: vectors[span].clone() for name, span in node_spans(graph.num_nodes).items()}


def hyperedge_features(hypergraph: Hypergraph, *, standardize: bool = True) -> dict[str, Tensor]:
    """Returns ``[num_nodes, num_types + 2]`` float32 statistics of the hyperedges by node type.

    Columns: the number of hyperedges per type, the mean of log(1 + size) over them, and the
    logarithm of one plus their number. For graphs whose edges are unknown.

    Args:
        hypergraph: The hypergraph.
        standardize: Whether to scale columns to mean 0 and std 1 over all nodes.

    Example:
        >>> pair_and_all = Hypergraph.from_sets([[0, 2], [0, 1, 2]], [0, 1], num_nodes=3)
        >>> hyperedge_features(pair_and_all)["node"].shape
        torch.Size([3, 4])
    """
    kinds = torch.zeros(hypergraph.num_edges, hypergraph.num_types + 1)
    kinds[torch.arange(hypergraph.num_edges), hypergraph.edge_type.cpu()] = 1
    kinds[:, -1] = hypergraph.sizes.cpu().float().log1p()
    sums = spmm(hypergraph.incidence.to("cpu"), kinds)
    degree = hypergraph.degree.cpu().float().unsqueeze(1)
    sums[:, -1:] /= degree.clamp(min=1)
    features = torch.cat([sums, degree.log1p()], dim=1)
    if standardize:
        std, mean = torch.std_mean(features, dim=0, correction=0)
        features = (features - mean) / torch.where(std > 1e-6, std, 1.0)
    spans = node_spans(hypergraph.node_types)
    return {name: features[span].clone() for name, span in spans.items()}
