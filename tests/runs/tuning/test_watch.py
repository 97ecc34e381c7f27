from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest

from hetgraph.runs.tuning import search
from hetgraph.runs.tuning.result import Tuning
from hetgraph.runs.tuning.watch import Pruned, Watch
from hetgraph.train import TrainConfig


class Reports:
    """Takes the place of an optuna trial: prunes when told to."""

    def __init__(self, prune: bool = False) -> None:
        self.values: list[tuple[float, int]] = []
        self.prune = prune

    def report(self, value: float, step: int) -> None:
        self.values.append((value, step))

    def should_prune(self) -> bool:
        return self.prune


def epoch(number: int, valid: dict[str, float] | None) -> SimpleNamespace:
    return SimpleNamespace(epoch=number, epochs=number, valid=valid)


def watch(tiny: ModuleType, reports: Reports, **config: object) -> Watch:
    quiet = SimpleNamespace(epoch=lambda *words: None)
    return Watch(reports, tiny.make_task(), TrainConfig(**config), quiet)


def test_the_best_value_so_far_is_reported_after_each_evaluation(tiny: ModuleType) -> None:
    reports = Reports()
    after = watch(tiny, reports, monitor="loss")
    for number, loss in enumerate([0.5, None, 0.7, 0.2], start=1):
        after(epoch(number, None if loss is None else {"loss": loss}))
    assert reports.values == [(-0.5, 1), (-0.5, 3), (-0.2, 4)]
    assert (after.best, after.epochs) == (-0.2, 4)


def test_a_trial_is_pruned_but_not_at_its_last_epoch(tiny: ModuleType) -> None:
    after = watch(tiny, Reports(prune=True), monitor="loss", max_epochs=5)
    with pytest.raises(Pruned):
        after(epoch(4, {"loss": 1.0}))
    after(epoch(5, {"loss": 1.0}))


def test_trials_below_the_median_are_pruned_after_a_warm_up(
    tune: Callable[..., Tuning], tiny: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = {"train": {"max_epochs": 15, "batch_size": 64, "monitor": "loss"}}
    space = {"train.lr": {"low": 1e-6, "high": 0.1, "log": True}}
    tuning = tune(trials=14, settings=shared, space=space)
    pruned = [trial for trial in tuning.trials if trial.outcome == "pruned"]
    assert pruned
    assert all(trial.number > 5 and 10 <= trial.epochs < 15 for trial in pruned)
    assert all(trial.value < tuning.value for trial in pruned)
    assert {trial.note for trial in pruned} == {"below the median at this epoch"}
    assert tuning.best.outcome == "complete"


def test_what_goes_wrong_for_another_reason_is_raised(
    tune: Callable[..., Tuning], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self, values, watch):
        raise ZeroDivisionError

    monkeypatch.setattr(search._Search, "_train", broken)
    with pytest.raises(ZeroDivisionError):
        tune(trials=1)
