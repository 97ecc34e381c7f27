from __future__ import annotations

import io
import threading
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from hetgraph.train.progress import BarProgress, LineProgress, SilentProgress, make_progress


def _console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=100)


def test_the_kind_depends_on_the_terminal():
    assert isinstance(make_progress(True, _console(True)), BarProgress)
    assert isinstance(make_progress(True, _console(False)), LineProgress)
    assert isinstance(make_progress(False), SilentProgress)


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets; the thread that watches a phase does not come into play."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("hetgraph.train.progress.Heartbeat", lambda *_: SimpleNamespace(close=int))
    return now


def test_lines_come_now_and_then_and_at_the_end(clock):
    console = _console(False)
    progress = LineProgress(console, seconds=10)
    progress.begin("prepare")
    progress.begin("fit", 40, done=20)
    for epoch in range(21, 26):
        clock[0] += 4
        progress.batch(1)
        progress.epoch(epoch, "loss 0.5")
    progress.close()
    assert console.file.getvalue().splitlines() == [
        "fit: epoch 21/40, loss 0.5, 4 s, at most 76 s left",
        "fit: epoch 24/40, loss 0.5, 16 s, at most 64 s left",
        "fit: epoch 25/40, loss 0.5, 20 s, at most 60 s left",
    ]


def test_a_long_phase_and_a_long_epoch_tell_that_they_go_on(clock):
    console = _console(False)
    progress = LineProgress(console, seconds=10)

    def watch(seconds):
        for _ in range(seconds):
            clock[0] += 1
            progress.beat()

    progress.begin("prepare")
    watch(22)
    progress.begin("fit", 2, batches=45)
    watch(1)
    progress.batch(7)
    watch(10)
    progress.batch(44)
    progress.epoch(1, "loss 0.5")
    progress.batch(3)
    watch(10)
    watch(10)
    progress.close()
    assert console.file.getvalue().splitlines() == [
        "prepare",
        "prepare, 11 s",
        "prepare, 21 s",
        "fit: epoch 1/2, batch 0 of 45, 1 s",
        "fit: epoch 1/2, batch 7 of 45, 11 s",
        "fit: epoch 1/2, loss 0.5, 21 s, at most 21 s left",
        "fit: epoch 2/2, batch 3 of 44, loss 0.5, 31 s, at most 31 s left",
    ]


def test_more_batches_than_expected_are_told_without_their_number(clock):
    console = _console(False)
    progress = LineProgress(console, seconds=10)
    progress.begin("fit", 2, batches=4)
    progress.batch(5)
    clock[0] += 1
    progress.beat()
    assert console.file.getvalue() == "fit: epoch 1/2, batch 5, 1 s\n"
    progress.close()


def test_a_phase_that_hangs_is_told_by_a_thread_that_ends_with_it():
    console = _console(False)
    progress = LineProgress(console, seconds=0.05, first=0.02)
    before = threading.active_count()
    progress.begin("prepare")
    deadline = time.monotonic() + 20
    while console.file.getvalue().count("prepare") < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    progress.close()
    assert threading.active_count() == before
    assert console.file.getvalue().splitlines()[0] == "prepare"
    assert len(console.file.getvalue().splitlines()) >= 3


def test_a_bar_shows_epochs_numbers_and_time_left():
    console = _console(True)
    progress = BarProgress(console)
    progress.begin("prepare")
    progress.begin("fit", 5, batches=9)
    progress.epoch(2, "loss 0.25")
    progress.batch(3)
    progress.close()
    text = console.file.getvalue()
    assert "fit" in text
    assert "2/5" in text
    assert "loss 0.25" in text
    assert "left" in text
    progress.close()
