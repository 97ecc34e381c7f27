"""Hyperedge mean: by hand, and as measured on the real sets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph import load_dataset
from hetgraph.catalog import Dataset, Values
from hetgraph.data import HeteroGraph, Hypergraph
from hetgraph.models.hyperedge_mean import HyperedgeMean, HyperedgeMeanConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task


def test_means_of_overlapping_hyperedges() -> None:
    """Targets follow one node of another type; each hyperedge counts once, oneself never."""
    graph = HeteroGraph(num_nodes={"other": 1, "node": 10}, relations={})
    values = Values("node", torch.arange(10), torch.arange(10).double() * 10)
    task = make_task(
        Dataset("toy/h", graph, values, task="node-importance"),
        options={"transform": "none"},
    )
    a, b, c = task.index("train")[:3].tolist()
    test = task.index("test").tolist()
    first, second = test
    sets = [[first + 1, a + 1, b + 1], [first + 1, c + 1], [first + 1, second + 1, 0], [a + 1, 0]]
    task.hypergraphs["h"] = Hypergraph.from_sets(sets, [0] * 4, num_nodes=graph.num_nodes)
    model = HyperedgeMean.for_task(task, HyperedgeMeanConfig())
    actual = model.prepare(task, seeds=Seeds()).predicted
    mean = float(task.labels[task.index("train")].mean())
    assert float(actual[first]) == pytest.approx(((10 * a + 10 * b) / 2 + 10 * c) / 2)
    assert float(actual[second]) == pytest.approx(mean)  # beside a test node only
    assert float(actual[a]) == pytest.approx(10 * b)
    assert float(actual[c]) == pytest.approx(mean)


@pytest.mark.parametrize(
    ("name", "rmse", "spearman", "ndcg", "overlap"),
    [("FB15k", 1.3605, 0.436, 0.824, 0.04), ("TMDB5K", 0.9403, 0.584, 0.762, 0.35)],
)
def test_the_known_anchors(
    name: str, rmse: float, spearman: float, ndcg: float, overlap: float, data_root: Path
) -> None:
    """Fold 0, measured with another implementation, which broke ties in its own way."""
    task = make_task(load_dataset(f"nie/{name}", root=data_root))
    model = HyperedgeMean.for_task(task, HyperedgeMeanConfig())
    scores = task.score(model.predict(model.prepare(task, seeds=Seeds()), "test"), "test")
    assert scores["rmse"] == pytest.approx(rmse, abs=5e-5)
    assert scores["spearman"] == pytest.approx(spearman, abs=6e-4)
    assert scores["ndcg@100"] == pytest.approx(ndcg, abs=3e-3)
    assert scores["precision@100"] == pytest.approx(overlap, abs=0.01)
