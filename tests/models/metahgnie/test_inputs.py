"""The structural input: every column less its mean, over its standard deviation."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset
from hetgraph.data import Hypergraph
from hetgraph.features import WalkConfig, hyperedge_features, walk_features
from hetgraph.models.metahgnie import MetaHGNIEConfig
from hetgraph.models.metahgnie.inputs import make_hypergraph, semantic_input, structural_input
from hetgraph.registry import models
from hetgraph.runs.plan import bind_metapaths, make_plan
from hetgraph.tasks import Task, make_task

DIM = 8


@pytest.fixture
def task(importance_dataset: Callable[..., Dataset]) -> Task:
    return make_task(importance_dataset())


@pytest.fixture
def edgeless(importance_dataset: Callable[..., Dataset]) -> Task:
    return make_task(importance_dataset(edges=False))


def hypergraph_of(task: Task) -> Hypergraph:
    return make_hypergraph(task, MetaHGNIEConfig())


def plain(task: Task) -> Tensor:
    """What is to be standardised, ``[num_nodes, dim]`` of all types in the order of the graph."""
    if task.graph.num_edges:
        by_type = walk_features(task.graph, WalkConfig(dim=DIM))
    else:
        by_type = hyperedge_features(hypergraph_of(task), standardize=False)
    return torch.cat([by_type[name] for name in task.graph.num_nodes])


def standardised(x: Tensor) -> Tensor:
    """Column by column in float64; a column of equal values becomes zeros."""
    columns = []
    for column in x.double().T.tolist():
        mean, std = statistics.fmean(column), statistics.pstdev(column)
        columns.append([(value - mean) / std if std > 1e-6 else 0.0 for value in column])
    return torch.tensor(columns, dtype=torch.float64).T


@pytest.mark.parametrize("which", ["task", "edgeless"])
def test_columns_have_mean_zero_and_std_one(which: str, request: pytest.FixtureRequest) -> None:
    task = request.getfixturevalue(which)
    actual = structural_input(task, hypergraph_of(task), MetaHGNIEConfig(walk_dim=DIM))
    x = plain(task)
    assert float((x.std(0, correction=0) - 1).abs().max()) > 0.1
    torch.testing.assert_close(actual.double(), standardised(x), rtol=1e-4, atol=1e-5)
    std = actual.double().std(0, correction=0)
    varying = x.std(0) > 1e-6
    torch.testing.assert_close(std[varying], torch.ones_like(std[varying]), rtol=0, atol=1e-4)
    assert float(actual.mean(0).abs().max()) < 1e-5


@pytest.mark.parametrize("which", ["task", "edgeless"])
def test_they_may_stay_as_they_are(which: str, request: pytest.FixtureRequest) -> None:
    task = request.getfixturevalue(which)
    config = MetaHGNIEConfig(walk_dim=DIM, standardize=False)
    assert torch.equal(structural_input(task, hypergraph_of(task), config), plain(task))


def test_a_column_of_equal_values_becomes_zeros(importance_dataset: Callable[..., Dataset]) -> None:
    dataset = importance_dataset()
    features = dataset.graph.features["item"].clone()
    features[:, 2] = 0
    task = make_task(replace(dataset, graph=dataset.graph.with_features("item", features)))
    config = MetaHGNIEConfig()
    actual = semantic_input(task, torch.zeros(0), config)
    raw = semantic_input(task, torch.zeros(0), replace(config, standardize=False))
    torch.testing.assert_close(actual.double(), standardised(raw), rtol=1e-4, atol=1e-5)
    assert not bool(actual[:, 2].any())


def test_the_default_meta_paths_of_a_data_set_are_left_alone(
    importance_dataset: Callable[..., Dataset],
) -> None:
    dataset = replace(importance_dataset(), metapaths={"any": "a-b-a"})
    plan = make_plan(models.get("metahgnie"), "nie/TMDB5K")
    assert bind_metapaths(plan, dataset).config.metapaths == ()
