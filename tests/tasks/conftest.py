from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from hetgraph.catalog import Dataset, EdgeLabels, EdgeValues, Labels, Split
from hetgraph.data import EdgeType, HeteroGraph, Relation


@pytest.fixture
def dataset(random_graph: Callable[..., HeteroGraph]) -> Dataset:
    """Forty authors, 36 of them labelled, 16 of these for testing."""
    graph = random_graph(num_nodes=40)
    index = torch.arange(36)
    labels = Labels("author", 3, index, index % 3)
    return Dataset("toy/random", graph, labels, {"default": Split(index[:20], None, index[20:])})


@pytest.fixture
def multi_label(dataset: Dataset) -> Dataset:
    """The same with label sets."""
    target = torch.rand(36, 4, generator=torch.Generator().manual_seed(3)) > 0.5
    return replace(dataset, targets=Labels("author", 4, torch.arange(36), target, True))


RATES, RATED = EdgeType("user", "rates", "film"), EdgeType("film", "rated_by", "user")
SAW, OWNS = EdgeType("user", "saw", "film"), EdgeType("film", "owned_by", "user")


@pytest.fixture
def films() -> Dataset:
    """Ten users, twelve films, sixty ratings of distinct pairs with times, and a second rating.

    ``edge_labels`` and ``edge_values`` are of the same edges, in an order of their own. Edge 0 and
    edge 60 are one pair. Other relations hold some of the pairs, too, one in the other direction.
    """
    generator = torch.Generator().manual_seed(5)
    codes = torch.randperm(120, generator=generator)[:60]
    pairs = torch.stack([codes // 12, codes % 12])
    pairs = torch.cat([pairs, pairs[:, :1]], dim=1)
    rates = Relation.from_edges(*pairs, 10, 12)
    saw = Relation.from_edges(*pairs[:, 10:50], 10, 12)
    owns = Relation.from_edges(*pairs[:, 20:61].flip(0), 12, 10)
    graph = HeteroGraph(
        num_nodes={"user": 10, "film": 12},
        relations={RATES: rates, RATED: rates.transpose, SAW: saw, OWNS: owns},
        features={"user": torch.randn(10, 3, generator=generator)},
        reverses=[(RATES, RATED)],
    )
    classes = (torch.rand(61, generator=generator) * 4).long().clamp(max=2)  # half of them are 2
    stars = 100 + 25 * torch.randn(61, generator=generator, dtype=torch.float64)
    time = torch.randperm(61, generator=generator)
    targets = {
        "edge_labels": EdgeLabels(RATES, 3, pairs, classes, time, ("bad", "fair", "good")),
        "edge_values": EdgeValues(RATES, pairs, stars, time, "stars"),
    }
    order = torch.arange(1, 60)
    ids = torch.cat([torch.tensor([0]), order[order % 4 != 0]])  # 0 learns, 60 is tested
    splits = {
        "given": Split(ids[:35], ids[35:], torch.cat([order[order % 4 == 0], torch.tensor([60])])),
        "no valid": Split(ids, None, torch.tensor([4, 8, 12, 60])),
    }
    return Dataset("toy/films", graph, targets, splits)
