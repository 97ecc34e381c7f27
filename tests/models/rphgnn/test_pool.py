"""Buffers are reused, and only those that were lent."""

from __future__ import annotations

import torch

from hetgraph.models.rphgnn.pool import Pool


def test_a_returned_buffer_is_used_again():
    pool = Pool()
    first = pool.take(100, 10)
    address = first.data_ptr()
    pool.give(first)
    again = pool.take(90, 10)
    assert again.data_ptr() == address
    assert again.shape == (90, 10)
    assert pool.take(90, 10).data_ptr() != address


def test_foreign_tensors_are_left_alone():
    pool = Pool()
    mine = torch.ones(10, 10)
    pool.give(mine)
    pool.give(None)
    assert pool.take(10, 10).data_ptr() != mine.data_ptr()


def test_a_buffer_much_too_large_is_kept_for_larger_needs():
    pool = Pool()
    large = pool.take(1000, 10)
    address = large.data_ptr()
    pool.give(large)
    assert pool.take(1, 10).data_ptr() != address
    assert pool.take(1000, 10).data_ptr() == address


def test_outgrown_buffers_are_let_go():
    pool = Pool()
    for size in (10, 20, 40, 80):
        pool.give(pool.take(size, 10))
    assert len(pool._free) == 1


def test_empty_matrices_are_fine():
    pool = Pool()
    empty = pool.take(0, 5)
    pool.give(empty)
    assert empty.shape == (0, 5)
