"""One learned vector per node: rows, the families that it is not for, and a graph it completes."""

from __future__ import annotations

import pytest
import torch

from hetgraph.catalog import Dataset, Links
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError
from hetgraph.methods import offers
from hetgraph.models.ids import IDs, IDsConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task
from hetgraph.train import TrainConfig, Trainer

NEXT, BEFORE = (EdgeType("step", name, "step") for name in ("next", "before"))
STEPS = 24


@pytest.fixture
def ring() -> Dataset:
    """A ring of steps; some of its links are known in one of the two relations only."""
    step = torch.arange(STEPS)
    after = (step + 1) % STEPS
    known = step % 6 != 0
    relations = {
        NEXT: Relation.from_edges(step[known], after[known], STEPS, STEPS),
        BEFORE: Relation.from_edges(after, step, STEPS, STEPS),
    }
    graph = HeteroGraph(
        num_nodes={"step": STEPS}, relations=relations, features={"step": torch.randn(STEPS, 3)}
    )
    held = torch.stack([step[~known], after[~known]])
    kinds = torch.zeros(held.shape[1], dtype=torch.int64)
    return Dataset("toy/ring", graph, Links((NEXT, BEFORE), held, held, None, None, kinds, kinds))


def test_vectors_are_rows_whatever_the_features(ring: Dataset) -> None:
    task = make_task(ring, options={"protocol": "filtered"})
    method = IDs.for_task(task, IDsConfig(dim=4))
    inputs = method.prepare(task, seeds=Seeds())
    table = method.encoder.vectors["step"].weight
    assert table.shape == (STEPS, 4)
    ids = torch.tensor([5, 0, 5])
    assert torch.equal(method.encode(inputs, {"step": ids})["step"], table[ids])
    assert torch.equal(method.encode(inputs, {"step": None})["step"], table)


def test_reciprocal_relations_and_drawn_candidates_complete_a_graph(ring: Dataset) -> None:
    options = {
        "protocol": "filtered",
        "decoder": "complex",
        "loss": "softmax",
        "candidates": 12,
        "reciprocal": True,
        "n3": 0.01,
    }
    seeds = Seeds.from_seed(0)
    task = make_task(ring, seeds=seeds, options=options)
    torch.manual_seed(0)
    method = IDs.for_task(task, IDsConfig(dim=32))
    config = TrainConfig(
        optimizer="adagrad", lr=0.1, batch_size=16, max_epochs=60, monitor="mrr", device="cpu"
    )
    result = Trainer(config, seeds=seeds, progress=False).fit(method, task)
    assert result.metrics["test"]["mrr"] > 0.8  # 0.16 by chance


def test_families_of_nodes_are_not_offered() -> None:
    reasons = {offer.family: offer.reason for offer in offers() if offer.model == "ids"}
    assert "others stay random" in reasons["node-classification"]
    assert not reasons["link-prediction"]
    assert not reasons["edge-regression"]


def test_a_dimension_below_1_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.dim is 0, expected at least 1"):
        IDsConfig(dim=0)
