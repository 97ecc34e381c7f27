from __future__ import annotations

import pytest

from hetgraph.errors import ConfigError
from hetgraph.runs.tuning.result import Trial, Tuning, best_trial

TRIALS = (
    Trial(1, "complete", {"model.dims": [8, 4], "model.bases": None}, -0.5, {"loss": 0.5}, 3, 1.25),
    Trial(2, "pruned", {"model.dims": [8], "model.bases": 2}, -0.1, epochs=2, seconds=1.0),
    Trial(3, "complete", {"model.dims": [8], "model.bases": 4}, -0.5, {"loss": 0.5}, 3, 1.0),
    Trial(4, "diverged", {"model.dims": "auto", "model.bases": 2}, note="the loss is NaN"),
)


def make(trials: tuple[Trial, ...] = TRIALS) -> Tuning:
    return Tuning("m", "d", {}, "loss", -0.5, trials, {}, {}, is_error=True)


def test_the_best_is_the_first_of_the_complete_ones() -> None:
    assert make().best is TRIALS[0]
    assert best_trial(TRIALS[1:2]) is None
    with pytest.raises(ConfigError, match="no trial is complete"):
        _ = make(TRIALS[1:2]).best


def test_the_table_has_all_trials() -> None:
    rows = make().to_table().to_pylist()
    assert [row["trial"] for row in rows] == [1, 2, 3, 4]
    assert [row["loss"] for row in rows] == [0.5, 0.1, 0.5, None]
    assert [row["model.dims"] for row in rows] == ["[8, 4]", "[8]", "[8]", "auto"]
    assert [row["model.bases"] for row in rows] == [None, 2, 4, 2]
    assert rows[0]["valid.loss"] == 0.5
    assert rows[3]["note"] == "the loss is NaN"


def test_the_time_is_that_of_all_trials() -> None:
    assert make().seconds == 3.25
