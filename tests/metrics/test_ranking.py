import math

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score

from hetgraph.errors import DataError
from hetgraph.metrics import grouped_mrr, mrr, ndcg


@pytest.mark.parametrize(
    ("rank", "hgt", "standard"),
    [(1, 1.0, 1.0), (2, 1.0, 1 / math.log2(3)), (3, 1 / math.log2(3), 0.5)],
)
def test_ndcg_of_one_relevant_item(rank: int, hgt: float, standard: float) -> None:
    scores = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
    relevance = torch.zeros(1, 4)
    relevance[0, rank - 1] = 1
    assert ndcg(scores, relevance, form="hgt") == pytest.approx(hgt)
    assert ndcg(scores, relevance) == pytest.approx(standard)
    assert mrr(scores, relevance) == pytest.approx(1 / rank)


@pytest.mark.parametrize("k", [None, 3])
def test_ndcg_equals_sklearn(k: int | None) -> None:
    scores, relevance = torch.rand(20, 7), torch.randint(4, (20, 7))
    relevance[:, 0] = 1
    want = ndcg_score(relevance.numpy(), scores.numpy(), k=k)
    assert ndcg(scores, relevance, k=k) == pytest.approx(want)


def test_rows_without_relevant_items_count_zero() -> None:
    scores, relevance = torch.rand(2, 3), torch.zeros(2, 3)
    relevance[0] = 1
    assert ndcg(scores, relevance) == pytest.approx(0.5)
    assert mrr(scores, relevance) == pytest.approx(0.5)


def test_grouped_mrr_equals_a_sort_of_every_group() -> None:
    scores = torch.rand(300)
    target, group = torch.rand(300) < 0.3, torch.randint(40, (300,))
    want = []
    for label in range(40):
        own = (group == label).numpy()
        ranked = target.numpy()[own][np.argsort(-scores.numpy()[own])]
        if ranked.any():
            want.append(1 / (1 + np.flatnonzero(ranked)[0]))
    assert grouped_mrr(scores, target, group) == pytest.approx(np.mean(want))


def test_grouped_mrr_puts_equal_negatives_first() -> None:
    target = torch.tensor([True, False, False, True, False, False])
    group = torch.tensor([0, 0, 0, 5, 5, 7])
    scores = torch.tensor([2.0, 2.0, 1.0, 3.0, 2.0, 9.0])
    assert grouped_mrr(scores, target, group) == pytest.approx((1 / 2 + 1) / 2)
    assert grouped_mrr(torch.zeros(6), target, group) == pytest.approx((1 / 3 + 1 / 2) / 2)
    with pytest.raises(DataError, match="no candidate is positive"):
        grouped_mrr(scores, torch.zeros(6, dtype=torch.bool), group)
    with pytest.raises(DataError, match="expected the same"):
        grouped_mrr(scores, target, group[:3])
