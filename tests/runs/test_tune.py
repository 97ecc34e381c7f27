from __future__ import annotations

import sys

import pytest

from hetgraph.errors import ConfigError
from hetgraph.registry import models

SHARED = {
    "data": {"num_nodes": 300},
    "train": {"max_epochs": 2, "batch_size": 64, "lr": 0.02, "monitor": "f1_mean"},
}


@pytest.fixture
def tune(tiny, monkeypatch, tmp_path):
    pytest.importorskip("optuna")
    monkeypatch.setitem(models._added, "tiny", tiny.TinyModel)
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))
    from hetgraph.runs.tune import tune

    return tune


SPACE = {
    "hidden": {"low": 2, "high": 8},
    "dropout": [0.0, 0.5],
    "train.lr": {"low": 1e-3, "high": 0.1, "log": True},
}


def test_the_best_trial_wins_and_the_search_repeats(tune):
    one = tune("tiny", "synthetic/academic", trials=4, settings=SHARED, space=SPACE)
    two = tune("tiny", "synthetic/academic", trials=4, settings=SHARED, space=SPACE)
    assert one == two
    assert len(one.trials) == 4
    assert one.value == max(value for _, value in one.trials)
    assert set(one.settings["model"]) == {"hidden", "dropout"}
    assert 1e-3 <= one.settings["train"]["lr"] <= 0.1
    assert one.settings["train"]["max_epochs"] == 2


def test_the_test_split_is_out_of_reach(tune, tiny, monkeypatch):
    tasks = []

    def prepare(self, task, *, seeds, workdir=None):
        with pytest.raises(PermissionError):
            task.index("test")
        tasks.append(task)
        return {"task": task, "x": task.graph.features[task.spec.target]}

    monkeypatch.setattr(tiny.TinyModel, "prepare", prepare)
    tune("tiny", "synthetic/academic", trials=1, settings=SHARED, space=SPACE)
    assert len(tasks) == 1


def test_diverged_trials_are_kept_as_such(tune):
    space = {"train.lr": [1e30]}
    shared = {**SHARED, "train": {**SHARED["train"], "optimizer": "sgd"}}
    with pytest.raises(ValueError, match="every trial diverged"):
        tune("tiny", "synthetic/academic", trials=2, settings=shared, space=space)


def test_wrong_spaces_are_refused(tune):
    with pytest.raises(ConfigError, match="declares no search space"):
        tune("tiny", "synthetic/academic", settings=SHARED)
    with pytest.raises(ConfigError, match=r"unknown setting 'model.hiden'. Did you mean 'hidden'"):
        tune("tiny", "synthetic/academic", settings=SHARED, space={"hiden": [1]})
    with pytest.raises(ConfigError, match="expected a list or low and high"):
        tune("tiny", "synthetic/academic", settings=SHARED, space={"hidden": 3})


def test_missing_optuna_is_one_clear_line(monkeypatch):
    from hetgraph.runs.tune import tune

    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match="tuning needs optuna; install it with"):
        tune("tiny", "synthetic/academic")
