from __future__ import annotations

import threading
import time

import pytest

from hetgraph.heartbeat import Heartbeat, told


def _wait(done, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.005)


def test_what_takes_long_is_told_again_and_again(capsys):
    lines = []

    def told_twice():
        lines.extend(capsys.readouterr().err.splitlines())
        return len(lines) >= 2

    with told("loading a/b", first=0.02, every=0.02):
        _wait(told_twice)
    assert lines[0] == "loading a/b"
    assert lines[1] == "loading a/b, 0 s"


def test_what_is_quick_or_unwanted_is_not_told(capsys):
    with told("loading a/b"):
        pass
    with told("loading a/b", wanted=False, first=0.0, every=0.01):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_the_thread_ends_also_after_an_error():
    before = threading.active_count()
    with pytest.raises(KeyError), told("loading a/b", first=0.01):
        raise KeyError
    assert threading.active_count() == before


def test_output_that_nobody_reads_ends_the_calls_and_not_the_work():
    calls = []

    def beat():
        calls.append(1)
        raise BrokenPipeError

    heart = Heartbeat(beat, seconds=0.01)
    _wait(lambda: calls)
    time.sleep(0.1)
    heart.close()
    assert len(calls) == 1
