from __future__ import annotations

import json

import pytest
import torch

from hetgraph.errors import ConfigError
from hetgraph.methods import Stage
from hetgraph.train import StopTraining, TrainConfig, Trainer

OPTIONS = {
    "batch_size": 16,
    "max_epochs": 30,
    "lr": 0.2,
    "patience": 2,
    "tensorboard": False,
    "device": "cpu",
}


@pytest.fixture
def refit_task(tiny):
    """Makes the tiny task; its calls of ``score`` are noted in ``scored``, with the phase."""

    class Noted(tiny.NodeClassification):
        scored: list

        def score(self, predictions, split):
            self.scored.append((not len(self.index("valid")), split))
            return super().score(predictions, split)

    def make():
        task = Noted(tiny.make_dataset(), tiny.Seeds())
        task.scored = []
        return task

    return make


def _fit(
    tiny, task, out=None, *, resume=False, halt_at=-1, callbacks=(), splits=None, seed=0, **changes
):
    model = tiny.HaltingModel.make(task, seed, pretrain=2)
    model.halt_at, tiny.HaltingModel.halt = halt_at, staticmethod(_crash)
    config = TrainConfig(**{"refit": True, **OPTIONS, **changes})
    trainer = Trainer(config, out=out, progress=False, callbacks=callbacks)
    given = {} if splits is None else {"splits": splits}
    return model, trainer.fit(model, task, resume=resume, **given)


class CrashError(Exception):
    pass


def _crash():
    raise CrashError


