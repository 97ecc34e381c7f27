from __future__ import annotations

import io
import time
from types import ModuleType

import pytest
from rich.console import Console

from hetgraph.runs.tuning import Budget, Trial, told
from hetgraph.runs.tuning.told import Teller


def test_a_long_trial_tells_where_it_is(tiny: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "_SECONDS", 0.02)
    stream = io.StringIO()
    task = tiny.make_task()
    teller = Teller(True, Budget.of(trials=5), task, Console(file=stream, width=200))
    teller.trial(2)
    with teller.running():
        time.sleep(0.5)
        teller.epoch(3, 9, 0.5)
        time.sleep(0.5)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "trial 2/5: preparing, 0 s"
    assert lines[-1].startswith("trial 2/5: epoch 3/9, best 0.5000, ")
    count = len(lines)
    time.sleep(0.2)
    assert len(stream.getvalue().splitlines()) == count


def test_silence(tiny: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller(False, Budget.of(), tiny.make_task())
    teller.trial(1)
    with teller.running():
        teller.epoch(1, 2, 0.5)
    teller.result((Trial(1, "failed", {}, note="no"),))
    assert capsys.readouterr() == ("", "")
