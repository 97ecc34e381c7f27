from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch.autograd import gradcheck

from hetgraph.errors import ConfigError, DataError
from hetgraph.ops import segment_reduce

INDPTR = torch.tensor([0, 0, 3, 4, 4, 9, 9])
REDUCTIONS = ("sum", "mean", "min", "max")


def oracle(indptr, values, reduce):
    out = torch.zeros(indptr.numel() - 1, *values.shape[1:], dtype=torch.float64)
    for row, (start, stop) in enumerate(pairwise(indptr)):
        segment = values[start:stop].double()
        if stop > start:
            out[row] = getattr(segment, {"min": "amin", "max": "amax"}.get(reduce, reduce))(0)
    return out


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (0,)])
def test_matches_a_loop(index_dtype, reduce, shape):
    values = torch.randn(9, *shape) - 3  # maxima below zero: 0 is not their neutral element
    result = segment_reduce(INDPTR.to(index_dtype), values, reduce)
    torch.testing.assert_close(
        result.double(), oracle(INDPTR, values, reduce), atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_cut_into_runs(hub, small_chunks, reduce):
    values = torch.randn(hub.nnz, 3, requires_grad=True)
    result = segment_reduce(hub.indptr, values, reduce)
    expected = oracle(hub.indptr, values, reduce)
    torch.testing.assert_close(result.double(), expected, atol=1e-4, rtol=1e-4)
    (grad,) = torch.autograd.grad(result.sum(), values)
    (expected,) = torch.autograd.grad(expected.sum(), values)
    torch.testing.assert_close(grad, expected)


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_gradients(reduce):
    values = torch.randn(9, 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda v: segment_reduce(INDPTR, v, reduce), (values,))


def test_equal_maxima_divide_the_gradient():
    values = torch.tensor([1.0, 1.0, 0.0], requires_grad=True)
    segment_reduce(torch.tensor([0, 3]), values, "max").backward()
    assert values.grad.tolist() == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_no_entries_and_no_segments(reduce):
    assert (
        segment_reduce(torch.tensor([0, 0, 0]), torch.zeros(0, 3), reduce).tolist() == [[0] * 3] * 2
    )
    assert segment_reduce(torch.tensor([0]), torch.zeros(0, 3), reduce).shape == (0, 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    result = segment_reduce(torch.tensor([0, 4096]), torch.ones(4096, dtype=dtype))
    assert result.dtype == dtype
    assert result.item() == 4096


def test_strides_do_not_matter():
    values = torch.randn(3, 18).t()[::2]
    for reduce in REDUCTIONS:
        torch.testing.assert_close(
            segment_reduce(INDPTR, values, reduce), segment_reduce(INDPTR, values.clone(), reduce)
        )


def test_errors_say_how_to_fix_them():
    with pytest.raises(DataError, match="values has shape"):
        segment_reduce(INDPTR, torch.randn(4))
    with pytest.raises(DataError, match="indptr"):
        segment_reduce(INDPTR.float(), torch.randn(9))
    with pytest.raises(ConfigError, match="mean"):
        segment_reduce(INDPTR, torch.randn(9), "meen")


def test_agrees_with_torch_scatter(hub):
    scatter = pytest.importorskip("torch_scatter")
    values = torch.randn(hub.nnz, 4)
    for reduce in REDUCTIONS:
        expected = scatter.segment_csr(values, hub.indptr.long(), reduce=reduce)
        torch.testing.assert_close(
            segment_reduce(hub.indptr, values, reduce), expected, atol=1e-3, rtol=1e-4
        )
