"""Dropout has the right fraction, scale and gradient, and stores no mask."""

from __future__ import annotations

import pytest
import torch

from hetgraph.errors import ConfigError
from hetgraph.ops import dropout
from hetgraph.ops.dropout import random_words

SIZE = (500, 400)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.8])
@pytest.mark.parametrize("size", [SIZE, (20, 30)])
def test_fraction_scale_and_gradient(p, size):
    x = (torch.rand(size) + 1).requires_grad_()
    y = dropout(x, p)
    kept = y != 0
    share = float(kept.float().mean())
    assert abs(share - (1 - p)) < 5 * (p * (1 - p) / x.numel()) ** 0.5 + 2**-16
    torch.testing.assert_close(y[kept], x[kept] / (1 - p), rtol=1e-3, atol=0)
    upstream = torch.randn(size)
    y.backward(upstream)
    torch.testing.assert_close(x.grad, upstream * kept / (1 - p), rtol=1e-3, atol=0)


def test_every_position_is_dropped_equally_often():
    mean = torch.stack([dropout(torch.ones(SIZE), 0.5) for _ in range(200)]).mean(0) / 2
    rows = mean.mean(1)  # of 80,000 draws each
    assert float((rows - 0.5).abs().max()) < 5 * 0.5 / 80_000**0.5
    assert float(mean.std()) == pytest.approx(0.5 / 200**0.5, rel=0.05)


def test_nothing_is_kept_for_the_backward_pass():
    kept: list[torch.Tensor] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        dropout(torch.ones(SIZE, requires_grad=True), 0.5)
    assert kept == []


def test_draws_follow_the_default_generator():
    x = torch.ones(SIZE)
    torch.manual_seed(1)
    first, second = dropout(x, 0.5), dropout(x, 0.5)
    torch.manual_seed(1)
    assert torch.equal(dropout(x, 0.5), first)
    assert not torch.equal(first, second)


def test_strides_do_not_matter():
    x = torch.randn(400, 500)
    torch.manual_seed(1)
    whole = dropout(x.T.contiguous(), 0.5)
    torch.manual_seed(1)
    assert torch.equal(dropout(x.T, 0.5), whole)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_dtypes(dtype):
    y = dropout(torch.ones(SIZE, dtype=dtype), 0.5)
    assert y.dtype == dtype
    assert set(y.unique().tolist()) == {0.0, 2.0}


def test_evaluation_and_zero_probability_change_nothing():
    x = torch.randn(SIZE)
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0.0) is x
    assert dropout(torch.empty(0, 4), 0.5).shape == (0, 4)


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_a_probability_out_of_range_is_refused(p):
    with pytest.raises(ConfigError, match="expected 0 or more, below 1"):
        dropout(torch.ones(3), p)


def test_random_words_use_every_bit():
    words = random_words(1 << 18, 3, 4)
    bits = torch.stack([(words.int() >> i) & 1 for i in range(16)]).float().mean(dim=1)
    assert float((bits - 0.5).abs().max()) < 5 * 0.5 / 512
    assert torch.equal(words[:9], random_words(9, 3, 4))
    assert not torch.equal(words[:9], random_words(9, 3, 5))
