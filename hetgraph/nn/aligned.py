"""Features of one type at a fixed dimension, the same way for the graphs of later questions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import Schema
from hetgraph.features.svd import align_features, aligned_by, alignment_of
from hetgraph.nn.features import feature_matrix

__all__ = ["AlignedInput"]


class AlignedInput(nn.Module):
    """Reduces features by an SVD of the training graph, as :func:`align_features` does.

    The right singular vectors are kept, so that rows of another graph mean the same. Without
    features every node has a row of a random frame, which follows the node to other graphs.

    Args:
        schema: What the graph is made of.
        node_type: The type.
        num_nodes: Number of its nodes.
        dim: Dimension of the result.

    Example:
        >>> counts, x = {"paper": 4}, torch.eye(4)
        >>> graph = HeteroGraph(num_nodes=counts, relations={}, features={"paper": x})
        >>> aligned = AlignedInput(graph.schema, "paper", 4, dim=2)
        >>> made = aligned.fit(graph, seed=0)
        >>> torch.allclose(aligned(graph), made, atol=1e-5)
        True
    """

    frame: Tensor

    def __init__(self, schema: Schema, node_type: str, num_nodes: int, dim: int) -> None:
        super().__init__()
        feature_dim = schema.node_types[node_type].dim
        self.node_type, self.bare = node_type, not feature_dim
        self.frame = nn.Buffer(torch.zeros(feature_dim or num_nodes, dim))

    def node_rows(self) -> dict[str, tuple[str, ...]]:
        """Returns the frame of a type without features, which has a row per node."""
        return {"frame": (self.node_type,)} if self.bare else {}

    def fit(self, graph: HeteroGraph, seed: int) -> Tensor:
        """Returns ``[num_nodes, dim]`` of the graph that is trained on, and keeps the alignment."""
        features, dim = feature_matrix(graph, self.node_type), self.frame.shape[1]
        made = align_features(features, graph.num_nodes[self.node_type], dim, seed)
        kept = made if features is None else alignment_of(features, dim, seed)
        self.frame[: len(kept)] = kept  # the last categories may not occur
        return made

    def forward(self, graph: HeteroGraph) -> Tensor:
        """Returns ``[num_nodes, dim]`` of another graph, by the alignment of training."""
        features = feature_matrix(graph, self.node_type)
        return self.frame if features is None else aligned_by(features, self.frame)
