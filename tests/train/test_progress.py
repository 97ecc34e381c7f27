from __future__ import annotations

import io

from rich.console import Console

from hetgraph.train.progress import BarProgress, LineProgress, SilentProgress, make_progress


def _console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=100)


def test_the_kind_depends_on_the_terminal():
    assert isinstance(make_progress(True, _console(True)), BarProgress)
    assert isinstance(make_progress(True, _console(False)), LineProgress)
    assert isinstance(make_progress(False), SilentProgress)


def test_lines_come_now_and_then_and_at_the_end(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    console = _console(False)
    progress = LineProgress(console, seconds=10)
    progress.begin("prepare")
    progress.begin("fit", 40, done=20)
    for epoch in range(21, 26):
        now[0] += 4
        progress.batch(1)
        progress.epoch(epoch, "loss 0.5")
    progress.close()
    assert console.file.getvalue().splitlines() == [
        "fit: epoch 23/40, loss 0.5, 12 s, at most 68 s left",
        "fit: epoch 25/40, loss 0.5, 20 s, at most 60 s left",
    ]


def test_a_bar_shows_epochs_numbers_and_time_left():
    console = _console(True)
    progress = BarProgress(console)
    progress.begin("prepare")
    progress.begin("fit", 5)
    progress.epoch(2, "loss 0.25")
    progress.batch(3)
    progress.close()
    text = console.file.getvalue()
    assert "fit" in text
    assert "2/5" in text
    assert "loss 0.25" in text
    assert "left" in text
    progress.close()
