from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from hetgraph.catalog import Dataset, NodeLabels, Split
from hetgraph.data import HeteroGraph


@pytest.fixture
def dataset(random_graph: Callable[..., HeteroGraph]) -> Dataset:
    """Forty authors, 36 of them labelled, 16 of these for testing."""
    graph = random_graph(num_nodes=40)
    index = torch.arange(36)
    labels = NodeLabels("author", 3, index, index % 3)
    return Dataset("toy/random", graph, labels, {"default": Split(index[:20], None, index[20:])})


@pytest.fixture
def multi_label(dataset: Dataset) -> Dataset:
    """The same with label sets."""
    target = torch.rand(36, 4, generator=torch.Generator().manual_seed(3)) > 0.5
    return replace(dataset, labels=NodeLabels("author", 4, torch.arange(36), target, True))
