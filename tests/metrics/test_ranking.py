import math

import pytest
import torch
from sklearn.metrics import ndcg_score

from hetgraph.metrics import mrr, ndcg


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
