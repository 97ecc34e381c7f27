"""The two attentions of HAN: over the neighbours along a meta-path, and over meta-paths."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import CSR
from hetgraph.models.han.config import Activation
from hetgraph.nn.features import Features, TypeEncoder
from hetgraph.ops import dropout, edge_attention, pair_sum, segment_softmax, spmm

__all__ = ["HANLayer", "NodeAttention", "SemanticAttention", "drop_features"]


def drop_features(features: Features | None, p: float) -> Features | None:
    """Returns the features with a fraction of their values dropped, the others scaled up.

    Codes and the learned vectors of types without features stay as they are.
    """
    if isinstance(features, CSR):
        values = features.weight
        if values is None:
            values = torch.ones(features.nnz, device=features.device)
        return features.with_weight(dropout(values, p))
    if features is None or not features.is_floating_point():
        return features
    return dropout(features, p)


class NodeAttention(nn.Module):
    """Attention of a node to its neighbours along one meta-path.

    ``softmax_j leaky_relu(<a_row, h_i> + <a_col, h_j>)`` for each head, then the weighted mean.

    Args:
        num_heads: Number of heads.
        dim: Dimension of a head.
        dropout: Fraction of the weights that are dropped.
        negative_slope: Of the leaky ReLU.
    """

    def __init__(self, num_heads: int, dim: int, dropout: float, negative_slope: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.negative_slope = negative_slope
        self.row = nn.Parameter(torch.empty(num_heads, dim))
        self.col = nn.Parameter(torch.empty(num_heads, dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws Xavier-uniform attention vectors."""
        nn.init.xavier_uniform_(self.row)
        nn.init.xavier_uniform_(self.col)

    def forward(self, pattern: CSR, hidden: Tensor) -> Tensor:
        """Returns ``[num_nodes, num_heads, dim]``; zeros for nodes without neighbours.

        Args:
            pattern: ``[num_nodes, num_nodes]``, a row's entries are the neighbours.
            hidden: ``[num_nodes, num_heads, dim]``.
        """
        row, col = (hidden * self.row).sum(-1), (hidden * self.col).sum(-1)
        if not (self.training and self.dropout):
            return edge_attention(
                pattern,
                None,
                None,
                hidden,
                row_score=row,
                col_score=col,
                negative_slope=self.negative_slope,
            )
        scores = F.leaky_relu(pair_sum(pattern, row, col), self.negative_slope)
        weights = segment_softmax(pattern.indptr, scores)
        return spmm(pattern, hidden, dropout(weights, self.dropout))


class SemanticAttention(nn.Module):
    """One weight per meta-path: ``softmax_p mean_i <q, tanh(W z_pi + b)>``.

    Args:
        dim: Dimension of the representations.
        hidden_dim: Dimension of the hidden layer.
    """

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, hidden_dim)
        self.query = nn.Parameter(torch.empty(1, hidden_dim))
        nn.init.xavier_uniform_(self.query)

    def weights(self, paths: Sequence[Tensor]) -> Tensor:
        """Returns ``[num_paths]`` weights of sum one.

        Args:
            paths: ``[num_nodes, dim]`` representations of each meta-path.
        """
        means = torch.stack([torch.tanh(self.project(path)).mean(0) for path in paths])
        return F.softmax((means * self.query).sum(-1), dim=0)


class HANLayer(nn.Module):
    """Attention over neighbours along each meta-path, then over meta-paths.

    Args:
        projections: Maps of the input to ``num_heads * hidden_dim``: one for each meta-path, or
            a single one that all of them share.
        num_paths: Number of meta-paths. With one there is nothing to weigh.
        num_heads: Number of heads.
        hidden_dim: Dimension of a head.
        semantic_dim: Dimension of the hidden layer of the attention over meta-paths.
        dropout: Fraction of the input that is dropped.
        attention_dropout: Fraction of the attention weights that are dropped.
        negative_slope: Of the leaky ReLU on the scores.
        activation: ``"elu"`` or ``"relu"``.
    """

    def __init__(
        self,
        projections: Sequence[TypeEncoder],
        num_paths: int,
        *,
        num_heads: int,
        hidden_dim: int,
        semantic_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        negative_slope: float = 0.2,
        activation: Activation = "elu",
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.activation = F.elu if activation == "elu" else F.relu
        self.projections = nn.ModuleList(projections)
        self.paths = nn.ModuleList(
            NodeAttention(num_heads, hidden_dim, attention_dropout, negative_slope)
            for _ in range(num_paths)
        )
        merged_dim = num_heads * hidden_dim
        self.semantic = SemanticAttention(merged_dim, semantic_dim) if num_paths > 1 else None

    def forward(self, patterns: Sequence[CSR], x: Features | None) -> tuple[Tensor, Tensor]:
        """Returns ``[num_nodes, num_heads * hidden_dim]`` and the ``[num_paths]`` weights.

        Args:
            patterns: ``[num_nodes, num_nodes]`` neighbours along each meta-path.
            x: ``[num_nodes, in_dim]`` input, or what a projection reads in its place.
        """
        shared: Tensor | None = None
        outputs: list[Tensor] = []
        for i, (pattern, attention) in enumerate(zip(patterns, self.paths, strict=True)):
            if shared is None or len(self.projections) > 1:
                shared = self._project(i, x)
            outputs.append(self.activation(attention(pattern, shared)).flatten(1))
        if self.semantic is None:
            return outputs[0], outputs[0].new_ones(1)
        weights = self.semantic.weights(outputs)
        mixed = outputs[0] * weights[0]
        for weight, output in zip(weights[1:], outputs[1:], strict=True):
            mixed = torch.addcmul(mixed, weight, output)
        return mixed, weights

    def _project(self, path: int, x: Features | None) -> Tensor:
        dropped = drop_features(x, self.dropout) if self.training and self.dropout else x
        hidden: Tensor = self.projections[path](dropped)
        return hidden.view(len(hidden), self.num_heads, hidden.shape[1] // self.num_heads)
