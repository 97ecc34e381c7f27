"""The Triton kernels: on a GPU if there is one, else in Triton's interpreter."""

from __future__ import annotations

import os

import pytest
import torch

from hetgraph.data import CSR
from hetgraph.ops import segment_softmax
from hetgraph.ops._kernels import sddmm_kernel, spmm_kernel

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cpu":
    # Read when triton is imported, which nothing else in these tests does.
    os.environ["TRITON_INTERPRET"] = "1"
pytest.importorskip("triton")

SHAPES = [(1, 5), (3, 4), (2, 70), (1, 130), (20, 1)]


@pytest.fixture(params=[60, 0])
def csr(make_csr, index_dtype, request):
    return make_csr(7, 5, request.param, index_dtype=index_dtype)


def close(actual, expected, tol=1e-5):
    torch.testing.assert_close(actual.cpu(), expected, atol=tol, rtol=tol)


@pytest.mark.parametrize(("heads", "dim"), SHAPES)
@pytest.mark.parametrize("weights", ["none", "entry", "head"])
def test_spmm(csr, heads, dim, weights):
    from hetgraph.ops._triton_spmm import spmm_triton

    x = torch.randn(csr.num_cols, heads, dim)
    values = {"none": None, "entry": torch.randn(csr.nnz), "head": torch.randn(csr.nnz, heads)}
    value = values[weights]
    out = torch.full((csr.num_rows, heads, dim), float("nan"), device=DEVICE)
    moved = None if value is None else value.to(DEVICE)
    spmm_triton(csr.to(DEVICE), moved, x.to(DEVICE), out)
    close(out, spmm_kernel(csr, value, x))


def test_spmm_writes_views_and_reads_strides(make_csr):
    from hetgraph.ops._triton_spmm import spmm_triton

    csr = make_csr(7, 5, 60)
    x = torch.randn(4, 2, 5).permute(2, 1, 0)
    slab = torch.zeros(7, 3, 2, 4, device=DEVICE)
    spmm_triton(csr.to(DEVICE), None, x.to(DEVICE), slab[:, 1])
    close(slab[:, 1], spmm_kernel(csr, None, x))
    turned = torch.zeros(4, 2, 7, device=DEVICE).permute(2, 1, 0)
    spmm_triton(csr.to(DEVICE), None, x.to(DEVICE), turned)
    close(turned, spmm_kernel(csr, None, x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_spmm_sums_half_precision_in_float32(dtype):
    from hetgraph.ops._triton_spmm import spmm_triton

    csr = CSR.from_coo(torch.zeros(4096, dtype=torch.long), torch.arange(4096), (1, 4096))
    out = torch.zeros(1, 1, 2, dtype=dtype, device=DEVICE)
    x = torch.ones(4096, 1, 2, dtype=dtype, device=DEVICE)
    spmm_triton(csr.to(DEVICE), None, x, out)
    assert out.eq(4096).all()


@pytest.mark.parametrize(("heads", "dim"), SHAPES)
def test_sddmm(csr, heads, dim):
    from hetgraph.ops._triton_sddmm import sddmm_triton

    a, b = torch.randn(csr.num_rows, heads, dim), torch.randn(csr.num_cols, heads, dim)
    result = sddmm_triton(csr.to(DEVICE), a.to(DEVICE), b.to(DEVICE))
    close(result, sddmm_kernel(csr, a, b), 1e-4)


@pytest.mark.parametrize("heads", [1, 3, 20])
def test_softmax_and_its_gradient(csr, heads):
    from hetgraph.ops._triton_softmax import softmax_backward_triton, softmax_triton

    scores = (20 * torch.randn(csr.nnz, heads)).requires_grad_()
    upstream = torch.randn(csr.nnz, heads)
    expected = segment_softmax(csr.indptr, scores)
    (slope,) = torch.autograd.grad(expected, scores, upstream)
    indptr = csr.indptr.to(DEVICE)
    weights, grad = (torch.empty(csr.nnz, heads, device=DEVICE) for _ in range(2))
    softmax_triton(indptr, scores.detach().to(DEVICE), weights)
    softmax_backward_triton(indptr, weights, upstream.to(DEVICE), grad)
    close(weights, expected.detach())
    close(grad, slope)


def test_softmax_of_masked_and_long_segments():
    from hetgraph.ops._triton_softmax import softmax_triton

    indptr = torch.tensor([0, 2, 2, 1000])
    scores = torch.randn(1000, 1)
    scores[:2] = -torch.inf
    weights = torch.empty(1000, 1, device=DEVICE)
    softmax_triton(indptr.to(DEVICE), scores.to(DEVICE), weights)
    close(weights, segment_softmax(indptr, scores))
