"""A run that is stopped from outside: by Ctrl-C, by a disk that takes no more."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRAIN = ("train", "rphgnn", "--set", "data.num_nodes=400", "--set", "train.device=cpu")


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    def run(*words: str, **options: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "hetgraph", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,  # type: ignore[call-overload]
        )

    return run


def test_ctrl_c_is_130_and_the_run_can_go_on(start: Callable, tmp_path: Path) -> None:
    words = (*TRAIN, "--out", "run", "--set", "train.patience=null")
    process = start(*words, "--set", "train.max_epochs=100000")
    log = tmp_path / "run/metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (log.is_file() and log.stat().st_size) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("hetgraph: interrupted")
    left = {path.name for path in (tmp_path / "run").iterdir()} - {"tensorboard", "work"}
    assert left == {"config.yaml", "metrics.jsonl", "checkpoint.safetensors"}


def test_a_disk_that_takes_no_more_is_one_line_and_2(start: Callable, tmp_path: Path) -> None:
    def limit() -> None:  # no file may grow beyond 64 KiB, the error of a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, resource.RLIM_INFINITY))

    words = (*TRAIN, "--out", "run", "--set", "train.max_epochs=2")
    process = start(*words, preexec_fn=limit)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("hetgraph: error: cannot write")
    assert not (tmp_path / "run/result.json").exists()
    assert not [path for path in tmp_path.rglob("*") if ".tmp" in path.name]
