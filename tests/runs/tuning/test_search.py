from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
import yaml

import hetgraph
from hetgraph.catalog import Dataset, Values
from hetgraph.errors import ConfigError, UserError
from hetgraph.files import OutputError
from hetgraph.runs.tuning import search
from hetgraph.runs.tuning.result import Tuning

SHARED = {"train": {"max_epochs": 3, "batch_size": 64, "lr": 0.02, "monitor": "f1_mean"}}
SPACE = {"hidden": {"low": 2, "high": 8}, "dropout": [0.0, 0.5]}


def outcomes(tuning: Tuning) -> list[tuple[object, ...]]:
    """What does not depend on the clock."""
    return [(t.number, t.outcome, t.values, t.value, t.metrics) for t in tuning.trials]


def test_the_best_trial_wins_and_the_search_repeats(tune: Callable[..., Tuning]) -> None:
    one, two = tune(trials=4), tune(trials=4)
    assert outcomes(one) == outcomes(two)
    assert len(one.trials) == 4
    assert one.value == max(trial.value for trial in one.trials)
    assert set(one.settings["model"]) == {"hidden", "dropout"}
    assert one.settings["train"]["max_epochs"] == 3
    assert one.best.values["train.weight_decay"] == one.settings["train"]["weight_decay"]


def test_another_seed_draws_other_values(tune: Callable[..., Tuning]) -> None:
    one, two = tune(trials=2), tune(trials=2, seed=1)
    assert [t.values for t in one.trials] != [t.values for t in two.trials]


