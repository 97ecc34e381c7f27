"""How well numbers are predicted: errors, explained variance and rank correlation."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.errors import DataError

__all__ = [
    "average_ranks",
    "finite_pair",
    "mean_absolute_error",
    "median_absolute_error",
    "r2_score",
    "root_mean_squared_error",
    "spearman",
]


def root_mean_squared_error(predicted: Tensor, target: Tensor) -> float:
    """Returns the root of the mean squared difference.

    Args:
        predicted: ``[n]`` numbers.
        target: ``[n]`` numbers.

    Raises:
        DataError: If the shapes differ, there is no number or one is not finite.

    Example:
        >>> root_mean_squared_error(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 6.0]))
        3.5355339059327378
    """
    predicted, target = finite_pair(predicted, target)
    return float((predicted - target).square().mean().sqrt())


def mean_absolute_error(predicted: Tensor, target: Tensor) -> float:
    """Returns the mean distance of predictions from their targets.

    Args:
        predicted: ``[n]`` numbers.
        target: ``[n]`` numbers.

    Raises:
        DataError: As for :func:`root_mean_squared_error`.

    Example:
        >>> mean_absolute_error(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 6.0]))
        3.5
    """
    predicted, target = finite_pair(predicted, target)
    return float((predicted - target).abs().mean())


def median_absolute_error(predicted: Tensor, target: Tensor) -> float:
    """Returns the median distance; the mean of the middle two if ``n`` is even.

    Args:
        predicted: ``[n]`` numbers.
        target: ``[n]`` numbers.

    Raises:
        DataError: As for :func:`root_mean_squared_error`.

    Example:
        >>> median_absolute_error(torch.tensor([1.0, 2.0, 9.0]), torch.tensor([4.0, 6.0, 9.0]))
        3.0
    """
    predicted, target = finite_pair(predicted, target)
    return float((predicted - target).abs().quantile(0.5))


def r2_score(predicted: Tensor, target: Tensor) -> float:
    """Returns the coefficient of determination: the fraction of the variance that is explained.

    1 is exact, 0 as good as the mean of the targets; worse predictions are negative, without
    bound. For constant targets it is 1 where every prediction is exact and 0 otherwise.

    Args:
        predicted: ``[n]`` numbers.
        target: ``[n]`` numbers.

    Raises:
        DataError: As for :func:`root_mean_squared_error`.

    Example:
        >>> r2_score(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 2.0, 3.0]))
        0.5
    """
    predicted, target = finite_pair(predicted, target)
    residual = (target - predicted).square().sum()
    if bool((target == target[0]).all()):
        # Their mean may be off by a rounding error, and 0 / 0 has no value.
        return 0.0 if float(residual) else 1.0
    return float(1 - residual / (target - target.mean()).square().sum())


def spearman(predicted: Tensor, target: Tensor) -> float:
    """Returns Spearman's rank correlation; equal numbers get the mean of their ranks.

    O(n log n). It is 0 where all predictions, or all targets, are equal: such predictions tell
    nothing, and a selection by it must not fail.

    Args:
        predicted: ``[n]`` numbers.
        target: ``[n]`` numbers.

    Raises:
        DataError: As for :func:`root_mean_squared_error`.

    Example:
        >>> round(spearman(torch.tensor([1.0, 2, 3, 4]), torch.tensor([5.0, 6, 8, 7])), 6)
        0.8
    """
    predicted, target = (average_ranks(values) for values in finite_pair(predicted, target))
    predicted, target = predicted - predicted.mean(), target - target.mean()
    scale = predicted.norm() * target.norm()
    return float(predicted @ target / scale) if float(scale) else 0.0


def average_ranks(values: Tensor) -> Tensor:
    """Returns float64 ranks along the first dimension, from 0; equal numbers get their mean.

    Args:
        values: ``[n, ...]`` numbers; each column is ranked by itself.

    Example:
        >>> average_ranks(torch.tensor([0.5, 0.1, 0.5])).tolist()
        [1.5, 0.0, 1.5]
    """
    from scipy.stats import rankdata  # lazy: it takes as long to import as all the rest

    return torch.from_numpy(rankdata(values.double().cpu().numpy(), axis=0)) - 1


def finite_pair(predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Returns both as float64, checked.

    Args:
        predicted: ``[n]`` numbers.
        target: ``[n]`` numbers.

    Raises:
        DataError: If the shapes differ, there is no number or one is not finite.
    """
    if predicted.shape != target.shape or predicted.dim() != 1:
        raise DataError(
            f"predictions have shape {list(predicted.shape)} and targets {list(target.shape)}; "
            "both must be [n]."
        )
    if not predicted.numel():
        raise DataError("there is nothing to score: the split is empty.")
    for name, values in (("predictions", predicted), ("targets", target)):
        if not bool(torch.isfinite(values).all()):
            raise DataError(f"{name} hold NaN or infinite numbers.")
    return predicted.double(), target.double()
