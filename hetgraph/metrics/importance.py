"""How well numbers are predicted and how well they rank; ties are averaged over."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.errors import DataError

__all__ = [
    "average_ranks",
    "mean_absolute_error",
    "median_absolute_error",
    "root_mean_squared_error",
    "spearman",
    "top_ndcg",
    "top_overlap",
]


def root_mean_squared_error(predicted: Tensor, target: Tensor) -> float:
    """Returns the root of the mean squared difference.

    Args:
        predicted: ``[n]`` numbers.
        target: ``[n]`` numbers.

    Raises:
        DataError: If the shapes differ, there is no number or one is not finite; so for all here.
    """
    predicted, target = _checked(predicted, target)
    return float((predicted - target).square().mean().sqrt())


def mean_absolute_error(predicted: Tensor, target: Tensor) -> float:
    """Returns the mean distance of ``[n]`` predictions from their targets."""
    predicted, target = _checked(predicted, target)
    return float((predicted - target).abs().mean())


def median_absolute_error(predicted: Tensor, target: Tensor) -> float:
    """Returns the median distance; of an even number of them the mean of the middle two."""
    predicted, target = _checked(predicted, target)
    return float((predicted - target).abs().quantile(0.5))


def spearman(predicted: Tensor, target: Tensor) -> float:
    """Returns Spearman's rank correlation; equal numbers share the mean of their ranks.

    O(n log n). It is 0 where all predictions, or all targets, are equal: such predictions tell
    nothing, and a selection by it must not fail.

    Args:
        predicted: ``[n]`` numbers.
        target: ``[n]`` numbers.
    """
    ranks = [average_ranks(one) for one in _checked(predicted, target)]
    one, other = (rank - rank.mean() for rank in ranks)
    scale = one.norm() * other.norm()
    return float(one @ other / scale) if float(scale) else 0.0


def average_ranks(values: Tensor) -> Tensor:
    """Returns float64 ranks along the first dimension, from 0; equal numbers share their mean.

    Args:
        values: ``[n, ...]`` numbers.
    """
    order = values.argsort(dim=0)
    in_order = values.gather(0, order)
    place = torch.arange(values.shape[0]).view(-1, *[1] * (values.dim() - 1)).expand_as(order)
    differs = in_order[1:] != in_order[:-1]
    edge = torch.ones_like(differs[:1])
    begins, ends = torch.cat([edge, differs]), torch.cat([differs, edge])
    first = torch.where(begins, place, 0).cummax(0).values
    last = torch.where(ends, place, values.shape[0]).flip(0).cummin(0).values.flip(0)
    shared = (first + last).double() / 2
    return torch.empty_like(shared).scatter_(0, order, shared)


def top_ndcg(predicted: Tensor, gain: Tensor, k: int) -> float:
    """Returns the normalised discounted cumulative gain of the first ``k`` nodes of one ranking.

    The gain is linear: the node at rank i adds ``gain / log2(i + 1)``. Nodes of equal predictions
    share the discounts of their places, which is the mean over all orders of them (McSherry and
    Najork, ECIR 2008). O(n log n).

    Args:
        predicted: ``[n]`` numbers, larger ranks first.
        gain: ``[n]`` numbers of 0 or more.
        k: Depth; all nodes count if there are fewer.

    Raises:
        DataError: Also if a gain is negative or ``k`` below 1.
    """
    predicted, gain = _checked(predicted, gain)
    if bool((gain < 0).any()):
        raise DataError(f"gain {float(gain.min())} is negative; shift the gains to 0 or more.")
    discount = _discount(gain.numel(), _depth(k))
    ideal = float(gain.sort(descending=True).values @ discount)
    _, group, count = torch.unique(-predicted, return_inverse=True, return_counts=True)
    last = count.cumsum(0)
    total = torch.cat([discount.new_zeros(1), discount.cumsum(0)])
    shared = (total[last] - total[last - count]) / count
    return float(gain @ shared[group]) / ideal if ideal else 0.0


def top_overlap(predicted: Tensor, target: Tensor, k: int) -> float:
    """Returns the share of the ``k`` largest targets among the ``k`` largest predictions.

    It is the precision and the recall at ``k``. Where a place is contested by equal numbers, each
    has its share of it: the mean over all orders, independent for the two lists. O(n log n).

    Args:
        predicted: ``[n]`` numbers.
        target: ``[n]`` numbers.
        k: Depth; all nodes count if there are fewer.

    Raises:
        DataError: Also if ``k`` is below 1.
    """
    predicted, target = _checked(predicted, target)
    depth = min(_depth(k), target.numel())
    return float(_chance_of_top(predicted, depth) @ _chance_of_top(target, depth)) / depth


def _chance_of_top(values: Tensor, k: int) -> Tensor:
    """Returns for each entry the probability that it is among the ``k`` largest."""
    least = values.topk(k).values[-1]
    above, level = values > least, values == least
    return above.double() + level.double() * (k - above.sum()) / level.sum()


def _discount(size: int, k: int) -> Tensor:
    discount = 1 / torch.arange(2, size + 2, dtype=torch.float64).log2()
    discount[k:] = 0
    return discount


def _depth(k: int) -> int:
    if k < 1:
        raise DataError(f"depth {k} is below 1.")
    return k


def _checked(predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if predicted.shape != target.shape or predicted.dim() != 1:
        raise DataError(
            f"predictions have shape {list(predicted.shape)} and targets {list(target.shape)}; "
            "both must be [n]."
        )
    if not predicted.numel():
        raise DataError("there is nothing to score: the part is empty.")
    for name, one in (("predictions", predicted), ("targets", target)):
        if not bool(torch.isfinite(one).all()):
            raise DataError(f"{name} hold NaN or infinite numbers.")
    return predicted.double(), target.double()
