"""Metrics of the top of one ranking: against scikit-learn and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
import torch
from sklearn import metrics as reference
from torch import Tensor

from hetgraph.errors import DataError
from hetgraph.metrics import top_ndcg, top_overlap


@pytest.mark.parametrize("k", [1, 3, 20, 1000])
def test_ndcg_against_scikit_learn(pair: tuple[Tensor, Tensor], k: int) -> None:
    predicted, gain = pair
    expected = reference.ndcg_score(gain[None].numpy(), predicted[None].numpy(), k=k)
    assert top_ndcg(predicted, gain, k) == pytest.approx(expected)
    assert top_ndcg(gain.exp(), gain, k) == pytest.approx(1.0)


def test_ndcg_by_hand() -> None:
    gain = torch.tensor([3.0, 0.0, 1.0])
    second = 1 / np.log2(3)
    assert top_ndcg(torch.tensor([1.0, 3.0, 2.0]), gain, 2) == pytest.approx(second / (3 + second))
    assert top_ndcg(torch.tensor([1.0, 3.0, 2.0]), gain, 1) == 0.0
    assert top_ndcg(gain, torch.zeros(3), 2) == 0.0


@pytest.mark.parametrize("k", [1, 2, 4, 6])
@pytest.mark.parametrize("metric", [top_ndcg, top_overlap])
def test_ties_are_the_mean_over_all_orders(
    metric: Callable[[Tensor, Tensor, int], float], k: int
) -> None:
    predicted = torch.tensor([2.0, 5.0, 2.0, 2.0, 0.0, 2.0])
    target = torch.tensor([4.0, 1.0, 2.0, 8.0, 7.0, 3.0])
    values = []
    for order in permutations(range(6)):
        broken = predicted + torch.tensor(order) * 0.1
        values.append(metric(broken, target, k))
    assert metric(predicted, target, k) == pytest.approx(np.mean(values))


def test_overlap_by_hand() -> None:
    target = torch.tensor([9.0, 8.0, 7.0, 1.0])
    assert top_overlap(torch.tensor([1.0, 4.0, 3.0, 2.0]), target, 2) == 0.5
    assert top_overlap(torch.tensor([1.0, 4.0, 3.0, 2.0]), target, 4) == 1.0
    assert top_overlap(torch.tensor([1.0, 4.0, 3.0, 2.0]), target, 9) == 1.0
    assert top_overlap(torch.zeros(4), target, 1) == 0.25  # k / n by chance
    # Two nodes contest the second place of the targets.
    assert top_overlap(torch.tensor([4.0, 3.0, 2.0, 1.0]), torch.tensor([3.0, 2, 2, 1]), 2) == 0.75


def test_ties_outside_the_top_change_nothing() -> None:
    predicted = torch.tensor([9.0, 8.0, 7.0, 1.0, 0.5, 0.2])
    gain = torch.tensor([1.0, 5.0, 2.0, 4.0, 0.0, 3.0])
    tied = predicted.clone()
    tied[3:] = 0.1
    for metric in (top_ndcg, top_overlap):
        assert metric(tied, gain, 3) == pytest.approx(metric(predicted, gain, 3))


def test_bad_input_is_told() -> None:
    ones = torch.ones(3)
    for metric in (top_ndcg, top_overlap):
        with pytest.raises(DataError, match="both must be"):
            metric(ones, torch.ones(2), 1)
        with pytest.raises(DataError, match="predictions hold NaN"):
            metric(torch.tensor([1.0, torch.nan, 2.0]), ones, 1)
        with pytest.raises(DataError, match="depth 0"):
            metric(ones, ones, 0)
    with pytest.raises(DataError, match="is negative"):
        top_ndcg(ones, -ones, 2)
