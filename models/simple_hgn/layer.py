"""The attention layer of Simple-HGN."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import EdgeType
from hetgraph.nn import Dropout, EdgeMaps, JointGraph
from hetgraph.ops import pair_sum, segment_softmax, spmm

__all__ = ["SimpleHGNLayer"]


class SimpleHGNLayer(nn.Module):
    """Multi-head graph attention whose scores depend on the edge type.

    Of head h, for an edge of type r from j to i::

        score = leaky_relu(<a_dst, W x_i> + <a_src, W x_j> + <a_edge, W_edge e_r>)
        alpha = (1 - beta) * dropout(softmax_j(score)) + beta * alpha of the layer before
        out_i = sum_j alpha * W x_j  (+ W_res x_i)

    The third term of the score is one number per type and head, so an edge costs ``heads`` numbers.
    Where edges have weights w or inputs f (see :class:`~hetgraph.nn.EdgeReader`), the score gets
    ``<c, f>`` inside the leaky ReLU, ``softmax(score)`` becomes ``w exp(score)`` divided by its
    sum, and the message becomes ``W x_j + M f``.

    Args:
        in_dim: Dimension of the inputs.
        out_dim: Dimension of a head.
        num_heads: Number of heads.
        num_edge_types: Number of relations, the self-loop counted.
        edge_dim: Dimension of an edge type's embedding.
        dropout: Fraction of the inputs that are dropped.
        attention_dropout: Fraction of the attention weights that are dropped.
        negative_slope: Of the leaky ReLU.
        residual: Whether the inputs are added, by a linear map of their own.
        edge_dims: Dimension of the inputs of edges by relation, where they have some.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        num_heads: int,
        num_edge_types: int,
        *,
        edge_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        negative_slope: float = 0.05,
        residual: bool = False,
        edge_dims: Mapping[EdgeType, int] | None = None,
    ) -> None:
        super().__init__()
        self.num_heads, self.out_dim = num_heads, out_dim
        self.negative_slope = negative_slope
        self.value = nn.Linear(in_dim, num_heads * out_dim, bias=False)
        self.edge_embedding = nn.Embedding(num_edge_types, edge_dim)
        self.edge_value = nn.Linear(edge_dim, num_heads * edge_dim, bias=False)
        self.src_vector = nn.Parameter(torch.empty(num_heads, out_dim))
        self.dst_vector = nn.Parameter(torch.empty(num_heads, out_dim))
        self.edge_vector = nn.Parameter(torch.empty(num_heads, edge_dim))
        self.residual = nn.Linear(in_dim, num_heads * out_dim, bias=False) if residual else None
        self.edge_maps = EdgeMaps(edge_dims or {}, num_heads, out_dim)
        self.dropout = Dropout(dropout)
        self.attention_dropout = Dropout(attention_dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws Xavier-normal weights with the gain of ReLU and standard-normal embeddings."""
        self.edge_embedding.reset_parameters()
        for name, weight in self.named_parameters():
            if not name.startswith(("edge_embedding", "edge_maps")):
                nn.init.xavier_normal_(weight, gain=math.sqrt(2.0))

    def type_scores(self) -> Tensor:
        """Returns ``[num_edge_types, num_heads]``: what the type adds to the score of an edge."""
        value: Tensor = self.edge_value(self.edge_embedding.weight)
        return (value.view(-1, *self.edge_vector.shape) * self.edge_vector).sum(-1)

    def forward(
        self, x: Tensor, graph: JointGraph, before: Tensor | None = None, fraction: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Returns new representations and the attention weights.

        Args:
            x: ``[num_nodes, in_dim]``.
            graph: Edges and their types.
            before: ``[nnz, num_heads]`` attention weights of the layer before.
            fraction: Fraction of ``before`` in the weights of this layer (beta).

        Returns:
            ``[num_nodes, num_heads, out_dim]`` and ``[nnz, num_heads]``.
        """
        x = self.dropout(x)
        value = self.value(x).view(-1, self.num_heads, self.out_dim)
        dst, src = (value * self.dst_vector).sum(-1), (value * self.src_vector).sum(-1)
        score = pair_sum(graph.csr, dst, src) + spmm(graph.types, self.type_scores())
        edges = graph.edges
        if edges is not None and (added := edges.scores(self.edge_maps)) is not None:
            score = score + added
        score = F.leaky_relu(score, self.negative_slope)
        if edges is not None and edges.log_weight is not None:
            score = score + edges.log_weight.unsqueeze(1)
        alpha = segment_softmax(graph.csr.indptr, score)
        alpha = self.attention_dropout(alpha)
        if before is not None:
            alpha = torch.lerp(alpha, before, fraction)
        out = spmm(graph.csr, value, alpha)
        if edges is not None:
            sent = edges.messages(self.edge_maps, alpha, graph.spans)
            out = out if sent is None else out + sent
        if self.residual is not None:
            out = out + self.residual(x).view_as(out)
        return out, alpha
