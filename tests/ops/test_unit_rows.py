"""Unit rows: values and gradients equal torch's; zero rows get no gradient."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hetgraph.errors import DataError
from hetgraph.ops import unit_rows


@pytest.mark.parametrize("shape", [(7, 4), (1, 1), (0, 3), (3, 0)])
def test_equal_to_torch(shape: tuple[int, int]) -> None:
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(shape, dtype=torch.float64)
    actual, expected = unit_rows(x), F.normalize(x, eps=1e-12)
    torch.testing.assert_close(actual, expected)
    actual_grad, expected_grad = (
        torch.autograd.grad((y * weight).sum(), x)[0] for y in (actual, expected)
    )
    torch.testing.assert_close(actual_grad, expected_grad)


def test_gradients_by_differences() -> None:
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(unit_rows, (x,))


def test_zero_rows_stay_and_get_no_gradient() -> None:
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    actual = unit_rows(x)
    torch.testing.assert_close(actual.detach(), torch.tensor([[0.0, 0.0], [0.6, 0.8]]))
    actual.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad[0], torch.zeros(2))
    assert bool(x.grad[1].any())


def test_strided_input() -> None:
    x = torch.randn(4, 6).T
    torch.testing.assert_close(unit_rows(x), F.normalize(x))


def test_bad_input_is_reported() -> None:
    for bad in (torch.ones(3), torch.ones(2, 2, dtype=torch.int64)):
        with pytest.raises(DataError, match="expected floating"):
            unit_rows(bad)
