from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import hetgraph
from hetgraph.errors import ConfigError
from hetgraph.registry import models
from hetgraph.runs.tuning import Comparison, compare


@pytest.fixture
def both(registered_tiny: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable]:
    """Compares the tiny model with the perceptron on the tiny data set, in silence."""
    pytest.importorskip("optuna")
    monkeypatch.setattr(registered_tiny.TinyModel, "search_space", {"hidden": [2, 4]})
    settings = {"train": {"max_epochs": 3, "device": "cpu", "monitor": "micro_f1"}}
    data = registered_tiny.make_dataset()
    return partial(compare, ["tiny", "mlp"], data, trials=2, settings=settings, progress=False)


def test_both_have_the_same_budget_and_a_folder(
    both: Callable[..., Comparison], tmp_path: Path
) -> None:
    made = both(out=tmp_path / "c")
    assert {tuning.model: len(tuning.trials) for tuning in made.tunings} == {"tiny": 2, "mlp": 2}
    assert made.tunings[0].value >= made.tunings[1].value
    assert made.monitor == "micro_f1"
    for name in ("tiny", "mlp"):
        best = yaml.safe_load((tmp_path / "c" / name / "best.yaml").read_text())
        assert best["method"] == name
    rows = list(csv.DictReader((tmp_path / "c/comparison.csv").open()))
    assert [row["method"] for row in rows] == [tuning.model for tuning in made.tunings]
    assert float(rows[0]["valid.micro_f1"]) == made.tunings[0].value
    assert not any("test" in name for name in rows[0])
    again = both(out=tmp_path / "c", trials=3)
    assert all(len(tuning.trials) == 3 for tuning in again.tunings)


def test_the_first_method_names_the_monitor(tmp_path: Path, own_folders: Path) -> None:
    pytest.importorskip("optuna")
    settings: dict[str, Any] = {"train": {"max_epochs": 1, "device": "cpu"}}
    settings["data"] = {"num_nodes": 200}
    options = {"trials": 1, "settings": settings, "progress": False}
    # The experiment file of RpHGNN has a monitor of its own, MLP has no file.
    of_file = hetgraph.tune("rphgnn", "synthetic/academic", **options).monitor
    assert of_file != "loss"
    first = compare(["rphgnn", "mlp"], "synthetic/academic", **options)
    assert {tuning.monitor for tuning in first.tunings} == {of_file}
    second = compare(["mlp", "rphgnn"], "synthetic/academic", **options)
    assert {tuning.monitor for tuning in second.tunings} == {"loss"}


def test_other_validation_targets_are_refused(
    both: Callable[..., Comparison], monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = iter(["a", "b"])
    monkeypatch.setattr("hetgraph.runs.tuning.comparison.task_sha256", lambda task: next(digests))
    with pytest.raises(ConfigError, match="mlp would be validated on other targets than tiny"):
        both()


def test_meta_paths_go_to_those_that_take_some(own_folders: Path) -> None:
    pytest.importorskip("optuna")
    settings: dict[str, Any] = {"train": {"max_epochs": 1, "device": "cpu"}}
    settings["data"] = {"num_nodes": 200}
    made = compare(
        ["mlp", "han"],
        "synthetic/academic",
        trials=1,
        settings=settings,
        metapaths=["author-paper-author"],
        progress=False,
    )
    found = {tuning.model: tuning.settings["model"] for tuning in made.tunings}
    assert found["han"]["metapaths"] == ["author-paper-author"]
    assert "metapaths" not in found["mlp"]


def test_one_model_is_no_comparison(both: Callable[..., Comparison]) -> None:
    with pytest.raises(ConfigError, match="a comparison needs two models"):
        compare(["mlp", "mlp"], "synthetic/academic")


def test_unknown_models_are_told_before_the_first_is_trained(
    both: Callable[..., Comparison], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hetgraph.runs.tuning.comparison.run_search", None)
    with pytest.raises(ConfigError, match="unknown model 'hgtt'"):
        compare(["mlp", "hgtt"], "synthetic/academic", progress=False)
    assert "hgtt" not in models
