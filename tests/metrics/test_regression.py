"""Metrics of numbers: against scipy, scikit-learn and closed forms."""

from __future__ import annotations

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
    r2_score,
    root_mean_squared_error,
    spearman,
)


def test_errors_against_scikit_learn(pair: tuple[Tensor, Tensor]) -> None:
    predicted, target = pair
    p, t = predicted.numpy(), target.numpy()
    assert root_mean_squared_error(*pair) == pytest.approx(
        np.sqrt(reference.mean_squared_error(t, p))
    )
    assert mean_absolute_error(*pair) == pytest.approx(reference.mean_absolute_error(t, p))
    assert median_absolute_error(*pair) == pytest.approx(reference.median_absolute_error(t, p))
    assert r2_score(*pair) == pytest.approx(reference.r2_score(t, p))


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


def test_explained_variance_by_hand() -> None:
    target = torch.tensor([1.0, 2.0, 3.0])
    assert r2_score(target, target) == 1.0
    assert r2_score(torch.full((3,), 2.0), target) == 0.0  # the mean explains nothing
    assert r2_score(target.flip(0), target) == -3.0
    # The mean of three times 0.1 is not 0.1 in floating point: no variance all the same.
    constant = torch.full((3,), 0.1, dtype=torch.float64)
    assert r2_score(constant, constant) == 1.0
    assert r2_score(constant + 1e-9, constant) == 0.0


def test_ranks_by_hand() -> None:
    values = torch.tensor([[3, 1], [3, 2], [1, 3], [3, 0]])
    assert average_ranks(values).tolist() == [[2.0, 1.0], [2.0, 2.0], [0.0, 3.0], [2.0, 0.0]]


def test_bad_input_is_told() -> None:
    ones = torch.ones(3)
    for metric in (
        root_mean_squared_error,
        mean_absolute_error,
        median_absolute_error,
        r2_score,
        spearman,
    ):
        with pytest.raises(DataError, match="both must be"):
            metric(ones, torch.ones(2))
        with pytest.raises(DataError, match="nothing to score"):
            metric(torch.ones(0), torch.ones(0))
        with pytest.raises(DataError, match="predictions hold NaN"):
            metric(torch.tensor([1.0, torch.nan, 2.0]), ones)
        with pytest.raises(DataError, match="targets hold NaN"):
            metric(ones, torch.tensor([1.0, torch.inf, 2.0]))
