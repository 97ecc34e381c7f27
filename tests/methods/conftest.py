from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Links, Split
from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.tasks import Task, make_task


@pytest.fixture
def nodes(random_graph: Callable[..., HeteroGraph]) -> Task:
    """Classes of forty authors."""
    ids = torch.arange(36)
    split = Split(ids[:20], ids[20:26], ids[26:])
    labels = Labels("author", 3, ids, ids % 3)
    return make_task(Dataset("toy/nodes", random_graph(num_nodes=40), labels, {"s": split}))


@pytest.fixture
def links(random_graph: Callable[..., HeteroGraph]) -> Task:
    """Links of authors and papers; the last author wrote the held-out ones."""
    graph = random_graph(num_nodes=40, num_edges=150)
    held = torch.tensor([[39, 39], [3, 46]])
    key = EdgeType("author", "writes", "paper")
    dataset = Dataset("toy/links", graph, Links((key,), None, held))
    return make_task(dataset, options={"negatives": "uniform"})
