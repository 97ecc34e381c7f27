"""A classifier over several experts that weights them per class."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.nn import Dropout

__all__ = ["ClassFusion", "gram_error"]


class ClassFusion(nn.Module):
    """Aligned vectors of each expert, a shared classifier, and a weight per expert and class.

    The weight of an expert for a class grows with the cosine between the class query and the
    expert's vectors of labelled nodes of the class. It depends on labelled nodes only, so it is
    constant after training.

    Args:
        num_experts: Number of experts.
        num_classes: Number of classes.
        dim: Dim of the experts' vectors.
        dropout: Dropout probability in each of three places.
    """

    def __init__(self, num_experts: int, num_classes: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_experts, dim, dim))
        self.bias = nn.Parameter(torch.zeros(num_experts, 1, dim))
        self.queries = nn.Parameter(torch.empty(num_classes, dim))
        self.temperature = nn.Parameter(torch.ones(()))
        self.classifier = nn.Linear(dim, num_classes, bias=False)
        self.dropout = Dropout(dropout)
        for matrix in self.weight:
            nn.init.xavier_uniform_(matrix)
        nn.init.xavier_uniform_(self.queries.unsqueeze(1))
        nn.init.xavier_uniform_(self.classifier.weight)

    def align(self, embedded: Tensor) -> Tensor:
        """Returns ``[num_experts, num_nodes, dim]`` from the experts' vectors of that shape."""
        return F.relu(torch.baddbmm(self.bias, self.dropout(embedded), self.weight))

    def expert_weights(self, aligned: Tensor, classes: Tensor) -> Tensor:
        """Returns the weight of each expert for each class, ``[num_experts, num_classes]``.

        The weights of a class sum to 1; those of a class without labelled nodes are equal.

        Args:
            aligned: ``[num_experts, num_nodes, dim]`` of the labelled nodes.
            classes: ``[num_nodes]`` int64.
        """
        directions = F.normalize(self.queries, dim=1)[classes]
        cosine = self.dropout((F.normalize(aligned, dim=2) * directions).sum(dim=2))
        sums = cosine.new_zeros(len(aligned), len(self.queries)).index_add(1, classes, cosine)
        counts = classes.bincount(minlength=len(self.queries)).clamp(min=1)
        weights: Tensor = (self.temperature * (sums / counts)).softmax(dim=0)
        return weights

    def logits(self, aligned: Tensor, weights: Tensor) -> Tensor:
        """Returns ``[num_nodes, num_classes]``.

        Args:
            aligned: ``[num_experts, num_nodes, dim]``.
            weights: ``[num_experts, num_classes]``.
        """
        scores = self.classifier(self.dropout(aligned))
        return torch.einsum("pc,pnc->nc", weights, scores)

    def orthogonality(self, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
        """Returns the deviation of the queries from orthogonality."""
        return gram_error(self.queries, reduction)


def gram_error(queries: Tensor, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
    """Returns the squared difference of the cosines of rows from the identity.

    Args:
        queries: ``[num_classes, dim]``.
        reduction: Over the pairs of rows.
    """
    unit = F.normalize(queries, dim=1)
    error = (unit @ unit.T - torch.eye(len(unit), device=unit.device)).square()
    return error.mean() if reduction == "mean" else error.sum()
