"""Whether a published mean is reproduced: an equivalence test with a margin declared beforehand.

"No significant difference" does not mean "equal": a few noisy runs hardly ever differ
significantly. So a number is called reproduced only if two one-sided Welch tests (TOST) both reject
that the true means differ by the margin or more. Otherwise, Welch's two-sided test decides between
better, worse and undecided.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

__all__ = ["Comparison", "Sample", "Verdict", "combine", "compare"]

Verdict = Literal["reproduced", "better", "worse", "undecided", "not run"]


@dataclass(frozen=True)
class Sample:
    """Mean, sample standard deviation (None: unknown) and number of runs."""

    mean: float
    std: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Sample | None:
        """Summary of single runs (std with n - 1); None without any run."""
        if len(values) == 0:
            return None
        std = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return cls(float(np.mean(values)), std, len(values))


@dataclass(frozen=True)
class Comparison:
    """Outcome of a test; differences are ours minus published, in the metric's own unit.

    ``low`` and ``high`` bound the difference at confidence 1 - 2 alpha: the interval lies within
    ± margin exactly when equivalence is accepted at level alpha. All are None where no test was
    possible, and ``reason`` says why.
    """

    verdict: Verdict
    margin: float
    reason: str = ""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_equivalence: float | None = None
    p_difference: float | None = None


def compare(
    ours: Sample | None,
    published: Sample,
    *,
    margin: float,
    alpha: float = 0.05,
    min_runs: int = 5,
    higher_is_better: bool = True,
) -> Comparison:
    """Tests whether our mean equals a published one within a margin.

    Args:
        ours: Our runs; None means that there are none.
        published: The published mean; its ``n`` may be a declared assumption.
        margin: Largest difference of the true means that still counts as equal, positive.
        alpha: Level of every test.
        min_runs: With fewer runs of ours the verdict is "undecided".
        higher_is_better: Whether a larger value is better.

    Returns:
        The verdict: "reproduced" if equivalent; else "better" or "worse" if different; else
        "undecided"; "not run" without runs.
    """
    if not margin > 0:
        raise ValueError(f"margin must be positive, found {margin}")
    if ours is None:
        return Comparison("not run", margin)
    difference = ours.mean - published.mean
    if ours.n < max(2, min_runs):
        reason = f"{ours.n} of at least {max(2, min_runs)} runs"
        return Comparison("undecided", margin, reason, difference)
    if ours.std is None or published.std is None or published.n < 2:
        reason = "the std of the published runs is not known"
        return Comparison("undecided", margin, reason, difference)
    variances = (ours.std**2 / ours.n, published.std**2 / published.n)
    if math.sqrt(sum(variances)) <= 1e-12 * margin:  # rounding errors, not a variance
        return _exact(difference, margin, higher_is_better)
    p_equivalence = max(
        _p_value(ours, published, shift=margin, alternative="greater"),
        _p_value(ours, published, shift=-margin, alternative="less"),
    )
    p_difference = _p_value(ours, published, shift=0.0, alternative="two-sided")
    reach = _interval_reach(ours, published, variances, alpha)
    if p_equivalence <= alpha:
        verdict: Verdict = "reproduced"
    elif p_difference <= alpha:
        verdict = _direction(difference, higher_is_better)
    else:
        verdict = "undecided"
    return Comparison(
        verdict=verdict,
        margin=margin,
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        p_equivalence=p_equivalence,
        p_difference=p_difference,
    )


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict for several metrics: the weakest claim that all of them support.

    Any "worse" gives worse, any "undecided" undecided, any "not run" not run; "better" needs all.
    """
    present = set(verdicts)
    order: tuple[Verdict, ...] = ("worse", "undecided", "not run", "reproduced", "better")
    return next((verdict for verdict in order if verdict in present), "not run")


def _p_value(ours: Sample, published: Sample, *, shift: float, alternative: str) -> float:
    """Welch's p-value of ``ours + shift`` against ``published``."""
    result = stats.ttest_ind_from_stats(
        ours.mean + shift,
        ours.std,
        ours.n,
        published.mean,
        published.std,
        published.n,
        equal_var=False,
        alternative=alternative,
    )
    return float(result.pvalue)


def _interval_reach(
    ours: Sample, published: Sample, variances: tuple[float, float], alpha: float
) -> float:
    """Half the length of Welch's confidence interval of the difference, level 1 - 2 alpha."""
    total = sum(variances)
    fractions = [variance / total for variance in variances]
    freedom = 1 / (fractions[0] ** 2 / (ours.n - 1) + fractions[1] ** 2 / (published.n - 1))
    return float(stats.t.ppf(1 - alpha, freedom)) * math.sqrt(total)


def _exact(difference: float, margin: float, higher_is_better: bool) -> Comparison:
    """Neither side varies: the difference is known, no test is needed."""
    equal = abs(difference) <= margin
    return Comparison(
        verdict="reproduced" if equal else _direction(difference, higher_is_better),
        margin=margin,
        reason="std is 0 on both sides",
        difference=difference,
        low=difference,
        high=difference,
        p_equivalence=0.0 if equal else 1.0,
        p_difference=1.0 if difference == 0.0 else 0.0,
    )


def _direction(difference: float, higher_is_better: bool) -> Verdict:
    return "better" if (difference > 0) == higher_is_better else "worse"
