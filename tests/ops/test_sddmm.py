from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from hetgraph.data import CSR
from hetgraph.errors import DataError
from hetgraph.ops import sddmm


def oracle(csr, a, b):
    rows, cols = csr.coo()
    return (a.double()[rows] * b.double()[cols]).sum(-1)


@pytest.mark.parametrize(
    "shape", [(4,), (1,), (0,), (1, 5), (2, 3), (8, 16), (12, 2), (2, 64), (2, 0), (0, 3)]
)
def test_matches_dense_products(make_csr, index_dtype, shape):
    csr = make_csr(index_dtype=index_dtype)
    a, b = torch.randn(csr.num_rows, *shape), torch.randn(csr.num_cols, *shape)
    result = sddmm(csr, a, b)
    assert result.shape == (csr.nnz, *shape[:-1])
    torch.testing.assert_close(result.double(), oracle(csr, a, b), atol=1e-4, rtol=1e-5)


def test_more_entries_than_cells(make_csr):
    csr = make_csr(3, 3, 50)
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    torch.testing.assert_close(sddmm(csr, a, b).double(), oracle(csr, a, b), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 20)])
def test_gradients(make_csr, shape):
    csr = make_csr(5, 4, 30)
    a = torch.randn(5, *shape, dtype=torch.float64, requires_grad=True)
    b = torch.randn(4, *shape, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda a, b: sddmm(csr, a, b), (a, b))


@pytest.mark.parametrize("shape", [(4,), (2, 4), (2, 16)])
def test_hub_and_cut_rows(hub, small_chunks, shape):
    a, b = torch.randn(hub.num_rows, *shape), torch.randn(hub.num_cols, *shape)
    torch.testing.assert_close(sddmm(hub, a, b).double(), oracle(hub, a, b), atol=1e-4, rtol=1e-4)


def test_empty_relation():
    none = torch.zeros(0, dtype=torch.long)
    csr = CSR.from_coo(none, none, (3, 2))
    a, b = torch.randn(3, 2, 4, requires_grad=True), torch.randn(2, 2, 4)
    result = sddmm(csr, a, b)
    assert result.shape == (0, 2)
    result.sum().backward()
    assert not a.grad.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1024,), (2, 1024), (2, 8)])
def test_half_precision_is_summed_in_float32(make_csr, dtype, shape):
    csr = make_csr()
    a, b = (torch.full((n, *shape), 1.0, dtype=dtype) for n in csr.shape)
    result = sddmm(csr, a, b)
    assert result.dtype == dtype
    assert result.eq(shape[-1]).all()


def test_strides_do_not_matter(make_csr):
    csr = make_csr()
    a = torch.randn(16, 2, csr.num_rows).permute(2, 1, 0)
    b = torch.randn(csr.num_cols, 4, 32)[:, ::2, ::2]
    torch.testing.assert_close(sddmm(csr, a, b).double(), oracle(csr, a, b), atol=1e-4, rtol=1e-4)


def test_mismatched_dims_are_named(make_csr):
    with pytest.raises(DataError, match="same heads and dim"):
        sddmm(make_csr(), torch.randn(9, 3), torch.randn(7, 4))
    with pytest.raises(DataError, match="a_rows"):
        sddmm(make_csr(), torch.randn(8, 3), torch.randn(7, 3))
