from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from hetgraph.errors import DataError
from hetgraph.ops import typed_linear

BOUNDS = [0, 2, 2, 6, 7]


def oracle(x, weight, bias):
    kinds = torch.repeat_interleave(torch.tensor([2, 0, 4, 1]))
    out = (x.unsqueeze(1) @ weight[kinds]).squeeze(1)
    return out if bias is None else out + bias[kinds]


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("dims", [(3, 5), (1, 1), (0, 4), (4, 0)])
def test_matches_one_row_at_a_time(with_bias, dims):
    x, weight = torch.randn(7, dims[0]), torch.randn(4, *dims)
    bias = torch.randn(4, dims[1]) if with_bias else None
    for bounds in (BOUNDS, torch.tensor(BOUNDS)):
        torch.testing.assert_close(typed_linear(x, bounds, weight, bias), oracle(x, weight, bias))


def test_gradients():
    x, weight, bias = (
        torch.randn(s, dtype=torch.float64, requires_grad=True) for s in ((7, 3), (4, 3, 2), (4, 2))
    )
    assert gradcheck(lambda x, w, b: typed_linear(x, BOUNDS, w, b), (x, weight, bias))
    assert gradcheck(lambda x, w: typed_linear(x, BOUNDS, w), (x, weight))
    assert gradcheck(lambda w: typed_linear(x.detach(), BOUNDS, w), (weight,))


def test_strides_do_not_matter():
    x, weight = torch.randn(3, 14).t()[::2], torch.randn(4, 5, 3).transpose(1, 2)
    x.requires_grad_()
    result = typed_linear(x, BOUNDS, weight)
    torch.testing.assert_close(result, oracle(x, weight, None))
    upstream = torch.randn(5, 7).t()
    (grad,) = torch.autograd.grad(result, x, upstream)
    torch.testing.assert_close(grad, torch.autograd.grad(oracle(x, weight, None), x, upstream)[0])


def test_no_rows():
    weight = torch.randn(2, 3, 4, requires_grad=True)
    result = typed_linear(torch.randn(0, 3), [0, 0, 0], weight)
    assert result.shape == (0, 4)
    result.sum().backward()
    assert not weight.grad.any()


def test_bfloat16_and_autocast():
    x, weight = torch.randn(7, 8), torch.randn(4, 8, 8, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = typed_linear(x, BOUNDS, weight, torch.zeros(4, 8))
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float(), oracle(x, weight, None), atol=0.1, rtol=0.05)
    result.sum().backward()
    assert weight.grad.dtype == torch.float32


@pytest.mark.parametrize(
    ("bounds", "weight", "bias", "words"),
    [
        ([0, 7], torch.randn(4, 3, 2), None, "5 from 0 to 7"),
        ([0, 3, 2, 6, 7], torch.randn(4, 3, 2), None, "sort the rows"),
        (BOUNDS, torch.randn(4, 5, 2), None, "in_dim"),
        (BOUNDS, torch.randn(4, 3, 2), torch.randn(4, 3), "bias"),
        (BOUNDS, torch.randn(4, 3, 2, dtype=torch.float64), None, "convert"),
    ],
)
def test_errors_say_how_to_fix_them(bounds, weight, bias, words):
    with pytest.raises(DataError, match=words):
        typed_linear(torch.randn(7, 3), bounds, weight, bias)
