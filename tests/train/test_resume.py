from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.runs.outdir import CHECKPOINT
from hetgraph.seeds import Seeds
from hetgraph.train import FitState, TrainConfig, Trainer

# 40 training rows: 3 batches an epoch, 15 steps.
OPTIONS = {
    "batch_size": 16,
    "max_epochs": 5,
    "lr": 0.02,
    "checkpoint_batches": 2,
    "tensorboard": False,
    "device": "cpu",
}
CONFIG = TrainConfig(**OPTIONS)


class CrashError(Exception):
    pass


def _crash():
    raise CrashError


def _run(tiny, out, *, halt_at=-1, halt=_crash, resume=False, config=CONFIG, seed=0, **model):
    task = tiny.make_task()
    made = tiny.HaltingModel.make(task, **model)
    made.halt_at, tiny.HaltingModel.halt = halt_at, staticmethod(halt)
    trainer = Trainer(config, seeds=Seeds.from_seed(seed), out=out, progress=False)
    return made, trainer.fit(made, task, resume=resume)


def _rows(out):
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def _assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


@pytest.mark.parametrize("halt_at", range(1, 15, 2))
@pytest.mark.parametrize("pretrain", [0, 2])
def test_a_crash_at_any_step_leaves_no_trace(tiny, tmp_path, halt_at, pretrain):
    expected, straight = _run(tiny, tmp_path / "a", pretrain=pretrain)
    with pytest.raises(CrashError):
        _run(tiny, tmp_path / "b", halt_at=halt_at, pretrain=pretrain)
    model, resumed = _run(tiny, tmp_path / "b", resume=True, pretrain=pretrain)
    _assert_same(model.state_dict(), expected.state_dict())
    assert resumed.metrics == straight.metrics
    assert resumed.epochs == straight.epochs
    assert resumed.best_epoch == straight.best_epoch
    assert _rows(tmp_path / "b") == _rows(tmp_path / "a")


CONTROLS = [
    {"ema": 0.8},
    {"scheduler": "one-cycle", "warmup": 2},
    {"scheduler": "cosine", "warmup": 0.3, "ema": 0.9},
    {"scheduler": "plateau", "plateau_patience": 0, "lr": 0.3},
]


@pytest.mark.parametrize("controls", CONTROLS)
@pytest.mark.parametrize("halt_at", [1, 4, 8, 14])
def test_schedules_and_averages_go_on(tiny, tmp_path, controls, halt_at):
    config = TrainConfig(**{**OPTIONS, **controls, "checkpoint_batches": 1})
    expected, straight = _run(tiny, tmp_path / "a", config=config, pretrain=1)
    with pytest.raises(CrashError):
        _run(tiny, tmp_path / "b", halt_at=halt_at, config=config, pretrain=1)
    model, resumed = _run(tiny, tmp_path / "b", resume=True, config=config, pretrain=1)
    _assert_same(model.state_dict(), expected.state_dict())
    assert resumed.metrics == straight.metrics
    assert _rows(tmp_path / "b") == _rows(tmp_path / "a")
    rates = {row["lr"] for row in _rows(tmp_path / "a")}
    assert len(rates) > 1 or controls == {"ema": 0.8}


def test_the_state_after_a_resume_is_the_state_of_a_straight_run(tiny, tmp_path):
    """Stopped twice on the way, a fit has the same state at the same step, bit for bit."""
    config = TrainConfig(**{**OPTIONS, "checkpoint_batches": 1, "ema": 0.9, "warmup": 3})
    states = []
    for name, stops in (("straight", [11]), ("stopped", [4, 3, 4])):
        out = tmp_path / name
        for number, halt_at in enumerate(stops):
            with pytest.raises(CrashError):
                _run(tiny, out, halt_at=halt_at, config=config, resume=number > 0)
        states.append(FitState.load(out / CHECKPOINT))
    assert states[0].position == states[1].position
    assert (states[0].position.epoch, states[0].position.batch) == (3, 2)
    assert states[0] == states[1]
    assert states[1].seconds["fit"] > 0


def test_the_best_weights_before_a_crash_are_kept(tiny, tmp_path):
    config = TrainConfig(**{**OPTIONS, "lr": 0.2, "max_epochs": 12, "checkpoint_batches": 1})
    expected, straight = _run(tiny, tmp_path / "a", config=config)
    with pytest.raises(CrashError):
        _run(tiny, tmp_path / "b", halt_at=33, config=config)  # In the last epoch.
    assert straight.best_epoch < 11
    model, resumed = _run(tiny, tmp_path / "b", resume=True, config=config)
    _assert_same(model.state_dict(), expected.state_dict())
    assert resumed.best_epoch == straight.best_epoch


def test_the_clock_goes_on(tiny, tmp_path):
    with pytest.raises(CrashError):
        _run(tiny, tmp_path, halt_at=7)
    path = tmp_path / CHECKPOINT
    state = FitState.load(path)
    assert set(state.seconds) == {"prepare", "fit"}
    replace(state, seconds={"prepare": 500.0, "fit": 1000.0}).save(path)
    _, resumed = _run(tiny, tmp_path, resume=True)
    assert 1000 < resumed.seconds["fit"] < 1100
    assert resumed.seconds["prepare"] == 500


