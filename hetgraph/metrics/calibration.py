"""Whether probabilities can be believed: reliability, calibration error, Brier score, temperature.

With one label per row, the confidence is the largest probability of a row, and it is right where
that class is the true one. With several labels, each entry counts by itself: its probability is
compared with how often the label is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.errors import DataError

__all__ = [
    "MAX_TEMPERATURE",
    "MIN_TEMPERATURE",
    "Reliability",
    "all_right",
    "brier_score",
    "class_probabilities",
    "expected_calibration_error",
    "fit_temperature",
    "negative_log_likelihood",
    "reliability",
]

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.01, 100.0
"""Bounds of a fitted temperature."""

_BLOCK = 2**22
"""Entries that are computed with in float64 at once."""

_STEPS = 100


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy in bins of equal size, ``(0, 1/bins]`` to ``(1 - 1/bins, 1]``.

    Args:
        count: Predictions in each bin.
        confidence: Mean confidence in each bin; ``None`` where it is empty.
        accuracy: Fraction of right predictions in each bin; ``None`` where it is empty.
    """

    count: tuple[int, ...]
    confidence: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance, each bin weighted by its count."""
        total = sum(self.count)
        return sum(
            count * abs(confidence - accuracy) / total
            for count, confidence, accuracy in zip(
                self.count, self.confidence, self.accuracy, strict=True
            )
            if confidence is not None and accuracy is not None
        )

    def to_dict(self) -> dict[str, list[Any]]:
        """Returns plain lists for JSON."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Reliability:
        """Reads what :meth:`to_dict` returned."""
        return cls(*(tuple(values[name]) for name in ("count", "confidence", "accuracy")))


def reliability(probabilities: Tensor, target: Tensor, bins: int = 15) -> Reliability:
    """Returns how often predictions of each confidence are right.

    Args:
        probabilities: ``[n, num_classes]`` in [0, 1].
        target: ``[n]`` int classes, or ``[n, num_classes]`` 0/1.
        bins: Number of bins.

    Raises:
        DataError: If shapes, probabilities, classes or the number of bins are wrong.

    Source: Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017,
        equations 2 and 3.

    Example:
        >>> probabilities = torch.tensor([[0.9, 0.1], [0.3, 0.7], [0.4, 0.6]])
        >>> made = reliability(probabilities, torch.tensor([0, 1, 0]), bins=2)
        >>> made.count, round(made.confidence[1], 3), round(made.accuracy[1], 3)
        ((0, 3), 0.733, 0.667)
    """
    if bins < 1:
        raise DataError(f"bins is {bins}, expected at least 1.")
    _check(probabilities, target, "probabilities")
    low, high = probabilities.min(), probabilities.max()
    if low < 0 or high > 1 + 1e-6:  # float32 rows may round to a little more than 1
        raise DataError(
            f"probabilities are from {float(low):g} to {float(high):g}, expected 0 to 1; logits "
            "go through a softmax or a sigmoid first."
        )
    if target.dim() == 2:
        confidence, right = probabilities.flatten().double(), target.flatten() > 0
    else:
        largest = probabilities.max(dim=1)
        confidence, right = largest.values.double(), largest.indices == target
    # A value on an edge belongs to the bin below it, as in the paper.
    edges = torch.arange(1, bins, dtype=torch.float64, device=confidence.device) / bins
    at = torch.bucketize(confidence, edges)
    count, sums, hits = (
        torch.bincount(at, weights, minlength=bins).tolist()
        for weights in (None, confidence, right.double())
    )
    return Reliability(
        tuple(count),
        tuple(x / n if n else None for x, n in zip(sums, count, strict=True)),
        tuple(x / n if n else None for x, n in zip(hits, count, strict=True)),
    )


