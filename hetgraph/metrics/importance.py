"""How well the top of one ranking of all nodes is predicted; ties are averaged over."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.errors import DataError
from hetgraph.metrics.regression import finite_pair

__all__ = ["top_ndcg", "top_overlap"]


def top_ndcg(predicted: Tensor, gain: Tensor, k: int) -> float:
    """Returns the normalised discounted cumulative gain of the first ``k`` nodes of one ranking.

    The gain is linear: the node at rank i adds ``gain / log2(i + 1)``. Nodes of equal
    predictions get the mean of their discounts, which is the mean over all orders of them (McSherry
    and Najork, ECIR 2008). O(n log n).

    Args:
        predicted: ``[n]`` numbers, larger ranks first.
        gain: ``[n]`` numbers of 0 or more.
        k: Depth; all nodes count if there are fewer.

    Raises:
        DataError: If the shapes differ, there is no number, one is not finite, a gain is negative
            or ``k`` is below 1.

    Example:
        >>> top_ndcg(torch.tensor([3.0, 2.0, 1.0]), torch.tensor([0.0, 5.0, 0.0]), k=3)
        0.6309297535714575
    """
    predicted, gain = finite_pair(predicted, gain)
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
    """Returns the fraction of the ``k`` largest predictions whose targets are the ``k`` largest.

    It is the precision and the recall at ``k``. Equal numbers that contest a place count with the
    probability of getting it: the mean over all orders, independently for the two lists.
    O(n log n).

    Args:
        predicted: ``[n]`` numbers.
        target: ``[n]`` numbers.
        k: Depth; all nodes count if there are fewer.

    Raises:
        DataError: If the shapes differ, there is no number, one is not finite or ``k`` is below 1.

    Example:
        >>> top_overlap(torch.tensor([3.0, 2.0, 1.0]), torch.tensor([9.0, 1.0, 5.0]), k=2)
        0.5
    """
    predicted, target = finite_pair(predicted, target)
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
