"""Edge regression: the scale that is learned on, metrics on the measured scale."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy.stats import spearmanr

from hetgraph.catalog import Dataset, EdgeValues
from hetgraph.nn import PairMLP
from hetgraph.tasks import EdgeRegression, PairPredictions, make_task


def made(films: Dataset, **options: Any) -> EdgeRegression:
    task = make_task(films, options={"kind": "edge-regression", **options})
    assert isinstance(task, EdgeRegression)
    return task


def stars(films: Dataset) -> EdgeValues:
    target = films.targets["edge_values"]
    assert isinstance(target, EdgeValues)
    return replace(films, targets=target).edge_target  # type: ignore[return-value]


@pytest.fixture
def rated(films: Dataset) -> Dataset:
    """The numbers alone: the first target of edges is the one that is asked about."""
    return replace(films, targets=films.targets["edge_values"])


def predictions(scale: float = 1.0) -> PairPredictions:
    vectors = {"user": scale * torch.randn(10, 4), "film": torch.randn(12, 4)}
    return PairPredictions(vectors, PairMLP(4, 1), (("user", "film"),))


def test_methods_learn_on_the_scale_of_the_training_numbers(rated: Dataset) -> None:
    task = made(rated)
    values = stars(rated).target
    train = values[task.index("train")]
    for split in ("train", "valid"):
        ids = task.index(split)
        expected = (values[ids] - train.mean()) / train.std(correction=0)
        torch.testing.assert_close(task.labels[ids].double(), expected, atol=1e-6, rtol=1e-5)
    assert task.labels.dtype == torch.float32
    assert float(values.min()) > 10  # the data set's own are untouched


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_metrics_are_of_the_numbers_as_they_were_measured(rated: Dataset, split: Any) -> None:
    task, given = made(rated), predictions()
    ids = task.index(split)
    values = stars(rated).target
    train = values[task.index("train")]
    scale = float(train.std(correction=0))
    outputs = given.of(task.edges[:, ids]).double()[:, 0]
    predicted, target = outputs * scale + train.mean(), values[ids]
    error = predicted - target
    expected = {
        "loss": float((error / scale).square().mean()),
        "rmse": float(error.square().mean().sqrt()),
        "mae": float(error.abs().mean()),
        "r2": 1 - float(error.square().sum() / (target - target.mean()).square().sum()),
        "spearman": float(spearmanr(predicted, target).statistic),
    }
    metrics = task.score(given, split)
    assert metrics == pytest.approx(expected, rel=1e-5)
    assert set(metrics) == set(task.monitors)
    assert task.default_monitor == "rmse"
    assert task.monitor_value(metrics, "mae") == -metrics["mae"]
    if split != "test":
        reported = task.criterion()(outputs.unsqueeze(1), task.labels[ids])
        assert metrics["loss"] == pytest.approx(float(reported), rel=1e-5)


def test_equal_numbers_and_infinite_predictions(rated: Dataset) -> None:
    values = stars(rated)
    equal = replace(rated, targets=replace(values, target=values.target * 0 + 4))
    task = made(equal)
    assert bool((task.labels[task.index("train")] == 0).all())
    metrics = task.score(predictions(), "test")
    assert metrics["loss"] == pytest.approx(metrics["rmse"] ** 2)
    bad = task.score(predictions(scale=math.inf), "test")
    assert set(bad) == set(task.monitors)
    assert all(map(math.isnan, bad.values()))


def test_own_metrics_read_measured_numbers(rated: Dataset) -> None:
    task = made(rated).with_functions(metrics={"least": lambda _, target: float(target.min())})
    metrics = task.score(predictions(), "valid")
    assert metrics["least"] == pytest.approx(float(stars(rated).target[task.index("valid")].min()))