def _same(left, right):
    pairs = zip(left.state_dict().values(), right.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_trains_once_more_on_both_for_as_long_and_scores_test_once(tiny, refit_task):
    task = refit_task()
    model, result = _fit(tiny, task)
    _, first = _fit(tiny, refit_task(), refit=False)
    assert result.refit_epochs == {"warm": 2, "fit": first.best_epoch}
    assert first.best_epoch < first.epochs - 2  # Stopped early: not the epoch of the stop.
    assert result.epochs == first.epochs + 2 + first.best_epoch
    assert result.best_epoch == first.best_epoch
    for split in ("train", "valid"):
        assert result.metrics[split] == first.metrics[split]
    assert result.metrics["test"] != first.metrics["test"]
    assert set(result.predictions) == {"test"}
    assert [split for _, split in task.scored].count("test") == 1
    assert task.scored[-1] == (True, "test")
    assert [pair for pair in task.scored if pair[0]] == [(True, "test")]
    # The same weights by hand: a fresh model, the view, fixed epochs, no validation.
    by_hand = tiny.HaltingModel.make(task, pretrain=2)
    stages = (Stage("warm", 2, validate=False), Stage("fit", first.best_epoch, validate=False))
    by_hand.stages = lambda: stages
    view = task.refit_view()
    outcome = Trainer(TrainConfig(**OPTIONS), progress=False).fit(by_hand, view, splits=("test",))
    assert _same(model, by_hand)
    assert outcome.metrics["test"] == result.metrics["test"]


@pytest.mark.parametrize("halt_at", [1, 7, 31, 33, 34, 36, 44, 60])
def test_a_crash_in_either_phase_leaves_no_trace(tiny, refit_task, tmp_path, halt_at):
    # The first training has 3 steps an epoch, the second 5.
    options = {"checkpoint_batches": 1}
    expected, straight = _fit(tiny, refit_task(), tmp_path / "a", **options)
    with pytest.raises(CrashError):
        _fit(tiny, refit_task(), tmp_path / "b", halt_at=halt_at, **options)
    task = refit_task()
    model, resumed = _fit(tiny, task, tmp_path / "b", resume=True, **options)
    assert _same(model, expected)
    assert resumed.metrics == straight.metrics
    assert (resumed.epochs, resumed.best_epoch) == (straight.epochs, straight.best_epoch)
    assert resumed.refit_epochs == straight.refit_epochs
    assert [split for _, split in task.scored].count("test") == 1
    logs = []
    for name in "ab":
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        logs.append([{**json.loads(line), "seconds": 0} for line in lines])
    assert logs[0] == logs[1]
    stages = [row["stage"] for row in logs[0]]
    assert list(dict.fromkeys(stages)) == ["warm", "fit", "refit/warm", "refit/fit"]


def _rates(out):
    rows = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    rates: dict[bool, list[float]] = {True: [], False: []}
    for row in rows:
        rates[row["stage"].startswith("refit/")].append(row["lr"])
    return rates


@pytest.mark.parametrize(
    "controls",
    [
        {"scheduler": "one-cycle"},
        {"scheduler": "cosine", "warmup": 3},
        {"scheduler": "plateau", "plateau_patience": 0, "patience": 4},
        {"ema": 0.5},
    ],
)
def test_a_refit_repeats_the_rates_and_averages(tiny, refit_task, tmp_path, controls):
    # One step to an epoch, so that both trainings have the same steps.
    options = {"checkpoint_batches": 1, "batch_size": 100, **controls}
    expected, straight = _fit(tiny, refit_task(), tmp_path / "a", **options)
    rates = _rates(tmp_path / "a")
    planned = sum(straight.refit_epochs.values())
    assert rates[True] == rates[False][:planned]
    assert "ema" in controls or len(set(rates[True])) > 1
    steps = len(rates[False]) + 4
    with pytest.raises(CrashError):
        _fit(tiny, refit_task(), tmp_path / "b", halt_at=steps, **options)
    model, resumed = _fit(tiny, refit_task(), tmp_path / "b", resume=True, **options)
    assert _same(model, expected)
    assert resumed.metrics == straight.metrics


@pytest.mark.parametrize("halt_at", [7, 44])
def test_a_resume_starts_the_refit_from_the_weights_of_the_first_session(
    tiny, refit_task, tmp_path, halt_at
):
    options = {"checkpoint_batches": 1}
    expected, _ = _fit(tiny, refit_task())
    with pytest.raises(CrashError):
        _fit(tiny, refit_task(), tmp_path, halt_at=halt_at, **options)
    other, _ = _fit(tiny, refit_task(), tmp_path, resume=True, seed=9, **options)
    assert _same(other, expected)


def test_the_crashes_fall_into_both_phases(tiny, refit_task):
    phases = []
    _fit(tiny, refit_task(), callbacks=[lambda epoch: phases.append(epoch.refit)])
    steps = [5 if refit else 3 for refit in phases]
    first = 3 * phases.count(False)
    assert 31 < first < 34  # So the crashes above fall before, at and after the change.
    assert sum(steps) > 60


def test_a_stop_by_a_callback_shortens_the_refit_too(tiny, refit_task):
    def stop(epoch):
        if epoch.stage == "fit" and not epoch.refit and epoch.epoch == 2:
            raise StopTraining

    _, result = _fit(tiny, refit_task(), callbacks=[stop], patience=None, lr=0.01)
    assert result.refit_epochs == {"warm": 2, "fit": 2}


def test_a_method_without_stages_prepares_again(tiny, refit_task):
    prepared = []

    class Baseline(tiny.TinyModel):
        def stages(self):
            return ()

        def prepare(self, task, **options):
            prepared.append((len(task.index("train")), options["workdir"]))
            return super().prepare(task, **options)

    task = refit_task()
    trainer = Trainer(TrainConfig(**OPTIONS, refit=True), progress=False)
    result = trainer.fit(Baseline.make(task), task)
    assert prepared == [(40, None), (80, None)]
    assert result.refit_epochs == {}
    assert task.scored == [(False, "train"), (False, "valid"), (True, "test")]


def test_the_second_phase_does_not_read_what_the_first_kept(tiny, refit_task, tmp_path):
    folders = []

    class Keeping(tiny.TinyModel):
        def prepare(self, task, **options):
            folders.append(options["workdir"])
            return super().prepare(task, **options)

    task = refit_task()
    config = TrainConfig(**{**OPTIONS, "max_epochs": 1}, refit=True)
    Trainer(config, progress=False, workdir=tmp_path).fit(Keeping.make(task), task)
    assert folders == [tmp_path, tmp_path / "refit"]


def test_without_test_there_is_no_refit(tiny, refit_task):
    task = refit_task()
    _, result = _fit(tiny, task.without_test(), splits=("valid",))
    assert result.refit_epochs is None
    assert set(result.metrics) == {"valid"}


def test_impossible_refits_are_refused_before_training(tiny, refit_task, tmp_path):
    with pytest.raises(ConfigError, match=r"train.refit scores the test split once"):
        TrainConfig(refit=True, best_on_test=True)
    with pytest.raises(CrashError):
        _fit(tiny, refit_task(), tmp_path, halt_at=7, checkpoint_batches=1)
    with pytest.raises(ConfigError, match=r"train.refit was True and is now None"):
        _fit(tiny, refit_task(), tmp_path, resume=True, refit=False)
