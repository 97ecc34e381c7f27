"""Dropout with cheap bits has the right share, scale and gradient."""

from __future__ import annotations

import pytest
import torch

from hetgraph.nn import Dropout


@pytest.mark.parametrize("p", [0.05, 0.5, 0.8])
def test_share_scale_and_gradient(p):
    x = torch.rand(500, 400) + 1
    x.requires_grad_()
    y = Dropout(p)(x)
    kept = y != 0
    share = float(kept.float().mean())
    assert abs(share - (1 - p)) < 4 * (p * (1 - p) / x.numel()) ** 0.5 + 2**-16
    torch.testing.assert_close(y[kept], x[kept] / (1 - p), rtol=1e-3, atol=0)
    y.sum().backward()
    torch.testing.assert_close(x.grad, kept.float() / (1 - p), rtol=1e-3, atol=0)


def test_evaluation_and_zero_probability_change_nothing():
    x = torch.randn(10, 10)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_draws_follow_the_default_generator():
    x, layer = torch.ones(50, 50), Dropout(0.5)
    torch.manual_seed(1)
    first, second = layer(x), layer(x)
    torch.manual_seed(1)
    assert torch.equal(layer(x), first)
    assert not torch.equal(first, second)


def test_other_types_take_the_plain_path():
    assert Dropout(0.5)(torch.ones(10, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert Dropout(0.5)(torch.empty(0, 4)).shape == (0, 4)
