"""A toy renaming, as an old record, experiment file, config.yaml and checkpoint meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from hetgraph import renamed
from hetgraph.errors import ConfigError
from hetgraph.methods import Method
from hetgraph.renamed import Renamed, current_names, current_settings
from hetgraph.runs import run
from hetgraph.runs.experiment import read_experiment
from hetgraph.runs.outdir import check_settings
from hetgraph.runs.record import Record
from hetgraph.train.made_from import check_same

TABLE = (
    Renamed("model.units", "model.hidden_dim", methods=("mlp",)),
    Renamed("train.optimiser", "train.optimizer", values={"ADAM": "adam"}),
    Renamed("task.share", "task.valid_fraction"),
    Renamed("train.share", "task.train_fraction"),
)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renamed, "RENAMED", TABLE)


@pytest.mark.usefixtures("table")
def test_names_values_and_sections_are_mapped() -> None:
    old = {
        "model": {"units": 8},
        "train": {"optimiser": "ADAM", "share": 0.5, "lr": [1]},
        "task": {"share": 0.3},
        "seed": 0,
    }
    new = {
        "model": {"hidden_dim": 8},
        "train": {"optimizer": "adam", "lr": [1]},
        "task": {"valid_fraction": 0.3, "train_fraction": 0.5},
        "seed": 0,
    }
    before = json.dumps(old)
    assert current_settings(old, "mlp") == new
    assert current_settings(new, "mlp") == new
    assert json.dumps(old) == before
    assert current_settings({"model": {"units": 8}}, "hgt") == {"model": {"units": 8}}
    assert current_names({"model.units": 8, "train.optimiser": "ADAM", "x": 1}, "mlp") == {
        "model.hidden_dim": 8,
        "train.optimizer": "adam",
        "x": 1,
    }


@pytest.mark.usefixtures("table")
def test_both_names_at_once_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'task.valid_fraction' is given twice: 'task.share'"):
        current_settings({"task": {"share": 0.3, "valid_fraction": 0.3}})
    with pytest.raises(ConfigError, match="is given twice"):
        current_names({"task.share": 0.3, "task.valid_fraction": 0.3})


def test_a_setting_may_be_renamed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = (Renamed("train.a", "train.b"), Renamed("train.b", "train.c"))
    monkeypatch.setattr(renamed, "RENAMED", chain)
    assert current_settings({"train": {"a": 1}}) == {"train": {"c": 1}}
    assert current_names({"train.a": 1}) == {"train.c": 1}


@pytest.mark.usefixtures("table")
def test_an_old_experiment_file_is_read(tmp_path: Path) -> None:
    from hetgraph.registry import models

    path = tmp_path / "old.yaml"
    path.write_text("model: {units: 8}\ntrain: {optimiser: ADAM}\ntask: {share: 0.3}\n")
    assert read_experiment(path, models.get("mlp")).settings == {
        "model": {"hidden_dim": 8},
        "train": {"optimizer": "adam"},
        "task": {"valid_fraction": 0.3},
    }


def test_an_old_run_is_resumed_and_its_record_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished run is returned as it is, so its folder is all that must be understood."""
    folder = tmp_path / "run"
    settings = {
        "model": {"hidden_dim": 8},
        "train": {"max_epochs": 1, "optimizer": "adam"},
        "task": {"valid_fraction": 0.3},
        "data": {"num_nodes": 200},
    }
    how = {"settings": settings, "out": folder, "progress": False}
    first = run("mlp", "synthetic/academic", **how)

    saved = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    old_model = {("units" if k == "hidden_dim" else k): v for k, v in saved["model"].items()}
    old_task = {("share" if k == "valid_fraction" else k): v for k, v in saved["task"].items()}
    old_train = {k: v for k, v in saved["train"].items() if k != "optimizer"}
    old_train["optimiser"] = "ADAM"
    old = {"model": old_model, "train": old_train, "task": old_task}
    (folder / "config.yaml").write_text(yaml.safe_dump({**saved, **old}), encoding="utf-8")
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    result["config"] |= old
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot resume"):
        run("mlp", "synthetic/academic", **how, resume=True)

    monkeypatch.setattr(renamed, "RENAMED", TABLE)
    assert run("mlp", "synthetic/academic", **how, resume=True).config == first.config
    assert Record.load(folder / "result.json").config == first.config
    model = json.loads((folder / "model" / "model.json").read_text(encoding="utf-8"))
    model["config"]["units"] = model["config"].pop("hidden_dim")
    (folder / "model" / "model.json").write_text(json.dumps(model), encoding="utf-8")
    assert Method.load(folder / "model").config.hidden_dim == 8
    changed = {**settings, "method": "mlp", "model": {"hidden_dim": 9}}
    with pytest.raises(ConfigError, match=r"model\.hidden_dim was 8 and is now 9"):
        check_settings(folder, {**saved, **changed})


@pytest.mark.usefixtures("table")
def test_an_old_checkpoint_is_accepted() -> None:
    old = {"model": "mlp", "model.units": 8, "train.optimiser": "ADAM"}
    new = {"model": "mlp", "model.hidden_dim": 8, "train.optimizer": "adam"}
    check_same(old, new)
    with pytest.raises(ConfigError, match=r"model\.hidden_dim was 8 and is now 16"):
        check_same(old, {**new, "model.hidden_dim": 16})


def test_the_table_maps_to_settings_that_exist() -> None:
    """Each entry leads to a name of today, be it by a later entry."""
    old = [entry.old for entry in renamed.RENAMED]
    assert len(old) == len({(entry.old, entry.methods) for entry in renamed.RENAMED})
    sections = ("model", "train", "task", "seeds", "data")
    for entry in renamed.RENAMED:
        assert entry.new.split(".")[0] in sections
