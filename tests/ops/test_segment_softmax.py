from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch.autograd import gradcheck

from hetgraph.errors import DataError
from hetgraph.ops import segment_logsumexp, segment_softmax

INDPTR = torch.tensor([0, 0, 3, 4, 4, 9, 9])


def oracle(indptr, scores):
    out = torch.zeros(scores.shape, dtype=torch.float64)
    for start, stop in pairwise(indptr):
        out[start:stop] = scores[start:stop].double().softmax(0)
    return out


@pytest.mark.parametrize("shape", [(), (1,), (4,), (0,)])
@pytest.mark.parametrize("shift", [-1e4, 0.0, 1e4])
def test_matches_a_loop_for_any_range(index_dtype, shape, shift):
    scores = torch.randn(9, *shape) * 50 + shift
    result = segment_softmax(INDPTR.to(index_dtype), scores)
    torch.testing.assert_close(result.double(), oracle(INDPTR, scores), atol=1e-6, rtol=1e-4)


def test_segments_of_very_different_scales():
    scores = torch.tensor([1000.0, 999.0, -1000.0, -1001.0])
    result = segment_softmax(torch.tensor([0, 2, 4]), scores)
    torch.testing.assert_close(result[:2], result[2:])
    torch.testing.assert_close(result[0], torch.tensor(1 / (1 + 2.718281828**-1)))


@pytest.mark.parametrize("shape", [(), (3,)])
def test_gradients(shape):
    scores = torch.randn(9, *shape, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda s: segment_softmax(INDPTR, s), (scores,))


def test_cut_into_runs_of_whole_rows(hub, small_chunks):
    scores = torch.randn(hub.nnz, 2, requires_grad=True)
    result = segment_softmax(hub.indptr, scores)
    expected = oracle(hub.indptr, scores)
    torch.testing.assert_close(result.double(), expected, atol=1e-6, rtol=1e-4)
    upstream = torch.randn(hub.nnz, 2)
    (grad,) = torch.autograd.grad(result, scores, upstream)
    (expected,) = torch.autograd.grad(expected, scores, upstream.double())
    torch.testing.assert_close(grad, expected, atol=1e-6, rtol=1e-4)


def test_masked_scores_get_no_weight():
    scores = torch.tensor([0.0, -torch.inf, -torch.inf, -torch.inf])
    assert segment_softmax(torch.tensor([0, 2, 4]), scores).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_no_entries():
    assert segment_softmax(torch.tensor([0, 0]), torch.zeros(0, 4)).shape == (0, 4)
    assert segment_softmax(torch.tensor([0]), torch.zeros(0)).shape == (0,)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    result = segment_softmax(torch.tensor([0, 4096]), torch.zeros(4096, dtype=dtype))
    assert result.dtype == dtype
    assert result.eq(1 / 4096).all()


def test_strides_do_not_matter():
    scores = torch.randn(3, 18).t()[::2]
    torch.testing.assert_close(
        segment_softmax(INDPTR, scores), segment_softmax(INDPTR, scores.clone())
    )


def test_three_dimensions_are_refused():
    with pytest.raises(DataError, match="heads"):
        segment_softmax(INDPTR, torch.randn(9, 2, 2))


def test_agrees_with_torch_scatter_and_pyg(hub):
    scores = torch.randn(hub.nnz, 4)
    result = segment_softmax(hub.indptr, scores)
    pyg = pytest.importorskip("torch_geometric.utils")
    torch.testing.assert_close(result, pyg.softmax(scores, ptr=hub.indptr.long()))
    scatter = pytest.importorskip("torch_scatter")
    torch.testing.assert_close(
        result, scatter.composite.scatter_softmax(scores, hub.row_ids, dim=0)
    )


@pytest.mark.parametrize("gap", [40.0, 95.0, 150.0])
def test_a_low_segment_beside_a_high_one_keeps_its_weights(gap: float) -> None:
    """One shift for all segments would leave the low one nothing, or a few bits."""
    scores = torch.tensor([0.0, 1.0, -gap, -gap - 1.5, -gap + 0.5])
    indptr = torch.tensor([0, 2, 5])
    found = segment_softmax(indptr, scores).double()
    torch.testing.assert_close(found, oracle(indptr, scores), rtol=1e-5, atol=0)


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_log_sum_exp_is_torchs_on_each_segment(size):
    indptr = torch.tensor([0, 3, 3, 8])
    scores = (size * torch.randn(8, 2, dtype=torch.float64)).requires_grad_()
    result = segment_logsumexp(indptr, scores)
    assert bool(result[1].isneginf().all())
    expected = torch.stack([scores[:3].logsumexp(0), scores[3:].logsumexp(0)])
    torch.testing.assert_close(result[[0, 2]], expected)
    ours, theirs = (
        torch.autograd.grad(output.sum(), scores)[0] for output in (result[[0, 2]], expected)
    )
    torch.testing.assert_close(ours, theirs)
