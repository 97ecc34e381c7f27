from __future__ import annotations

import sys

import pytest
import torch
from torch.autograd import gradcheck

from hetgraph.errors import DataError
from hetgraph.ops import projection_matrix, random_projection


@pytest.mark.parametrize("kind", ["sparse", "gaussian"])
def test_dense_and_sparse_features_use_the_same_matrix(make_csr, kind):
    csr = make_csr()
    csr = csr.with_weight(torch.rand(csr.nnz))
    expected = csr.to_dense() @ projection_matrix(9, 7, 5, kind=kind)
    torch.testing.assert_close(random_projection(csr, 5, 9, kind=kind), expected)
    torch.testing.assert_close(random_projection(csr.to_dense(), 5, 9, kind=kind), expected)


def test_in_blocks_of_the_matrix(monkeypatch):
    x = torch.randn(4, 150)
    expected = random_projection(x, 6, 1)
    monkeypatch.setattr(sys.modules["hetgraph.ops.random_projection"], "_BLOCK_BYTES", 4 * 6 * 7)
    torch.testing.assert_close(random_projection(x, 6, 1), expected)


def test_gradients(make_csr, monkeypatch):
    monkeypatch.setattr(sys.modules["hetgraph.ops.random_projection"], "_BLOCK_BYTES", 4 * 5 * 2)
    x = torch.randn(3, 7, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: random_projection(x, 5, 1), (x,))
    csr = make_csr(4, 3, 6)
    weight = torch.rand(6, requires_grad=True)
    random_projection(csr.with_weight(weight), 2, 1).sum().backward()
    matrix = projection_matrix(1, 3, 2)
    torch.testing.assert_close(weight.grad, matrix[csr.indices.long()].sum(1))


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_empty(shape):
    result = random_projection(torch.zeros(shape), 3, 1)
    assert result.shape == (shape[0], 3)
    assert not result.any()


def test_half_precision_and_strides():
    x = torch.randn(300, 5).t().bfloat16()
    result = random_projection(x, 64, 1)
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(
        result.float(), x.float() @ projection_matrix(1, 300, 64), atol=0.2, rtol=0.02
    )


def test_integers_are_refused():
    with pytest.raises(DataError, match="floating"):
        random_projection(torch.ones(2, 2, dtype=torch.long), 2, 1)