@pytest.mark.parametrize("accumulate", [1, 2])
def test_crashes_again_and_again(tiny, tmp_path, accumulate):
    config = TrainConfig(**{**OPTIONS, "checkpoint_batches": 1, "accumulate": accumulate})
    expected, _ = _run(tiny, tmp_path / "a", config=config)
    for _ in range(20):
        try:
            model, _ = _run(tiny, tmp_path / "b", halt_at=3, resume=True, config=config)
            break
        except CrashError:
            continue
    _assert_same(model.state_dict(), expected.state_dict())


def test_killed_in_the_middle_of_an_epoch(tiny, tmp_path, worker):
    command, environment = worker
    options = {**OPTIONS, "batch_size": 8}  # 5 batches an epoch.
    expected, straight = _run(tiny, tmp_path / "straight", config=TrainConfig(**options))
    out = tmp_path / "killed"
    out.mkdir()
    first = json.dumps({"train": options, "halt_at": 13})
    process = subprocess.Popen([*command, str(out), first], env=environment)
    deadline = time.monotonic() + 100
    while not (out / "halted").exists() and time.monotonic() < deadline:
        assert process.poll() is None, "the worker ended before it was killed"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    position = FitState.load(out / CHECKPOINT).position
    assert (position.epoch, position.batch) == (2, 2)  # The step after it is lost.
    again = json.dumps({"train": options, "resume": True})
    subprocess.run([*command, str(out), again], env=environment, check=True, timeout=100)
    _assert_same(load_file(out / "weights"), dict(expected.state_dict()))
    assert json.loads((out / "metrics.json").read_text()) == straight.metrics
    assert _rows(out) == _rows(tmp_path / "straight")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_writes_a_checkpoint_at_the_next_step(tiny, tmp_path, number):
    config = TrainConfig(**{**OPTIONS, "checkpoint_batches": None, "checkpoint_seconds": None})
    assert threading.current_thread() is threading.main_thread()
    expected, _ = _run(tiny, tmp_path / "a", config=config)
    with pytest.raises(KeyboardInterrupt):
        _run(
            tiny,
            tmp_path / "b",
            config=config,
            halt_at=4,
            halt=lambda: os.kill(os.getpid(), number),
        )
    position = FitState.load(tmp_path / "b" / CHECKPOINT).position
    assert (position.epoch, position.batch) == (1, 2)
    model, _ = _run(tiny, tmp_path / "b", resume=True, config=config)
    _assert_same(model.state_dict(), expected.state_dict())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_resume_without_a_checkpoint_starts_from_the_beginning(tiny, tmp_path):
    (tmp_path / "a").mkdir()
    model, _ = _run(tiny, tmp_path / "a", resume=True)
    expected, _ = _run(tiny, None)
    _assert_same(model.state_dict(), expected.state_dict())


def test_resume_of_another_run_is_refused(tiny, tmp_path):
    with pytest.raises(CrashError):
        _run(tiny, tmp_path, halt_at=7)
    other = TrainConfig(**{**OPTIONS, "lr": 0.03})
    with pytest.raises(ConfigError, match=r"train.lr was 0.02 and is now 0.03; use the same"):
        _run(tiny, tmp_path, resume=True, config=other)
    with pytest.raises(ConfigError, match=r"seeds.split was 0 and is now 1"):
        _run(tiny, tmp_path, resume=True, seed=1)
    with pytest.raises(ConfigError, match=r"model.hidden was 8 and is now 9"):
        _run(tiny, tmp_path, resume=True, hidden=9)
    task = tiny.make_task(noise=0.6)
    with pytest.raises(ConfigError, match="the sha256 of the graph was"):
        Trainer(CONFIG, out=tmp_path, progress=False).fit(
            tiny.HaltingModel.make(task), task, resume=True
        )
    # How often checkpoints are written changes no number.
    often = TrainConfig(**{**OPTIONS, "checkpoint_batches": 1})
    _run(tiny, tmp_path, resume=True, config=often)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "other"])
def test_damaged_checkpoint_is_one_clear_line(tiny, tmp_path, damage):
    with pytest.raises(CrashError):
        _run(tiny, tmp_path, halt_at=7)
    path = tmp_path / CHECKPOINT
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[-20] ^= 1
    else:
        content = bytearray(b"something else")
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"is damaged \(.*\); remove it to start"):
        _run(tiny, tmp_path, resume=True)


def test_the_scores_of_all_epochs_survive(tiny, tmp_path):
    config = TrainConfig(**OPTIONS, best_on_test=True)
    _, whole = _run(tiny, tmp_path / "whole", config=config)
    with pytest.raises(CrashError):
        _run(tiny, tmp_path / "parts", halt_at=10, config=config)
    _, resumed = _run(tiny, tmp_path / "parts", resume=True, config=config)
    assert resumed.metrics == whole.metrics
    assert "micro_f1_best_epoch" in whole.metrics["test"]
