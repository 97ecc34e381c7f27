from __future__ import annotations

import csv
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.files import OutputError
from hetgraph.runs.tuning import search, study
from hetgraph.runs.tuning.result import Tuning

SHARED = {"train": {"max_epochs": 3, "batch_size": 64, "lr": 0.02, "monitor": "f1_mean"}}


def values(tuning: Tuning) -> list[object]:
    return [(trial.values, trial.value) for trial in tuning.trials]


def test_the_same_search_goes_on_to_its_number_of_trials(
    tune: Callable[..., Tuning], folder: Path
) -> None:
    tune(trials=2, out=folder)
    before = {path.name for path in folder.iterdir()}
    assert before == {".lock", "best.yaml", "study.sqlite3", "trials.csv"}
    going_on = tune(trials=4, out=folder)
    assert values(going_on) == values(tune(trials=4))
    assert going_on.out == folder
    assert going_on.importance == tune(trials=4).importance
    rows = list(csv.DictReader((folder / "trials.csv").open()))
    assert [row["trial"] for row in rows] == ["1", "2", "3", "4"]


def test_a_finished_search_trains_nothing(
    tune: Callable[..., Tuning], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tune(trials=2, out=folder)
    monkeypatch.setattr(search._Search, "_trial", None)
    assert tune(trials=2, out=folder) == first
    assert len(tune(trials=1, out=folder).trials) == 2


def test_a_killed_search_loses_only_the_running_trial(
    tune: Callable[..., Tuning], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:  # a kill leaves no time to note anything
        tune(trials=2, out=folder)
        patched.setattr(study.Study, "drop", lambda self, drawn: None)
        patched.setattr(search._Search, "_train", lambda self, values, watch: os.kill)
        with pytest.raises(AttributeError):
            tune(trials=3, out=folder)
    assert values(tune(trials=4, out=folder)) == values(tune(trials=4))
    import optuna

    kept = optuna.load_study(study_name=None, storage=f"sqlite:///{folder / study.STUDY}")
    assert [trial.state.name for trial in kept.trials] == ["COMPLETE"] * 2 + ["FAIL"] + [
        "COMPLETE"
    ] * 2


def test_another_question_is_refused(tune: Callable[..., Tuning], folder: Path) -> None:
    tune(trials=1, out=folder)
    with pytest.raises(ConfigError, match=r"search\.model\.dropout was .*Choose another --out"):
        tune(trials=2, out=folder, space={"hidden": [2, 8]})
    with pytest.raises(ConfigError, match=r"train\.lr was 0\.02 and is now 0\.1"):
        tune(trials=2, out=folder, settings={"train": {**SHARED["train"], "lr": 0.1}})
    with pytest.raises(ConfigError, match="the seed was 0 and is now 1"):
        tune(trials=2, out=folder, seed=1)


def test_other_data_are_refused(
    tune: Callable[..., Tuning], folder: Path, tiny: ModuleType
) -> None:
    tune(trials=1, out=folder)
    other = tiny.make_dataset(noise=0.7)
    with pytest.raises(ConfigError, match="the content of the data set was"):
        tune.func("tiny", other, **tune.keywords, trials=2, out=folder)


def test_how_often_a_checkpoint_is_written_does_not_count(
    tune: Callable[..., Tuning], folder: Path
) -> None:
    tune(trials=1, out=folder)
    shared = {"train": {**SHARED["train"], "checkpoint_seconds": 5.0}}
    assert len(tune(trials=1, out=folder, settings=shared).trials) == 1


def test_a_folder_of_something_else_is_left_alone(
    tune: Callable[..., Tuning], folder: Path
) -> None:
    folder.mkdir()
    (folder / "thesis.tex").write_text("a year of work")
    with pytest.raises(ConfigError, match="not empty and holds no search; choose another --out"):
        tune(trials=1, out=folder)
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]
    with pytest.raises(OutputError, match="it is a file; choose a folder"):
        tune(trials=1, out=folder / "thesis.tex")


def test_a_folder_of_a_search_that_was_killed_at_its_start_is_taken(
    tune: Callable[..., Tuning], folder: Path
) -> None:
    folder.mkdir()
    (folder / ".lock").touch()
    assert len(tune(trials=1, out=folder).trials) == 1


def test_a_damaged_file_is_told(tune: Callable[..., Tuning], folder: Path) -> None:
    folder.mkdir()
    (folder / study.STUDY).write_bytes(b"not a database" * 100)
    with pytest.raises(FileFormatError, match=r"study.sqlite3 is damaged .* choose another --out"):
        tune(trials=1, out=folder)


def test_two_processes_do_not_share_a_folder(tune: Callable[..., Tuning], folder: Path) -> None:
    tune(trials=1, out=folder)
    with (folder / ".lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another process searches in"):
            tune(trials=2, out=folder)
    shutil.rmtree(folder)


def test_the_time_counts_over_all_commands(
    tune: Callable[..., Tuning], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 1000, 2))  # each trial reads the clock twice: 2 s
    monkeypatch.setattr(search, "perf_counter", lambda: float(next(seconds)))
    assert len(tune(time="5s", out=folder).trials) == 3
    assert len(tune(time="5s", out=folder).trials) == 3
    assert len(tune(time="7s", out=folder).trials) == 4


def test_importance_needs_some_trials(tune: Callable[..., Tuning]) -> None:
    assert tune(trials=3).importance == {}
    importance = tune(trials=12).importance
    assert set(importance) == {"model.hidden", "model.dropout", "train.weight_decay"}
    assert sum(importance.values()) == pytest.approx(1.0)
    assert list(importance.values()) == sorted(importance.values(), reverse=True)
