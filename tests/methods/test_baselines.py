"""Non-learned baselines: the line, hidden labels, what a walk goes along."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Values
from hetgraph.data import EdgeType, HeteroGraph, Hypergraph, Relation
from hetgraph.methods import ScoreBaseline, default_hypergraph, importance_edges
from hetgraph.methods.baselines import fit_line
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task


class Told(ScoreBaseline):
    """Scores are the nodes' numbers, or 1 where the label is known."""

    name = "told"
    seen: ClassVar[list[Tensor]] = []

    def scores(self, task: Task, known: Tensor) -> Tensor:
        self.seen.append(known)
        if self.reads_labels:
            return (~known.isnan()).double()
        return torch.arange(known.numel()).double()


class Telling(Told):
    reads_labels = True


@pytest.fixture
def dataset() -> Dataset:
    """Twenty nodes whose labels are log(1 + number), after one of another type."""
    link = Relation.from_edges(torch.tensor([0, 0, 3]), torch.tensor([1, 1, 2]), 20, 20)
    graph = HeteroGraph(num_nodes={"x": 1, "a": 20}, relations={EdgeType("a", "to", "a"): link})
    values = Values("a", torch.arange(20), torch.arange(20).double())
    sets = Hypergraph.from_sets([[0, 3], [1, 2, 3]], [0, 0], num_nodes=graph.num_nodes)
    return Dataset("toy/f", graph, values, hypergraphs={"h": sets}, task="node-importance")


def baseline(cls: type[Told], task: Task) -> Tensor:
    cls.seen.clear()
    return cls(task.graph.schema, task.spec, None).prepare(task, seeds=Seeds()).predicted


def test_the_line_is_that_of_least_squares() -> None:
    x, y = torch.rand(50).double(), torch.rand(50).double()
    slope, start = fit_line(x, y)
    assert (slope, start) == pytest.approx(tuple(np.polyfit(x, y, 1)))
    assert fit_line(torch.full((5,), 0.1).double(), y[:5]) == (
        0.0,
        pytest.approx(float(y[:5].mean())),
    )


def test_scores_on_a_line_with_the_labels_are_exact(dataset: Dataset) -> None:
    task = make_task(dataset)
    torch.testing.assert_close(baseline(Told, task), torch.arange(20).float().log1p())
    assert len(Told.seen) == 1
    known = ~Told.seen[0].isnan()
    assert torch.equal(known.nonzero().squeeze(1), task.index("train"))


def test_scores_that_read_labels_are_calibrated_on_hidden_ones(dataset: Dataset) -> None:
    task = make_task(dataset)
    found = baseline(Telling, task)
    train = task.index("train")
    hidden = [train[torch.isnan(one[train])] for one in Telling.seen[1:]]
    assert torch.equal(torch.cat(hidden).sort().values, train)
    # Hidden nodes all score 0, so the line is flat: their own labels told nothing.
    torch.testing.assert_close(found, torch.full((20,), float(task.labels[train].mean())))


def test_what_a_walk_goes_along(dataset: Dataset) -> None:
    task = make_task(dataset)
    edges, rows = importance_edges(task, undirected=False)
    assert rows == slice(1, 21)
    assert edges.to_dense().nonzero().tolist() == [[2, 1], [3, 4]]
    both, _ = importance_edges(task, undirected=True)
    assert torch.equal(both.to_dense(), edges.to_dense() + edges.to_dense().T)
    bare = dataset.graph.replace(relations={})
    other = make_task(Dataset("toy/f", bare, targets=dataset.values,
                              hypergraphs=dataset.hypergraphs, task="node-importance"))  # fmt: skip
    star, rows = importance_edges(other, undirected=False)
    assert (star.shape, rows) == ((23, 23), slice(1, 21))
    assert star.to_dense()[21].nonzero().flatten().tolist() == [0, 3]
    assert torch.equal(star.to_dense(), star.to_dense().T)


def test_the_default_hypergraph(dataset: Dataset) -> None:
    assert default_hypergraph(make_task(dataset)).num_edges == 2
    plain = Dataset("toy/f", dataset.graph, targets=dataset.targets, task="node-importance")
    assert default_hypergraph(make_task(plain)).is_partition
