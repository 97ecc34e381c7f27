"""`train.class_weight` and other names of `task.class_weights`, wherever settings are given."""

from __future__ import annotations

from typing import Any

import pytest

import hetgraph
from hetgraph.errors import ConfigError
from hetgraph.registry import models
from hetgraph.runs.experiment import read_experiment, user_settings
from hetgraph.runs.plan import make_plan

NAMES = ("task.class_weights", "task.class_weight", "train.class_weights", "train.class_weight")
RGCN = models.get("rgcn")


def nested(**values: Any) -> dict[str, dict[str, Any]]:
    """Settings by section of values by dotted name, with `__` for the dot."""
    result: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        section, _, key = name.partition("__")
        result.setdefault(section, {})[key] = value
    return result


@pytest.mark.parametrize("name", [*NAMES, "class_weight", "class_weights"])
@pytest.mark.parametrize("value", ["balanced", "[1,1,2,2]"])
def test_a_word_of_any_name_is_recorded_as_one(name, value):
    settings = user_settings(RGCN, None, [f"{name}={value}", "train.lr=0.1"], "hgb/DBLP")
    assert settings == {"task": {"class_weights": value}, "train": {"lr": "0.1"}}
    plan = make_plan(RGCN, "hgb/DBLP", settings=settings)
    assert plan.task.class_weights == ("balanced" if value == "balanced" else (1.0, 1.0, 2.0, 2.0))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_and_a_call_may_use_any_name(tmp_path, name):
    section, _, key = name.partition(".")
    file = tmp_path / "mine.yaml"
    file.write_text(f"dataset: hgb/DBLP\n{section}:\n  {key}: balanced\n")
    assert read_experiment(file, RGCN).settings == {"task": {"class_weights": "balanced"}}
    plan = make_plan(RGCN, "hgb/DBLP", settings={section: {key: "balanced"}})
    assert plan.settings["task"]["class_weights"] == "balanced"
    assert "class_weight" not in plan.settings["train"]


def test_what_is_said_later_wins_under_any_name(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("dataset: hgb/DBLP\ntask:\n  class_weights: [1, 1, 2, 2]\n")
    settings = user_settings(RGCN, file, ["train.class_weight=balanced"])
    assert settings["task"] == {"class_weights": "balanced"}


def test_two_names_with_two_values_are_refused():
    words = ["train.class_weight=balanced", "task.class_weights=[1,2]"]
    with pytest.raises(ConfigError, match=r"given twice: train.class_weight is 'balanced' and"):
        user_settings(RGCN, None, words, "hgb/DBLP")
    differing = nested(train__class_weight="balanced", task__class_weights=[1.0, 2.0])
    with pytest.raises(ConfigError, match=r"given twice: task.class_weights is \[1.0, 2.0\] and"):
        make_plan(RGCN, "hgb/DBLP", settings=differing)
    agreeing = nested(train__class_weight=(1.0, 2.0), task__class_weights=[1.0, 2.0])
    assert make_plan(RGCN, "hgb/DBLP", settings=agreeing).task.class_weights == (1.0, 2.0)


def test_families_without_classes_refuse_them(tmp_path):
    message = r"train.class_weight weighs the classes in the loss, but link-prediction takes no"
    with pytest.raises(ConfigError, match=message):
        user_settings(RGCN, None, ["train.class_weight=balanced"], "hgb/LastFM")
    settings = {"train": {"class_weight": "balanced"}}
    with pytest.raises(ConfigError, match=message):
        make_plan(RGCN, "hgb/LastFM", settings=settings)
    file = tmp_path / "mine.yaml"
    file.write_text("dataset: hgb/LastFM\ntrain: {class_weight: balanced}\n")
    with pytest.raises(ConfigError, match=rf"mine.yaml: {message}"):
        read_experiment(file, RGCN)


def test_a_method_with_a_loss_of_its_own_refuses_them():
    settings = {
        "train": {"class_weight": "balanced", "max_epochs": 1},
        "data": {"num_nodes": 200},
    }
    with pytest.raises(ConfigError, match=r"task.class_weights"):
        hetgraph.run("higpt", settings=settings, progress=False)


def test_the_run_uses_and_records_the_weights(tmp_path):
    settings = {
        "train": {"class_weight": "balanced", "max_epochs": 1, "device": "cpu"},
        "data": {"num_nodes": 200},
    }
    record = hetgraph.run("rgcn", settings=settings, progress=False, out=tmp_path / "run")
    assert record.config["task"]["class_weights"] == "balanced"
    assert "class_weights: balanced" in (tmp_path / "run" / "config.yaml").read_text()
