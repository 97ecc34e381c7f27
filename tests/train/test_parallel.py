"""Two gloo processes do what one does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from hetgraph.runs.outdir import CHECKPOINT
from hetgraph.train import FitState, TrainConfig, Trainer

# 40 training rows in batches of 13, 13, 13 and 1: shards of 7 and 6 rows, then of 1 and none.
OPTIONS = {"batch_size": 13, "max_epochs": 4, "lr": 0.02, "tensorboard": False, "device": "cpu"}


def _one_process(tiny, out, **changes):
    task = tiny.make_task()
    model = tiny.TinyModel.make(task, dropout=0.0)
    config = TrainConfig(**{**OPTIONS, **changes})
    result = Trainer(config, out=out, progress=False).fit(model, task)
    return model, result


def _torchrun(environment, *arguments):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    command = [*launcher, "--master_port", str(port), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, start_new_session=True)


def _assert_equal_to_one_process(tiny, out, straight, **changes):
    model, result = _one_process(tiny, straight, **changes)
    assert (out / "processes").read_text() == "2"
    weights = load_file(out / "weights")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=1e-4, atol=1e-6)
    metrics = json.loads((out / "metrics.json").read_text())
    for split, expected in result.metrics.items():
        assert metrics[split] == pytest.approx(expected, rel=1e-4)
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    alone = [json.loads(line) for line in (straight / "metrics.jsonl").read_text().splitlines()]
    losses = [row["train"]["loss"] for row in alone]
    assert [row["train"]["loss"] for row in rows] == pytest.approx(losses, rel=1e-4)


def test_two_processes_of_torchrun_equal_one(tiny, tmp_path, worker):
    (_, script), environment = worker
    arguments = []
    for accumulate in (1, 3):
        (out := tmp_path / f"two{accumulate}").mkdir()
        options = {"train": {**OPTIONS, "accumulate": accumulate}, "model": {"dropout": 0.0}}
        arguments += [out, json.dumps(options)]
    assert _torchrun(environment, script, *arguments).wait(timeout=200) == 0
    for accumulate in (1, 3):
        one, two = tmp_path / f"one{accumulate}", tmp_path / f"two{accumulate}"
        _assert_equal_to_one_process(tiny, two, one, accumulate=accumulate)


@pytest.mark.slow
def test_two_processes_average_and_schedule_like_one(tiny, tmp_path, worker):
    (_, script), environment = worker
    controls = {"ema": 0.8, "scheduler": "one-cycle"}
    (out := tmp_path / "two").mkdir()
    options = json.dumps({"train": {**OPTIONS, **controls}, "model": {"dropout": 0.0}})
    assert _torchrun(environment, script, out, options).wait(timeout=200) == 0
    _assert_equal_to_one_process(tiny, out, tmp_path / "one", **controls)


@pytest.mark.slow
def test_two_processes_started_by_the_trainer_equal_one(tiny, tmp_path, worker):
    command, environment = worker
    out = tmp_path / "two"
    out.mkdir()
    options = {"train": {**OPTIONS, "devices": 2}, "model": {"dropout": 0.0}}
    subprocess.run([*command, str(out), json.dumps(options)], env=environment, check=True)
    _assert_equal_to_one_process(tiny, out, tmp_path / "one")


@pytest.mark.slow
def test_two_killed_processes_resume_where_they_were(tmp_path, worker):
    (_, script), environment = worker
    train = {**OPTIONS, "checkpoint_batches": 1}
    for name in ("straight", "killed"):
        (tmp_path / name).mkdir()
    options = json.dumps({"train": train})
    straight = _torchrun(environment, script, tmp_path / "straight", options)
    assert straight.wait(timeout=200) == 0
    out = tmp_path / "killed"
    options = json.dumps({"train": train, "halt_at": 6})
    process = _torchrun(environment, script, out, options)
    deadline = time.monotonic() + 100
    while not (out / "halted").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    state = FitState.load(out / CHECKPOINT)
    assert (state.position.epoch, state.position.batch) == (1, 2)
    assert state.generators["torch"].shape[0] == 2
    options = json.dumps({"train": train, "resume": True})
    again = _torchrun(environment, script, out, options)
    assert again.wait(timeout=200) == 0
    expected = load_file(tmp_path / "straight" / "weights")
    for name, value in load_file(out / "weights").items():
        assert torch.equal(value, expected[name]), name
