from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from hetgraph.leaderboards.verdict import Sample, combine, compare

PUBLISHED = Sample(0.9555, 0.0029, 10)


def _outcome(ours: Sample, margin: float = 0.008, published: Sample = PUBLISHED, **options):
    return compare(ours, published, margin=margin, **options)


def test_sample_of_values_uses_n_minus_one():
    values = [0.1, 0.4, 0.4, 0.9]
    sample = Sample.of(values)
    mean = sum(values) / 4
    assert sample.mean == pytest.approx(mean)
    assert sample.std == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in values) / 3))
    assert sample.n == 4


def test_sample_of_one_value_has_no_spread_and_of_none_is_none():
    assert Sample.of([0.5]) == Sample(0.5, None, 1)
    assert Sample.of([]) is None


@pytest.mark.parametrize("difference", [-0.02, -0.006, 0.0, 0.003, 0.012])
@pytest.mark.parametrize(("std", "n"), [(0.001, 5), (0.006, 5), (0.004, 30)])
def test_p_values_equal_scipy(difference: float, std: float, n: int):
    ours = Sample(PUBLISHED.mean + difference, std, n)
    outcome = _outcome(ours)
    arguments = (std, n, PUBLISHED.mean, PUBLISHED.std, PUBLISHED.n)

    def p(shift: float, alternative: str) -> float:
        return stats.ttest_ind_from_stats(
            ours.mean + shift, *arguments, equal_var=False, alternative=alternative
        ).pvalue

    assert outcome.p_difference == pytest.approx(p(0.0, "two-sided"), rel=1e-12)
    expected = max(p(0.008, "greater"), p(-0.008, "less"))
    assert outcome.p_equivalence == pytest.approx(expected, rel=1e-12)


def test_p_values_and_interval_equal_closed_form():
    """Welch with equal n and std has 2n - 2 degrees of freedom and error std sqrt(2 / n)."""
    published = Sample(0.70, 0.01, 8)
    outcome = compare(Sample(0.704, 0.01, 8), published, margin=0.02)
    error = 0.01 * math.sqrt(2 / 8)
    assert outcome.p_equivalence == pytest.approx(stats.t.sf((0.02 - 0.004) / error, 14))
    assert outcome.p_difference == pytest.approx(2 * stats.t.sf(0.004 / error, 14))
    reach = stats.t.ppf(0.95, 14) * error
    assert (outcome.low, outcome.high) == pytest.approx((0.004 - reach, 0.004 + reach))


@pytest.mark.parametrize("difference", np.linspace(-0.02, 0.02, 21))
def test_reproduced_exactly_when_the_interval_lies_within_the_margin(difference: float):
    outcome = _outcome(Sample(PUBLISHED.mean + difference, 0.003, 5))
    inside = outcome.low >= -0.008 and outcome.high <= 0.008
    assert (outcome.verdict == "reproduced") == inside


def test_close_and_steady_runs_reproduce():
    assert _outcome(Sample(0.956, 0.002, 5)).verdict == "reproduced"


def test_equivalence_wins_over_a_small_significant_difference():
    outcome = _outcome(Sample(0.960, 0.0005, 10))
    assert outcome.p_difference < 0.05
    assert outcome.verdict == "reproduced"


def test_a_clear_gain_is_better_and_a_clear_loss_worse():
    assert _outcome(Sample(0.975, 0.002, 5)).verdict == "better"
    assert _outcome(Sample(0.935, 0.002, 5)).verdict == "worse"


def test_direction_follows_the_metric():
    published = Sample(1.0, 0.05, 5)
    lower = compare(Sample(0.5, 0.05, 5), published, margin=0.1, higher_is_better=False)
    assert lower.verdict == "better"


def test_noise_is_undecided_not_reproduced():
    outcome = _outcome(Sample(0.9555, 0.03, 5))
    assert outcome.difference == 0.0
    assert outcome.verdict == "undecided"


@pytest.mark.parametrize("n", [1, 2, 4])
def test_few_runs_are_undecided_with_a_reason_and_no_nan(n: int):
    std = None if n == 1 else 0.0
    outcome = _outcome(Sample(0.9555, std, n))
    assert outcome.verdict == "undecided"
    assert str(n) in outcome.reason
    assert outcome.p_equivalence is None
    assert outcome.low is None


def test_one_run_is_undecided_even_if_one_is_enough_for_the_caller():
    assert _outcome(Sample(0.9555, None, 1), min_runs=1).verdict == "undecided"


def test_unknown_published_spread_is_undecided():
    ours = Sample(0.9555, 0.001, 5)
    for published in (Sample(0.9555, None, 10), Sample(0.9555, 0.001, 1)):
        outcome = compare(ours, published, margin=0.008)
        assert outcome.verdict == "undecided"
        assert outcome.reason


def test_no_spread_on_either_side_is_decided_by_the_difference():
    published = Sample(0.95, 0.0, 5)
    verdicts = [
        compare(Sample(mean, 0.0, 5), published, margin=0.01).verdict
        for mean in (0.95, 0.955, 0.97, 0.93)
    ]
    assert verdicts == ["reproduced", "reproduced", "better", "worse"]


def test_no_spread_on_one_side_gives_finite_numbers():
    for ours_std, published_std in ((0.0, 0.003), (0.003, 0.0), (1e-200, 1e-200)):
        outcome = compare(Sample(0.951, ours_std, 5), Sample(0.95, published_std, 10), margin=0.01)
        numbers = (outcome.low, outcome.high, outcome.p_equivalence, outcome.p_difference)
        assert all(math.isfinite(number) for number in numbers)
        assert outcome.verdict == "reproduced"


def test_no_runs_is_not_run():
    assert compare(None, PUBLISHED, margin=0.01).verdict == "not run"


@pytest.mark.parametrize("margin", [0.0, -0.1, math.nan])
def test_margin_must_be_positive(margin: float):
    with pytest.raises(ValueError, match="margin must be positive"):
        _outcome(Sample(0.95, 0.01, 5), margin=margin)


def test_equivalence_error_rate_is_the_declared_level():
    """Two true means exactly one margin apart must be called equal in about alpha of all cases."""
    rng = np.random.default_rng(0)
    margin, trials, wrong = 0.02, 2000, 0
    for _ in range(trials):
        ours = Sample.of(rng.normal(0.70 + margin, 0.01, size=8).tolist())
        theirs = Sample.of(rng.normal(0.70, 0.01, size=8).tolist())
        wrong += compare(ours, theirs, margin=margin).verdict == "reproduced"
    assert 0.03 < wrong / trials < 0.07


def test_combining_takes_the_weakest_claim():
    assert combine(["better", "better"]) == "better"
    assert combine(["better", "reproduced"]) == "reproduced"
    assert combine(["reproduced", "undecided"]) == "undecided"
    assert combine(["better", "undecided", "worse"]) == "worse"
    assert combine(["reproduced", "not run"]) == "not run"
    assert combine([]) == "not run"