def test_the_test_split_is_out_of_reach(
    tune: Callable[..., Tuning], tiny: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = []

    def prepare(self, task, *, seeds, workdir=None):
        with pytest.raises(PermissionError):
            task.index("test")
        tasks.append(task)
        return {"task": task, "x": task.graph.features[task.spec.target]}

    monkeypatch.setattr(tiny.TinyModel, "prepare", prepare)
    tuning = tune(trials=1)
    assert len(tasks) == 1
    assert "test" not in str(tuning.to_table().column_names)


@pytest.mark.parametrize("name", ["refit", "best_on_test"])
def test_what_reads_the_test_split_waits_for_the_last_run(
    tune: Callable[..., Tuning], tiny: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = {"train": {**SHARED["train"], name: True}}
    tuning = tune(trials=1, settings=shared)
    assert tuning.trials[0].outcome == "complete"
    assert tuning.settings["train"][name] is True


def test_the_first_trial_has_the_settings_of_a_training_without_a_search(
    tune: Callable[..., Tuning], tiny: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny.TinyModel, "search_space", {"hidden": [2, 4], "dropout": [0.9]})
    tuning = tune(trials=1, space=None)
    assert tuning.start == {"model.hidden": 8, "model.dropout": 0.3}
    assert tuning.trials[0].values == tuning.start
    # What the user set is not searched.
    tuning = tune(trials=1, space=None, settings={**SHARED, "model": {"hidden": 5}})
    assert tuning.start == {"model.dropout": 0.3}
    assert tuning.settings["model"] == {"hidden": 5, "dropout": 0.3}


def test_a_run_with_the_best_settings_scores_as_the_trial_did(
    tune: Callable[..., Tuning], folder: Path
) -> None:
    shared = {**SHARED, "data": {"num_nodes": 200}}
    options = {"space": SPACE, "settings": shared, "progress": False, "seed": 3}
    tuning = hetgraph.tune("tiny", "synthetic/academic", trials=3, out=folder, **options)
    settings = yaml.safe_load((folder / "best.yaml").read_text())
    assert settings.pop("method") == "tiny"
    assert settings["dataset"] == "synthetic/academic"
    record = hetgraph.run(
        "tiny", "synthetic/academic", settings=settings, seed=3, out=folder / "r", progress=False
    )
    assert record.metrics["valid"] == dict(tuning.best.metrics)
    assert record.metrics["valid"]["f1_mean"] == tuning.value


def test_diverged_trials_are_kept_as_such(tune: Callable[..., Tuning]) -> None:
    shared = {"train": {**SHARED["train"], "optimizer": "sgd"}}
    del shared["train"]["lr"]
    with pytest.raises(UserError, match="every trial diverged"):
        tune(trials=2, settings=shared, space={"train.lr": [1e30]})
    tuning = tune(trials=4, settings=shared, space={"train.lr": [1e30, 0.01]})
    found = {trial.values["train.lr"]: trial for trial in tuning.trials}
    assert found[1e30].outcome == "diverged"
    assert found[1e30].metrics == {}
    assert "lower train.lr" in found[1e30].note
    assert found[0.01].outcome == "complete"


def test_values_that_do_not_go_together_are_one_failed_trial(
    tune: Callable[..., Tuning], tiny: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tiny.TinyModel.prepare

    def prepare(self, task, **words):
        if self.config.hidden == 4:
            raise ConfigError("hidden must not be 4.")
        if self.config.hidden == 5:
            raise MemoryError
        return usual(self, task, **words)

    monkeypatch.setattr(tiny.TinyModel, "prepare", prepare)
    tuning = tune(trials=14, space={"hidden": [4, 5, 8]})
    notes = {trial.values["model.hidden"]: (trial.outcome, trial.note) for trial in tuning.trials}
    assert notes[4] == ("failed", "hidden must not be 4.")
    assert notes[5] == ("failed", "out of memory")
    assert notes[8] == ("complete", "")
    with pytest.raises(UserError, match="first 3 trials failed: hidden must not be 4"):
        tune(trials=8, space={"hidden": [4]})


def test_wrong_words_are_refused_before_the_data_are_read(
    tune: Callable[..., Tuning], registered_tiny: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hetgraph.runs.tuning.question.load_task", None)

    def search_named(**options: object) -> None:
        words = {"settings": SHARED, "space": SPACE, **options}
        hetgraph.tune("tiny", "synthetic/academic", **words)

    with pytest.raises(ConfigError, match=r"nothing to search: .*'tiny' declares no search space"):
        search_named(space=None)
    with pytest.raises(ConfigError, match="nothing to search: the space is empty"):
        search_named(space={})
    with pytest.raises(ConfigError, match=r"unknown setting 'model.hiden'. Did you mean 'hidden'"):
        search_named(space={"hiden": [1]})
    with pytest.raises(ConfigError, match=r"train\.lr: both set and searched"):
        search_named(space={"train.lr": [0.1]})
    with pytest.raises(ConfigError, match=r"train\.devices is 2; a search runs in one process"):
        search_named(settings={"train": {"devices": 2}})


def test_missing_optuna_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"'optuna'.*run: pip install 'hetgraph\[hpo\]'"):
        search.tune("no-such-model", "nowhere/nothing")


def test_a_data_set_of_ones_own_is_asked_for_its_task(registered_tiny: ModuleType) -> None:
    pytest.importorskip("optuna")
    data = hetgraph.load_dataset("synthetic/academic", num_nodes=200)
    values = data.graph.num_nodes["author"]
    target = Values("author", torch.arange(values), torch.arange(values).double())
    own = Dataset("my/own", data.graph, target, task="node-regression")
    settings = {"train": {"max_epochs": 1, "device": "cpu"}}
    tuning = hetgraph.tune(
        "mlp", own, trials=1, settings=settings, space={"dropout": [0.1]}, progress=False
    )
    assert tuning.settings.keys() == {"train", "model"}
    assert (tuning.monitor, tuning.is_error) == ("rmse", True)
    assert tuning.value < 0 < tuning.best.metrics["rmse"]


def test_own_functions_select(tune: Callable[..., Tuning]) -> None:
    shared = {"train": {**SHARED["train"], "monitor": "constant"}}
    tuning = tune(trials=1, settings=shared, metrics={"constant": lambda p, t: 0.25})
    assert tuning.value == 0.25


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_search_keeps_what_is_over(
    tune: Callable[..., Tuning],
    folder: Path,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    usual, trained = search._Search._train, []

    def train(self, values, watch):
        trained.append(values)
        if len(trained) == 3:
            signal.raise_signal(number)
        return usual(self, values, watch)

    with monkeypatch.context() as patched:
        patched.setattr(search._Search, "_train", train)
        with pytest.raises(KeyboardInterrupt):
            tune(trials=5, out=folder, progress=True)
    err = capsys.readouterr().err
    assert f"2 trials are kept in {folder}" in err
    assert "Give the same command again to go on" in err
    # The search goes on to what it would have been without the stop.
    assert outcomes(tune(trials=5, out=folder)) == outcomes(tune(trials=5))


def test_a_graph_with_a_target_is_enough(registered_tiny: ModuleType) -> None:
    pytest.importorskip("optuna")
    graph = hetgraph.load_dataset("synthetic/academic", num_nodes=200).graph
    labels = torch.arange(graph.num_nodes["paper"]) % 2
    options = {"settings": {"train": {"max_epochs": 1, "device": "cpu"}}, "progress": False}
    tuning = hetgraph.tune("rgcn", graph, target=("paper", labels), trials=1, **options)
    fitted = hetgraph.fit(
        "rgcn", graph, target=("paper", labels), settings=tuning.settings, progress=False
    )
    assert fitted.metrics["valid"] == dict(tuning.best.metrics)


def test_a_full_disk_is_no_failed_trial(
    tune: Callable[..., Tuning], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self, values, watch):
        raise OutputError("the disk is full")

    monkeypatch.setattr(search._Search, "_train", full)
    with pytest.raises(OutputError, match=r"^the disk is full$"):
        tune(trials=1)
