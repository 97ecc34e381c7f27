"""Ranks in blocks against a plain table, and the metrics that follow."""

from __future__ import annotations

import math
import time

import pytest
import torch

from hetgraph.benchmarks._timing import extra_bytes
from hetgraph.data import CSR
from hetgraph.errors import DataError
from hetgraph.metrics import full_ranking, held_out_ranks, ranking_metrics


def naive(users, items, held, seen) -> list[int]:
    ranks = []
    for row, item in zip(held.row_ids.tolist(), held.indices.tolist(), strict=True):
        known = set(seen.indices[seen.row_ids == row].tolist()) if seen is not None else set()
        known -= set(held.indices[held.row_ids == row].tolist())
        score = (users[row] * items).sum(1)
        order = sorted(
            (i for i in range(len(items)) if i not in known), key=lambda i: (-float(score[i]), i)
        )
        ranks.append(order.index(item))
    return ranks


@pytest.mark.parametrize("block", [1, 200, 2**27])
@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_equal_to_a_table_of_all_scores(monkeypatch, block, rounded, masked) -> None:
    """Rounded vectors have many equal scores; users have none, one or several held-out items."""
    monkeypatch.setattr(full_ranking, "_BLOCK_BYTES", block)
    generator = torch.Generator().manual_seed(0)
    users, items = (torch.randn(n, 3, generator=generator) for n in (20, 30))
    if rounded:
        users, items = users.round(), items.round()
    held = CSR.from_dense((torch.rand(20, 30, generator=generator) < 0.06).float())
    seen = CSR.from_dense((torch.rand(20, 30, generator=generator) < 0.3).float())
    assert set(held.degree.tolist()) >= {0, 1, 2}
    ranks = held_out_ranks(users, items, held, seen if masked else None)
    assert ranks.tolist() == naive(users, items, held, seen if masked else None)


def test_metrics_of_known_ranks() -> None:
    held = CSR.from_coo(torch.tensor([0, 1, 1, 3]), torch.tensor([2, 0, 4, 1]), (4, 6))
    metrics = ranking_metrics(torch.tensor([0, 3, 1, 5]), held, (2, 4))
    # User 0 at the top, user 1 at ranks 3 and 1, user 2 without an item, user 3 far down.
    assert metrics["recall@2"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert metrics["hits@2"] == pytest.approx(2 / 3)
    ideal = 1 + 1 / math.log2(3)
    assert metrics["ndcg@2"] == pytest.approx((1 + (1 / math.log2(3)) / ideal) / 3)
    assert metrics["recall@4"] == pytest.approx(2 / 3)
    both = (1 / math.log2(3) + 1 / math.log2(5)) / ideal
    assert metrics["ndcg@4"] == pytest.approx((1 + both) / 3)
    assert metrics["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 6) / 3)


@pytest.mark.parametrize("rank", [0, 7, 19, 20, 25])
def test_one_item_a_user(rank: int) -> None:
    held = CSR.from_coo(torch.tensor([0]), torch.tensor([3]), (1, 40))
    metrics = ranking_metrics(torch.tensor([rank]), held, (20,))
    assert metrics["recall@20"] == metrics["hits@20"] == (rank < 20)
    assert metrics["ndcg@20"] == pytest.approx(1 / math.log2(rank + 2) if rank < 20 else 0)
    assert metrics["mrr"] == pytest.approx(1 / (rank + 1))


def test_bad_input_is_told() -> None:
    held = CSR.from_coo(torch.tensor([0]), torch.tensor([3]), (1, 4))
    with pytest.raises(DataError, match="held is"):
        held_out_ranks(torch.randn(2, 3), torch.randn(4, 3), held)
    nothing = CSR.from_coo(torch.zeros(0).long(), torch.zeros(0).long(), (2, 4))
    assert held_out_ranks(torch.randn(2, 3), torch.randn(4, 3), nothing).numel() == 0
    with pytest.raises(DataError, match="nothing to score"):
        ranking_metrics(torch.zeros(0).long(), nothing, (20,))


@pytest.mark.slow
def test_thirty_thousand_users_and_items() -> None:
    """Half a minute and a gibibyte, on two cores with nothing beside it."""
    generator = torch.Generator().manual_seed(0)
    users, items = (torch.randn(31_000, 64, generator=generator) for _ in range(2))
    rows = torch.arange(31_000)
    held = CSR.from_coo(rows, torch.randint(31_000, rows.shape, generator=generator), (31_000,) * 2)
    many = rows.repeat(5)
    known = torch.randint(31_000, many.shape, generator=generator)
    seen = CSR.from_coo(many, known, held.shape)
    start = time.perf_counter()
    extra = extra_bytes(lambda: held_out_ranks(users, items, held, seen))
    assert time.perf_counter() - start < 30
    assert extra < 2**30
