from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from hetgraph.train import rng

CPU = torch.device("cpu")


def _draw():
    numbers = [torch.rand(2).tolist(), random.random(), random.gauss(0, 1)]
    return [*numbers, np.random.rand(), np.random.randn()]  # noqa: NPY002


@pytest.mark.parametrize("odd", [0, 1])
def test_restored_generators_go_on_with_the_same_numbers(odd):
    rng.seed_all(3)
    for _ in range(odd):  # Normal numbers come in pairs: the spare one is state too.
        random.gauss(0, 1)
        np.random.randn()  # noqa: NPY002
    torch.rand(7)
    state = {name: value.clone() for name, value in rng.capture(CPU).items()}
    first = _draw()
    _draw()
    rng.restore(state, CPU)
    assert _draw() == first


def test_states_gathered_over_processes_can_be_taken_apart():
    rng.seed_all(1)
    one = rng.capture(CPU)
    rng.seed_all(2)
    two = rng.capture(CPU)
    expected = _draw()
    stacked = {name: torch.stack([one[name], two[name]]) for name in one}
    rng.restore({name: value[1] for name, value in stacked.items()}, CPU)
    assert _draw() == expected


def test_isolated_blocks_leave_no_trace():
    rng.seed_all(5)
    expected = _draw()
    rng.seed_all(5)
    inside = []

    def fail():
        with rng.isolated(CPU, 1):
            inside.append(_draw())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert _draw() == expected
    with rng.isolated(CPU, 1):
        assert [_draw()] == inside
