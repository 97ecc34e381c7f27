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
    assert set(clock.seconds) == {"a"}
    assert 0.04 <= clock.seconds["a"] < 2


def test_a_clock_goes_on_from_an_earlier_session_in_the_middle_of_a_phase():
    clock = Clock()
    with clock.phase("prepare"):
        time.sleep(0.02)
    with clock.phase("fit"):
        time.sleep(0.02)
        assert clock.read()["fit"] >= 0.02
        clock.restore({"prepare": 5.0, "fit": 7.0})
        assert 7.0 <= clock.read()["fit"] < 7.02
        time.sleep(0.01)
    assert clock.seconds["prepare"] == 5.0
    assert 7.01 <= clock.seconds["fit"] < 9
