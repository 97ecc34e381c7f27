"""Ranking metrics over the classes of a node, or over the candidates of a group."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from hetgraph.errors import DataError

__all__ = ["grouped_mrr", "mrr", "ndcg"]


def ndcg(
    scores: Tensor,
    relevance: Tensor,
    *,
    k: int | None = None,
    form: Literal["standard", "hgt"] = "standard",
) -> float:
    """Returns the mean normalised discounted cumulative gain over rows.

    Args:
        scores: ``[n, num_items]`` predictions, larger is better.
        relevance: ``[n, num_items]`` non-negative gains.
        k: Depth; ``None`` ranks all items.
        form: ``"standard"`` discounts rank i by log2(i + 1); ``"hgt"`` (Hu et al., WWW 2020) leaves
            rank 1 alone and discounts rank i >= 2 by log2(i). Rows without any gain count 0.

    Raises:
        DataError: If the shapes differ.

    Example:
        >>> scores, relevance = torch.tensor([[0.9, 0.5, 0.1]]), torch.tensor([[0, 1, 0]])
        >>> round(ndcg(scores, relevance), 4), ndcg(scores, relevance, form="hgt")
        (0.6309, 1.0)
    """
    _check(scores, relevance)
    depth = scores.shape[1] if k is None else min(k, scores.shape[1])
    rank = torch.arange(1, depth + 1, dtype=torch.float64)
    discount = (rank + 1).log2() if form == "standard" else rank.log2().clamp(min=1.0)
    gain = relevance.double()
    order = scores.argsort(dim=1, descending=True, stable=True)[:, :depth]
    achieved = (gain.gather(1, order) / discount).sum(1)
    ideal = (gain.sort(dim=1, descending=True).values[:, :depth] / discount).sum(1)
    return float(torch.where(ideal > 0, achieved / ideal.clamp(min=1e-300), 0.0).mean())


def mrr(scores: Tensor, relevance: Tensor) -> float:
    """Returns the mean reciprocal rank of each row's first relevant item; 0 without any.

    Args:
        scores: ``[n, num_items]`` predictions, larger is better.
        relevance: ``[n, num_items]``; positive means relevant.

    Raises:
        DataError: If the shapes differ.

    Example:
        >>> mrr(torch.tensor([[0.9, 0.5, 0.1]]), torch.tensor([[0, 1, 0]]))
        0.5
    """
    _check(scores, relevance)
    order = scores.argsort(dim=1, descending=True, stable=True)
    hit = relevance.gather(1, order) > 0
    first = hit.double().argmax(dim=1) + 1
    return float((hit.any(dim=1) / first.double()).mean())


def grouped_mrr(scores: Tensor, target: Tensor, group: Tensor) -> float:
    """Returns the mean over groups with a positive of the reciprocal rank of its best positive.

    A negative of the same group with an equal score is ranked before it, so that a constant score
    gets the worst rank. O(n).

    Args:
        scores: ``[n]``, larger is better.
        target: ``[n]`` bool.
        group: ``[n]`` int64 group of each candidate.

    Raises:
        DataError: If the shapes differ, or there is no positive.

    Example:
        >>> target = torch.tensor([True, False, True, False])
        >>> grouped_mrr(torch.tensor([0.9, 0.1, 0.2, 0.6]), target, torch.tensor([0, 0, 1, 1]))
        0.75
    """
    if not scores.shape == target.shape == group.shape:
        raise DataError(
            f"scores have shape {list(scores.shape)}, targets {list(target.shape)}, groups "
            f"{list(group.shape)}; expected the same."
        )
    if not bool(target.any()):
        raise DataError("there is nothing to score: no candidate is positive.")
    size = int(group.max()) + 1
    best = torch.full((size,), -torch.inf, dtype=scores.dtype)
    best = best.scatter_reduce(0, group[target], scores[target], "amax")
    before = (scores >= best[group]) & ~target
    rank = 1 + torch.bincount(group[before], minlength=size)
    some = torch.bincount(group[target], minlength=size) > 0
    return float((1 / rank[some].double()).mean())


def _check(scores: Tensor, relevance: Tensor) -> None:
    if scores.shape != relevance.shape or scores.dim() != 2:
        raise DataError(
            f"scores have shape {list(scores.shape)} and relevance {list(relevance.shape)}; "
            "both must be [n, num_items]."
        )