def expected_calibration_error(probabilities: Tensor, target: Tensor, bins: int = 15) -> float:
    """Returns the mean distance of confidence and accuracy over bins, weighted by their counts.

    Args:
        probabilities: ``[n, num_classes]`` in [0, 1].
        target: ``[n]`` int classes, or ``[n, num_classes]`` 0/1.
        bins: Number of bins of equal size.

    Raises:
        DataError: As for :func:`reliability`.

    Source: Naeini, Cooper, Hauskrecht: Obtaining Well Calibrated Probabilities Using Bayesian
        Binning, AAAI 2015; Guo et al., ICML 2017, equation 5.

    Example:
        >>> probabilities = torch.tensor([[0.75, 0.25], [0.25, 0.75]])
        >>> expected_calibration_error(probabilities, torch.tensor([0, 1]))
        0.25
    """
    return reliability(probabilities, target, bins).error


def brier_score(probabilities: Tensor, target: Tensor) -> float:
    """Returns the mean squared distance of probabilities from what is true; 0 is best.

    Args:
        probabilities: ``[n, num_classes]`` in [0, 1].
        target: ``[n]`` int classes, with the squares summed over classes and averaged over rows; or
            ``[n, num_classes]`` 0/1, with the squares averaged over all entries.

    Raises:
        DataError: If shapes or classes are wrong, or a probability is not finite.

    Source: Brier: Verification of Forecasts Expressed in Terms of Probability, 1950.

    Example:
        >>> brier_score(torch.tensor([[0.5, 0.5], [0.0, 1.0]]), torch.tensor([0, 1]))
        0.25
    """
    _check(probabilities, target, "probabilities")
    if target.dim() == 2:
        return float((probabilities.double() - target.double()).square().mean())
    squares = probabilities.double().square().sum(dim=1)  # of all classes, as if none were true
    true = probabilities.double().gather(1, target.unsqueeze(1)).squeeze(1)
    return float((squares - 2 * true + 1).mean())


def class_probabilities(logits: Tensor, temperature: float = 1.0, *, multi_label: bool) -> Tensor:
    """Returns the float64 probabilities of logits at a temperature.

    Args:
        logits: ``[n, num_classes]``.
        temperature: What logits are divided by; above 1, probabilities are less sure.
        multi_label: Whether each entry has a sigmoid of its own, rather than each row a softmax.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0]])
        >>> class_probabilities(logits, multi_label=False).round(decimals=2)
        tensor([[0.8800, 0.1200]], dtype=torch.float64)
        >>> class_probabilities(logits, 2.0, multi_label=False).round(decimals=2)
        tensor([[0.7300, 0.2700]], dtype=torch.float64)
    """
    scaled = logits.double() / temperature
    return scaled.sigmoid() if multi_label else scaled.softmax(dim=1)


def negative_log_likelihood(logits: Tensor, target: Tensor, temperature: float = 1.0) -> float:
    """Returns the mean cross-entropy at a temperature, in float64.

    Args:
        logits: ``[n, num_classes]``.
        target: ``[n]`` int classes, or ``[n, num_classes]`` 0/1: then of all entries.
        temperature: What logits are divided by.

    Raises:
        DataError: If shapes or classes are wrong, or a logit is not finite.

    Example:
        >>> round(negative_log_likelihood(torch.zeros(3, 2), torch.tensor([0, 1, 1])), 4)
        0.6931
    """
    _check(logits, target, "logits")
    scaled = logits.double() / temperature
    if target.dim() == 2:
        return float(F.binary_cross_entropy_with_logits(scaled, target.double()))
    return float(F.cross_entropy(scaled, target))


def all_right(logits: Tensor, target: Tensor) -> bool:
    """Returns whether every prediction is right: then no temperature above 0 is the best one.

    Where several classes have the largest logit, each of them counts as right.

    Args:
        logits: ``[n, num_classes]``.
        target: ``[n]`` int classes, or ``[n, num_classes]`` 0/1: then of all entries.

    Raises:
        DataError: If shapes or classes are wrong, or a logit is not finite.

    Example:
        >>> all_right(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 1]))
        True
    """
    _check(logits, target, "logits")
    if target.dim() == 2:
        return bool((torch.where(target > 0, logits, -logits) >= 0).all())
    true = logits.gather(1, target.unsqueeze(1)).squeeze(1)
    return bool((true == logits.max(dim=1).values).all())


