"""Negative samples are never entries of their row."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR
from hetgraph.errors import DataError
from hetgraph.sampling import UnseenSampler


def test_no_negative_is_an_entry_and_all_others_are_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    dense = torch.rand(5, 12, generator=generator) < 0.6
    sampler = UnseenSampler(CSR.from_dense(dense.float()))
    rows = torch.arange(5).repeat(4000)
    drawn = sampler.draw(rows, generator)
    assert not bool(dense[rows, drawn].any())
    counts = torch.zeros(5, 12).index_put_((rows, drawn), torch.ones(len(rows)), accumulate=True)
    assert bool(((counts > 0) == ~dense).all())
    for row in range(5):
        share = counts[row][~dense[row]] / 4000
        torch.testing.assert_close(share, torch.full_like(share, 1 / len(share)), rtol=0.2, atol=0)


def test_a_row_with_one_free_column() -> None:
    dense = torch.ones(2, 3000)
    dense[0, 7] = dense[1, 11] = 0
    sampler = UnseenSampler(CSR.from_dense(dense))
    rows = torch.tensor([0, 1, 1, 0])
    assert sampler.draw(rows, torch.Generator().manual_seed(0)).tolist() == [7, 11, 11, 7]


def test_the_generator_decides() -> None:
    sampler = UnseenSampler(CSR.from_dense(torch.eye(50)))
    rows = torch.arange(50)
    first, same = (sampler.draw(rows, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, same)
    assert not torch.equal(first, sampler.draw(rows, torch.Generator().manual_seed(4)))


def test_nothing_seen_and_everything_seen() -> None:
    empty = CSR.from_coo(torch.zeros(0).long(), torch.zeros(0).long(), (2, 4))
    assert UnseenSampler(empty).draw(torch.tensor([0, 1]), torch.Generator()).max() < 4
    with pytest.raises(DataError, match="row 1 has an entry in every column"):
        UnseenSampler(CSR.from_dense(torch.tensor([[1.0, 0], [1, 1]])))


def test_rows_out_of_range_are_told() -> None:
    sampler = UnseenSampler(CSR.from_dense(torch.eye(3)))
    with pytest.raises(DataError, match="rows: 3 is outside of 0"):
        sampler.draw(torch.tensor([0, 3]), torch.Generator())
