"""Metrics of numbers and of one ranking: against scipy, scikit-learn and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.stats import rankdata, spearmanr
from sklearn import metrics as reference
from torch import Tensor

from hetgraph.errors import DataError
from hetgraph.metrics import (
    average_ranks,
    mean_absolute_error,
    median_absolute_error,
    root_mean_squared_error,
    spearman,
    top_ndcg,
    top_overlap,
)

CASES = [(1, 7, False), (2, 200, False), (3, 201, True), (4, 64, True), (5, 2, False)]


@pytest.fixture(params=CASES)
def pair(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor]:
    """Predictions and targets of 0 or more, with many ties or none."""
    seed, size, ties = request.param
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(size, generator=generator, dtype=torch.float64) * 10
    predicted = target + torch.randn(size, generator=generator, dtype=torch.float64) * 4
    return (predicted.round(), target.round()) if ties else (predicted, target)


def test_errors_against_scikit_learn(pair: tuple[Tensor, Tensor]) -> None:
    predicted, target = pair
    p, t = predicted.numpy(), target.numpy()
    assert root_mean_squared_error(*pair) == pytest.approx(
        np.sqrt(reference.mean_squared_error(t, p))
    )
    assert mean_absolute_error(*pair) == pytest.approx(reference.mean_absolute_error(t, p))
    assert median_absolute_error(*pair) == pytest.approx(reference.median_absolute_error(t, p))


def test_spearman_against_scipy(pair: tuple[Tensor, Tensor]) -> None:
    predicted, target = pair
    assert spearman(predicted, target) == pytest.approx(spearmanr(predicted, target).statistic)
    assert spearman(target.exp(), target) == pytest.approx(1.0)
    assert spearman(-target, target) == pytest.approx(-1.0)
    assert spearman(torch.ones_like(target), target) == 0.0
    assert spearman(predicted, torch.ones_like(target)) == 0.0


def test_ranks_against_scipy(pair: tuple[Tensor, Tensor]) -> None:
    both = torch.stack(pair, dim=1)
    expected = rankdata(both.numpy(), axis=0) - 1
    assert torch.equal(average_ranks(both), torch.from_numpy(expected))
    assert torch.equal(average_ranks(both[:, 0]), torch.from_numpy(expected[:, 0]))
    assert average_ranks(torch.zeros(0, 3)).shape == (0, 3)


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
    one = torch.ones(3)
    for metric in (root_mean_squared_error, mean_absolute_error, median_absolute_error, spearman):
        with pytest.raises(DataError, match="both must be"):
            metric(one, torch.ones(2))
        with pytest.raises(DataError, match="nothing to score"):
            metric(torch.ones(0), torch.ones(0))
        with pytest.raises(DataError, match="predictions hold NaN"):
            metric(torch.tensor([1.0, torch.nan, 2.0]), one)
    with pytest.raises(DataError, match="is negative"):
        top_ndcg(one, -one, 2)
    for ranking in (top_ndcg, top_overlap):
        with pytest.raises(DataError, match="depth 0"):
            ranking(one, one, 0)