def fit_temperature(logits: Tensor, target: Tensor) -> float:
    """Returns the temperature that makes the targets most likely, by which logits are divided.

    One number does not change which class is predicted. The likelihood has one optimum, found by
    Newton's method in float64. The temperature stays 1 where there is none, because all predictions
    are right: the likelihood would rise until the temperature is 0. It is never outside
    ``MIN_TEMPERATURE`` to ``MAX_TEMPERATURE``; it is the latter where logits are worse than equal
    probabilities.

    Args:
        logits: ``[n, num_classes]``, of samples that the method was not trained on.
        target: ``[n]`` int classes, or ``[n, num_classes]`` 0/1: then each entry has a sigmoid.

    Raises:
        DataError: If shapes or classes are wrong, or a logit is not finite.

    Source: Guo et al., ICML 2017, section 4.2, temperature scaling.

    Example:
        >>> logits = torch.tensor([[3.0, 0.0], [3.0, 0.0], [3.0, 0.0], [3.0, 0.0]])
        >>> temperature = fit_temperature(logits, torch.tensor([0, 0, 0, 1]))
        >>> probabilities = class_probabilities(logits, temperature, multi_label=False)
        >>> round(float(probabilities[0, 0]), 6)
        0.75
    """
    if all_right(logits, target):
        return 1.0
    # In the inverse of the temperature, the negative log-likelihood is convex.
    low, high = 1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE
    if _slope(low, logits, target)[0] >= 0:
        return MAX_TEMPERATURE
    if _slope(high, logits, target)[0] <= 0:
        return MIN_TEMPERATURE
    return 1 / _root(lambda inverse: _slope(inverse, logits, target), low, high)


def _root(slope: Callable[[float], tuple[float, float]], low: float, high: float) -> float:
    """Finds where a rising function is zero, by Newton's method within a bracket that shrinks."""
    at = 1.0
    for _ in range(_STEPS):
        value, rise = slope(at)
        step = value / rise if rise > 0 else math.inf
        if abs(step) <= 1e-9 * at:  # One more step would be below the rounding of float64.
            return at - step
        low, high = (at, high) if value < 0 else (low, at)
        at = at - step if low < at - step < high else (low * high) ** 0.5
    return at


def _slope(inverse: float, logits: Tensor, target: Tensor) -> tuple[float, float]:
    """Returns both derivatives of the negative log-likelihood by the inverse temperature."""
    first = second = 0.0
    rows = max(_BLOCK // logits.shape[1], 1)
    for start in range(0, len(logits), rows):
        z, truth = logits[start : start + rows].double(), target[start : start + rows]
        if target.dim() == 2:
            p = (inverse * z).sigmoid()
            first += float((z * (p - truth.double())).sum())
            second += float((z.square() * p * (1 - p)).sum())
            continue
        p = (inverse * z).softmax(dim=1)
        mean = (p * z).sum(dim=1)
        first += float((mean - z.gather(1, truth.unsqueeze(1)).squeeze(1)).sum())
        second += float((p * (z - mean.unsqueeze(1)).square()).sum())
    return first, second


def _check(values: Tensor, target: Tensor, name: str) -> None:
    """Checks ``[n, num_classes]`` values against ``[n]`` classes or ``[n, num_classes]`` 0/1."""
    fits = values.dim() == 2 and (
        target.shape == values.shape or (target.dim() == 1 and len(target) == len(values))
    )
    if not fits:
        raise DataError(
            f"{name} have shape {list(values.shape)} and targets {list(target.shape)}; expected "
            "[n, num_classes], and [n] or [n, num_classes]."
        )
    if not values.numel():
        raise DataError("there is nothing to calibrate: the split is empty.")
    if not bool(values.isfinite().all()):
        bad = int((~values.isfinite()).any(dim=1).sum())
        raise DataError(f"{bad} of {len(values)} rows of {name} have a value that is not finite.")
    most = 1 if target.dim() == 2 else values.shape[1] - 1
    if target.dim() == 1 and (target.is_floating_point() or target.dtype == torch.bool):
        raise DataError(f"targets of one label are {target.dtype}, expected int64 classes.")
    if target.min() < 0 or target.max() > most:
        low, high = float(target.min()), float(target.max())
        raise DataError(f"targets are from {low:g} to {high:g}, expected 0 to {most}.")
