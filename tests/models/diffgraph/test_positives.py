"""The view of the positives: who reads whom, written out node by node."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import CSR, HeteroGraph
from hetgraph.models.diffgraph.views import make_views, positive_graph
from hetgraph.nn import metapath_relations
from hetgraph.tasks import Task, make_task

PATHS = ("author-paper-author", "author-paper-term-paper-author")
COUNT = 2


@pytest.fixture
def task(random_graph: Callable[..., HeteroGraph]) -> Task:
    ids = torch.arange(20)
    split = Split(ids[:10], ids[10:14], ids[14:])
    labels = Labels("author", 2, ids, ids % 2)
    return make_task(Dataset("toy/positives", random_graph(), labels, {"default": split}))


def sent_to_the_chosen(chosen: CSR, x: Tensor) -> Tensor:
    """Each node is sent to those it chose, over the roots of both counts."""
    choices = [
        chosen.indices[chosen.indptr[node] : chosen.indptr[node + 1]].tolist()
        for node in range(chosen.num_rows)
    ]
    popularity = [sum(node in row for row in choices) for node in range(chosen.num_cols)]
    out = torch.zeros(chosen.num_cols, x.shape[1], dtype=torch.float64)
    for sender, row in enumerate(choices):
        for receiver in row:
            out[receiver] += x[sender].double() / math.sqrt(len(row) * popularity[receiver])
    return out


def test_a_node_is_sent_to_the_nodes_it_chose(task: Task) -> None:
    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(3)

    *others, last = make_views(task, PATHS, None, COUNT, "1GiB", generator())
    assert len(others) == len(PATHS)
    patterns = list(metapath_relations(task.graph, "", ("author",), PATHS).values())
    chosen = positive_graph(patterns, COUNT, generator())
    dense = chosen.to_dense()
    assert not torch.equal(dense, dense.T)  # else the two directions could not be told apart
    x = torch.randn(len(dense), 5)
    sent = last.propagator(x).double()
    torch.testing.assert_close(sent, sent_to_the_chosen(chosen, x), rtol=1e-5, atol=1e-6)
    other_way = sent_to_the_chosen(chosen.transpose, x)
    assert float((sent - other_way).abs().max()) > 0.1
