import numpy as np
import pytest
import scipy.sparse as sp

from hetgraph.metapaths import product
from hetgraph.metapaths.product import collect, matrix_blocks, product_blocks


def random_matrix(rows: int, cols: int, density: float, seed: int, dtype=np.float64):
    rng = np.random.default_rng(seed)
    matrix = sp.random_array((rows, cols), density=density, format="csr", rng=rng)
    matrix.data = rng.integers(1, 5, matrix.nnz).astype(dtype)
    matrix.sort_indices()
    return matrix


def joined(blocks, shape, dtype=np.float64):
    indptr, indices, values = collect(iter(blocks), shape, dtype, check=lambda _: None)
    return sp.csr_array((values, indices, indptr), shape=shape)


@pytest.mark.parametrize("density", [0.0, 0.002, 0.05, 0.6])
@pytest.mark.parametrize("terms", [1, 50, 10**6])
def test_product_equals_scipy(monkeypatch, density, terms):
    monkeypatch.setattr(product, "_BLOCK_TERMS", terms)
    left, right = random_matrix(60, 40, density, 0), random_matrix(40, 90, density, 1)
    actual = joined(product_blocks(left, right), (60, 90))
    assert actual.has_canonical_format
    np.testing.assert_array_equal(actual.toarray(), left.toarray() @ right.toarray())


def test_blocks_are_in_order_and_bounded(monkeypatch):
    monkeypatch.setattr(product, "_BLOCK_TERMS", 30)
    left, right = random_matrix(60, 40, 0.05, 0), random_matrix(40, 90, 0.05, 1)
    blocks = list(product_blocks(left, right))
    assert len(blocks) > 3
    assert [block.first_row for block in blocks] == sorted(block.first_row for block in blocks)
    assert sum(block.matrix.shape[0] for block in blocks) == 60
    for block in blocks:
        assert block.matrix.nnz <= 30 or block.matrix.shape[0] == 1


def test_boolean_product_is_a_pattern():
    left, right = random_matrix(20, 300, 0.9, 0, np.bool_), random_matrix(300, 20, 0.9, 1, np.bool_)
    actual = joined(product_blocks(left, right), (20, 20), np.bool_)
    assert actual.toarray().all()  # 300 paths between two nodes do not overflow


def test_matrix_blocks_give_the_matrix_back(monkeypatch):
    monkeypatch.setattr(product, "_BLOCK_TERMS", 7)
    matrix = random_matrix(30, 20, 0.1, 2)
    actual = joined(matrix_blocks(matrix), (30, 20))
    np.testing.assert_array_equal(actual.toarray(), matrix.toarray())


def test_buffers_grow_and_are_trimmed():
    matrix = random_matrix(400, 50, 0.3, 3)
    _, indices, values = collect(matrix_blocks(matrix), (400, 50), np.float32, check=lambda _: None)
    assert values.dtype == np.float32
    assert indices.base is None  # not a view of something larger
    np.testing.assert_array_equal(indices, matrix.indices)
    np.testing.assert_array_equal(values, matrix.data)


def test_pattern_only():
    matrix = random_matrix(30, 20, 0.1, 2)
    indptr, indices, values = collect(matrix_blocks(matrix), (30, 20), None, check=lambda _: None)
    assert values is None
    assert indptr.dtype == indices.dtype == np.int32
    np.testing.assert_array_equal(indices, matrix.indices)


def test_check_sees_every_block_and_can_stop(monkeypatch):
    monkeypatch.setattr(product, "_BLOCK_TERMS", 10)
    matrix = random_matrix(30, 20, 0.1, 2)
    seen = []

    def check(nnz: int) -> None:
        seen.append(nnz)
        if nnz > 25:
            raise MemoryError

    with pytest.raises(MemoryError):
        collect(matrix_blocks(matrix), (30, 20), None, check=check)
    assert seen == sorted(seen)
    assert 25 < seen[-1] <= 25 + 10 + 20


def test_large_indices_need_64_bits(monkeypatch):
    monkeypatch.setattr(product, "_INT32_LIMIT", 100)
    matrix = random_matrix(30, 20, 0.5, 2)
    indptr, indices, _ = collect(matrix_blocks(matrix), (30, 20), None, check=lambda _: None)
    assert indptr.dtype == indices.dtype == np.int64
    np.testing.assert_array_equal(indices, matrix.indices)


def test_empty_shapes():
    for rows, inner in ((0, 3), (4, 0)):
        blocks = product_blocks(sp.csr_array((rows, inner)), sp.csr_array((inner, 2)))
        assert joined(blocks, (rows, 2)).nnz == 0
