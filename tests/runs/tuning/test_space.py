from __future__ import annotations

from typing import Any

import pytest

from hetgraph.errors import ConfigError
from hetgraph.registry import models
from hetgraph.runs.tuning.space import Dimension, SearchSpace


def read(space: dict[str, Any], model: str = "hgt") -> SearchSpace:
    return SearchSpace.read(models.get(model), space)


def test_a_bare_name_is_the_models_else_the_trainers() -> None:
    assert read({"hidden_dim": [8], "lr": [0.1], "train.momentum": [0.5]}).names == (
        "model.hidden_dim",
        "train.lr",
        "train.momentum",
    )


def test_values_have_the_type_of_the_setting() -> None:
    space = read(
        {
            "dropout": {"low": 0, "high": 1},
            "train.lr": ["1e-3", 1],
            "num_layers": {"low": 1, "high": 3},
            "train.patience": [None, 5],
        }
    )
    dropout, lr, layers, patience = space
    assert (dropout.low, dropout.high, type(dropout.low)) == (0.0, 1.0, float)
    assert lr.choices == (0.001, 1.0)
    assert type(layers.low) is int
    assert patience.choices == (None, 5)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        read({"hiden_dim": [1], "num_layers": ["two"], "dropout": 3, "train.lr": []})
    text = str(raised.value)
    assert "unknown setting 'model.hiden_dim'. Did you mean 'hidden_dim'?" in text
    assert "model.num_layers is 'two', expected a whole number" in text
    assert "the search space of 'dropout' is 3, expected a list of values, or low and high" in text
    assert "the search space of 'train.lr' is []" in text


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("train.monitor", "trials are compared by it"),
        ("train.refit", "never sees the test split"),
        ("train.best_on_test", "never sees the test split"),
        ("task.valid_fraction", "changes what is asked"),
        ("data.text", "changes what is asked"),
        ("seeds.split", "changes what is asked"),
    ],
)
def test_what_would_make_trials_incomparable_is_refused(name: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        read({name: ["loss"]})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"low": 0.5, "high": 0.1}, "expected low < high"),
        ({"low": 0, "high": 0.1, "log": True}, "expected 0 < low < high"),
    ],
)
def test_empty_ranges_are_refused(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        read({"dropout": options})


def test_words_have_no_range() -> None:
    with pytest.raises(ConfigError, match="it has no range"):
        read({"merge": {"low": "mean", "high": "softmax"}})


def test_the_same_setting_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"names train\.lr twice"):
        read({"lr": [0.1], "train.lr": [0.2]})


def test_a_value_is_included() -> None:
    choices = Dimension("model.x", choices=(1, 2))
    assert choices.including(5).choices == (5, 1, 2)
    assert choices.including(2) is choices
    span = Dimension("model.x", low=0.1, high=0.2)
    assert (span.including(0.5).low, span.including(0.5).high) == (0.1, 0.5)
    # A logarithmic scale has no 0; the first trial is then drawn.
    log = Dimension("model.x", low=0.1, high=0.2, log=True)
    assert not log.including(0.0).contains(0.0)


def test_lists_are_choices() -> None:
    optuna = pytest.importorskip("optuna")
    space = read({"denoiser_dims": [[64], [64, 32]]}, "diffgraph")
    value = space.suggest(optuna.trial.FixedTrial({"model.denoiser_dims": "[64, 32]"}))
    assert space.settings(value) == {"model": {"denoiser_dims": (64, 32)}}
    assert space.stored(value) == {"model.denoiser_dims": "[64, 32]"}


def test_settings_below_a_setting() -> None:
    space = read({"expert.dim": [64, 128]}, "gph2")
    assert space.settings({"model.expert.dim": 64}) == {"model": {"expert": {"dim": 64}}}
