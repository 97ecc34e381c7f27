"""One classifier over several experts, whose word counts differently for each class."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.nn import Dropout

__all__ = ["ClassFusion", "gram_error"]


class ClassFusion(nn.Module):
    """Aligned vectors of each expert, a shared classifier, and a weight by expert and class.

    An expert counts for a class as far as its vectors of the class's labelled nodes point where
    the query of the class does. The weights depend on labelled nodes alone, so that after training
    they are constant.

    Args:
        num_experts: Number of experts.
        num_classes: Number of classes.
        dim: Width of the experts' vectors.
        dropout: Share that is dropped in each of three places.
    """

    def __init__(self, num_experts: int, num_classes: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_experts, dim, dim))
        self.bias = nn.Parameter(torch.zeros(num_experts, 1, dim))
        self.queries = nn.Parameter(torch.empty(num_classes, dim))
        self.temperature = nn.Parameter(torch.ones(()))
        self.classifier = nn.Linear(dim, num_classes, bias=False)
        self.dropout = Dropout(dropout)
        for one in self.weight:
            nn.init.xavier_uniform_(one)
        nn.init.xavier_uniform_(self.queries.unsqueeze(1))
        nn.init.xavier_uniform_(self.classifier.weight)

    def align(self, embedded: Tensor) -> Tensor:
        """Returns ``[num_experts, num_nodes, dim]`` from the experts' vectors of that shape."""
        return F.relu(torch.baddbmm(self.bias, self.dropout(embedded), self.weight))

    def shares(self, aligned: Tensor, classes: Tensor) -> Tensor:
        """Returns the weight of each expert for each class, ``[num_experts, num_classes]``.

        The weights of a class add up to one; those of a class without a node are equal.

        Args:
            aligned: ``[num_experts, num_nodes, dim]`` of the labelled nodes.
            classes: ``[num_nodes]`` int64.
        """
        directions = F.normalize(self.queries, dim=1)[classes]
        likeness = self.dropout((F.normalize(aligned, dim=2) * directions).sum(dim=2))
        sums = likeness.new_zeros(len(aligned), len(self.queries)).index_add(1, classes, likeness)
        counts = classes.bincount(minlength=len(self.queries)).clamp(min=1)
        shares: Tensor = (self.temperature * (sums / counts)).softmax(dim=0)
        return shares

    def logits(self, aligned: Tensor, shares: Tensor) -> Tensor:
        """Returns ``[num_nodes, num_classes]``.

        Args:
            aligned: ``[num_experts, num_nodes, dim]``.
            shares: ``[num_experts, num_classes]``.
        """
        scores = self.classifier(self.dropout(aligned))
        return torch.einsum("pc,pnc->nc", shares, scores)

    def orthogonality(self, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
        """Returns how far the directions of the queries are from being orthogonal."""
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
