from __future__ import annotations

import pytest
import torch

from hetgraph.errors import ConfigError
from hetgraph.train.config import TrainConfig
from hetgraph.train.engine import Engine


@pytest.fixture(scope="module")
def engine():
    return Engine(TrainConfig(device="cpu"))


def test_alone_collectives_are_free_of_effect(engine):
    value = torch.tensor([1.0, 2.0])
    assert (engine.rank, engine.world, engine.is_main) == (0, 1, True)
    assert engine.sum(value) is value
    assert engine.any(True, False) == (True, False)
    assert engine.from_main({"a": 1}) == {"a": 1}
    assert engine.gather({"x": value})["x"].shape == (1, 2)
    assert engine.to_device([value])[0] is value


def test_gradients_are_divided_by_the_weight_of_all_samples(engine):
    used, unused = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(3))
    used.grad = torch.tensor([2.0, 6.0])
    assert engine.average_gradients([used, unused], 4.0)
    assert used.grad.tolist() == [0.5, 1.5]
    assert unused.grad is None
    assert not engine.average_gradients([used, unused], 0.0)


def test_tf32_holds_for_the_block_only():
    before = torch.get_float32_matmul_precision()
    with Engine(TrainConfig(device="cpu", tf32=True)).arithmetic():
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before


def test_autocast_follows_the_precision(engine):
    x = torch.ones(2, 2)
    with engine.autocast():
        assert (x @ x).dtype == torch.float32
    with Engine(TrainConfig(device="cpu", precision="bf16-mixed")).autocast():
        assert (x @ x).dtype == torch.bfloat16


def test_more_devices_than_there_are_is_one_clear_line():
    if torch.cuda.is_available():
        with pytest.raises(ConfigError, match=r"check train\.device"):
            Engine(TrainConfig(device="cuda", devices=99))
    else:
        with pytest.raises(ConfigError, match="finds no CUDA device"):
            Engine(TrainConfig(device="cuda"))
