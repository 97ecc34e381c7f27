from __future__ import annotations

import time

import pytest

from hetgraph.train.timing import Clock


def test_phases_add_up_also_when_they_fail():
    clock = Clock()
    with clock.phase("a"):
        time.sleep(0.02)

    def fail():
        with clock.phase("a"):
            time.sleep(0.02)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    clock.add("b", 3.0)
    assert 0.04 <= clock.seconds["a"] < 1
    assert clock.seconds["b"] == 3.0
