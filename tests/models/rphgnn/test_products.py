"""Block products, sparse and dense."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR
from hetgraph.models.rphgnn import products
from hetgraph.models.rphgnn.pool import Pool
from hetgraph.models.rphgnn.products import (
    dense_blocks,
    product_into,
    row_blocks,
    row_slice,
    stays_sparse,
    take_hop,
    to_dense,
)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(products, "BLOCK_BYTES", 4 * 7 * 3)


def random_csr(rows: int, cols: int, density: float = 0.3) -> CSR:
    return CSR.from_dense(torch.randn(rows, cols) * (torch.rand(rows, cols) < density))


def test_blocks_cover_every_row_once():
    assert list(row_blocks(8, 7)) == [(0, 3), (3, 6), (6, 8)]
    assert list(row_blocks(0, 7)) == []
    assert list(row_blocks(2, 10_000)) == [(0, 1), (1, 2)]
    assert list(row_blocks(3, 0)) == [(0, 3)]


def test_row_slices_are_the_rows():
    matrix = random_csr(9, 5)
    assert torch.equal(row_slice(matrix, 2, 6).to_dense(), matrix.to_dense()[2:6])
    assert row_slice(matrix, 4, 4).shape == (0, 5)


def test_dense_blocks_of_both_kinds_agree():
    matrix = random_csr(10, 7)
    for given in (matrix, matrix.to_dense()):
        pieces = [rows for _, rows in dense_blocks(given)]
        assert len(pieces) == 4
        assert torch.equal(torch.cat(pieces), matrix.to_dense())


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("kind", ["dense", "sparse", "very sparse"])
def test_a_hop_is_the_product_whatever_the_storage(whole, kind):
    step = random_csr(11, 8)
    dim = 7 if kind != "very sparse" else 900
    before = random_csr(8, dim, 0.3 if kind != "very sparse" else 0.002)
    assert stays_sparse(step, before) == (kind == "very sparse")
    expected = step.to_dense() @ before.to_dense()
    pool = Pool()
    message, blocks = take_hop(
        step, before.to_dense() if kind == "dense" else before, pool, whole=whole
    )
    pieces = [to_dense(rows).clone() for _, rows in blocks]
    torch.testing.assert_close(torch.cat(pieces), expected)
    if whole:
        assert message is not None
        torch.testing.assert_close(to_dense(message), expected)
        pool.give(message)
    assert not pool._lent


def test_product_writes_in_place():
    R, out = torch.randn(7, 4), torch.empty(9, 4)
    matrix = random_csr(9, 7)
    for given in (matrix, matrix.to_dense()):
        assert product_into(given, R, out).data_ptr() == out.data_ptr()
        torch.testing.assert_close(out, matrix.to_dense() @ R)
