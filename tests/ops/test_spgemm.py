from __future__ import annotations

import sys

import pytest
import torch
from torch.autograd import gradcheck

from hetgraph.data import CSR
from hetgraph.errors import DataError
from hetgraph.ops import spgemm


def dense(csr, weight=None):
    return (csr if weight is None else csr.with_weight(weight)).to_dense(torch.float64)


@pytest.mark.parametrize("block_rows", [None, 1, 2, 100])
def test_counts_paths(make_csr, index_dtype, block_rows):
    a = make_csr(9, 7, 40, index_dtype=index_dtype)
    b = make_csr(7, 11, 30, seed=1, index_dtype=index_dtype)
    product = spgemm(a, b, block_rows=block_rows)
    product.validate()
    assert product.shape == (9, 11)
    torch.testing.assert_close(dense(product), dense(a) @ dense(b))
    assert product.nnz == int((dense(product) > 0).sum())
    for row in range(9):
        columns = product.indices[product.indptr[row] : product.indptr[row + 1]]
        assert torch.equal(columns, columns.unique())


def test_blocks_by_terms(make_csr, monkeypatch):
    a, b = make_csr(30, 20, 200), make_csr(20, 25, 200, seed=1)
    expected = spgemm(a, b)
    monkeypatch.setattr(sys.modules["hetgraph.ops.spgemm"], "_BLOCK_TERMS", 50)
    result = spgemm(a, b)
    assert torch.equal(result.indices, expected.indices)
    assert torch.equal(result.weight, expected.weight)


@pytest.mark.parametrize("learned", ["both", "left", "right"])
def test_weights_and_gradients(make_csr, learned):
    a, b = make_csr(5, 4, 14), make_csr(4, 6, 13, seed=1)
    wa = torch.randn(14, dtype=torch.float64, requires_grad=learned != "right")
    wb = torch.randn(13, dtype=torch.float64, requires_grad=learned != "left")

    def values(wa, wb):
        return spgemm(a.with_weight(wa), b.with_weight(wb)).weight

    product = spgemm(a.with_weight(wa), b.with_weight(wb))
    torch.testing.assert_close(dense(product), dense(a, wa) @ dense(b, wb))
    assert gradcheck(values, (wa, wb))


def test_one_side_without_weights(make_csr):
    a, b = make_csr(5, 4, 14), make_csr(4, 6, 13, seed=1)
    weight = torch.randn(13, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda w: spgemm(a, b.with_weight(w)).weight, (weight,))
    weight = torch.randn(14, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda w: spgemm(a.with_weight(w), b).weight, (weight,))


def test_entries_that_cancel_stay():
    a = CSR.from_coo(torch.tensor([0, 0]), torch.tensor([0, 1]), (2, 2))
    b = CSR.from_coo(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 2]), (2, 3))
    product = spgemm(
        a.with_weight(torch.tensor([1.0, 1.0])), b.with_weight(torch.tensor([2.0, -2.0, 3.0]))
    )
    assert product.indices.tolist() == [0, 2]
    assert product.weight.tolist() == [0.0, 3.0]


def test_empty_factors():
    none = torch.zeros(0, dtype=torch.long)
    a, b = CSR.from_coo(none, none, (3, 4)), CSR.from_coo(none, none, (4, 2))
    product = spgemm(a, b)
    assert product.shape == (3, 2)
    assert product.nnz == 0
    none_at_all = spgemm(CSR.from_coo(none, none, (0, 4)), b)
    assert none_at_all.shape == (0, 2)


def test_inner_sizes_must_agree(make_csr):
    with pytest.raises(DataError, match="inner sizes"):
        spgemm(make_csr(3, 4), make_csr(5, 6))
