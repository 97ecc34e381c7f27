from __future__ import annotations

import json

import pytest
import torch

from hetgraph.train import StopTraining, TrainConfig, Trainer

OPTIONS = {"batch_size": 16, "max_epochs": 6, "lr": 0.02, "tensorboard": False, "device": "cpu"}


def _fit(tiny, *callbacks, out=None, resume=False, model=None, **changes):
    task = tiny.make_task()
    made = model or tiny.TinyModel.make(task, pretrain=2)
    trainer = Trainer(
        TrainConfig(**{**OPTIONS, **changes}), out=out, progress=False, callbacks=callbacks
    )
    return made, trainer.fit(made, task, resume=resume)


def test_a_callback_gets_what_the_log_holds(tiny, tmp_path):
    events = []
    model, result = _fit(tiny, events.append, out=tmp_path, eval_every=2, lr_decay=0.5)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    for row, event in zip(rows, events, strict=True):
        assert (event.stage, event.epoch, event.lr) == (row["stage"], row["epoch"], row["lr"])
        assert (event.train, event.valid) == (row["train"], row.get("valid"))
        assert event.model is model
        assert not event.refit
    assert [event.epochs for event in events] == list(range(1, 9))
    best = [event.epoch for event in events if event.is_best]
    assert best[-1] == result.best_epoch
    assert not any(event.is_best for event in events if event.valid is None)


def test_a_callback_that_draws_numbers_changes_none(tiny):
    plain, _ = _fit(tiny)
    watched, _ = _fit(tiny, lambda epoch: torch.rand(100), lambda epoch: torch.manual_seed(0))
    for left, right in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(left, right)


def test_stop_ends_the_running_stage_and_all_are_called(tiny):
    seen = []

    def stop(epoch):
        seen.append((epoch.stage, epoch.epoch))
        if epoch.epoch == (1 if epoch.stage == "warm" else 3):
            raise StopTraining

    others = []
    _, result = _fit(tiny, stop, lambda epoch: others.append((epoch.stage, epoch.epoch)))
    assert seen == others == [("warm", 1), ("fit", 1), ("fit", 2), ("fit", 3)]
    assert result.epochs == 4


def test_a_stage_that_was_stopped_stays_stopped_after_a_resume(tiny, tmp_path):
    def stop(epoch):
        if epoch.stage == "warm":
            raise StopTraining

    expected, straight = _fit(tiny, stop)
    task = tiny.make_task()
    model = tiny.HaltingModel.make(task, pretrain=2)
    # The checkpoint after the stop is the last one before the crash in the next step.
    model.halt_at, tiny.HaltingModel.halt = 3, staticmethod(_crash)
    with pytest.raises(RuntimeError):
        _fit(tiny, stop, out=tmp_path, model=model, checkpoint_seconds=1e-9)
    resumed, result = _fit(tiny, stop, out=tmp_path, resume=True, checkpoint_seconds=1e-9)
    assert result.epochs == straight.epochs == 7
    for left, right in zip(expected.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(left, right)


def _crash():
    raise RuntimeError("crash")
