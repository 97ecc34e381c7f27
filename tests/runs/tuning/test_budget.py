from __future__ import annotations

import pytest

from hetgraph.errors import ConfigError
from hetgraph.runs.tuning.budget import Budget, parse_seconds


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1.5H", 5400), (20, 20), ("7", 7)],
)
def test_times(time: str | float, seconds: float) -> None:
    assert parse_seconds(time) == seconds


@pytest.mark.parametrize("time", ["", "30 min", "m", "-5s", "0", "nan", "inf", 0, "30m5"])
def test_other_times_are_refused(time: str | float) -> None:
    with pytest.raises(ConfigError, match="expected for example 90s, 30m or 2h"):
        parse_seconds(time)


def test_no_trials_are_refused() -> None:
    with pytest.raises(ConfigError, match="number of trials is 0, expected at least 1"):
        Budget.of(trials=0)


def test_either_limit_ends_a_search() -> None:
    both = Budget.of(trials=3, time="10s")
    assert not both.is_spent(2, 9.0)
    assert both.is_spent(3, 0.0)
    assert both.is_spent(0, 10.0)
    assert str(both) == "3 trials and 10 s"


def test_a_time_alone_sets_no_number_of_trials() -> None:
    assert not Budget.of(time=10).is_spent(10**6, 9.0)
    assert Budget.of().is_spent(20, 0.0)
