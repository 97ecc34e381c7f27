"""Every model trains on graphs with features of dimension 0, a type of 0 nodes, or no edges."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Links, Target, Values
from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.methods import offers
from hetgraph.registry import models
from hetgraph.tasks import make_task, task_class
from hetgraph.train import TrainConfig, Trainer

from .conftest import SEEDS, SMALL

USERS, ITEMS = 120, 30
BUYS, VIEWS = EdgeType("user", "buys", "item"), EdgeType("user", "views", "item")
FAMILIES = ("few-shot", "recommendation", "link-prediction", "node-importance")
FIRST = {
    offer.model: offer.family
    for family in (*FAMILIES, "node-classification")
    for offer in offers()
    if offer.family == family and not offer.reason
}
"""A family of each model: the last of these that it is offered for."""
NOTHING = torch.zeros(0, dtype=torch.int64)

pytestmark = pytest.mark.filterwarnings("ignore:every node is in exactly one hyperedge")


def shop() -> HeteroGraph:
    """Users who buy and view items; users have features and texts."""
    generator = torch.Generator().manual_seed(0)

    def relation(count: int) -> Relation:
        codes = torch.randperm(USERS * ITEMS, generator=generator)[:count]
        return Relation.from_edges(codes // ITEMS, codes % ITEMS, USERS, ITEMS)

    return HeteroGraph(
        num_nodes={"user": USERS, "item": ITEMS},
        relations={BUYS: relation(300), VIEWS: relation(300)},
        features={"user": torch.randn(USERS, 5, generator=generator)},
        text={"user": [f"user {number}" for number in range(USERS)]},
    )


def odd(kind: str) -> HeteroGraph:
    """The shop with something that is there but holds nothing."""
    graph = shop()
    if kind == "dense":
        graph = graph.with_features("user", torch.zeros(USERS, 0))
        graph = graph.with_features("item", torch.zeros(ITEMS, 0))
    elif kind == "sparse":
        graph = graph.with_features("user", CSR.from_coo(NOTHING, NOTHING, (USERS, 0)))
    elif kind == "no edges":
        empty = Relation.from_edges(NOTHING, NOTHING, USERS, ITEMS)
        graph = graph.with_relation(("user", "returned", "item"), empty)
    else:
        features = {} if kind == "no nodes" else {"ghost": torch.zeros(0, 3)}
        graph = graph.replace(
            num_nodes={**graph.num_nodes, "ghost": 0},
            features={**graph.features, **features},
        )
        haunts = Relation.from_edges(NOTHING, NOTHING, USERS, 0)
        graph = graph.with_relation(("user", "haunts", "ghost"), haunts)
    return graph.with_reverses()


def target(graph: HeteroGraph, reads: str) -> tuple[HeteroGraph, Target]:
    nodes = torch.arange(USERS)
    if reads == "labels":
        return graph, Labels("user", 3, nodes, nodes % 3)
    if reads == "values":
        return graph, Values("user", nodes, (nodes % 7).double(), "purchases")
    held = torch.stack(graph.relations[BUYS].edges())[:, ::10]
    hidden = graph.without_edges(BUYS, *held).without_edges(VIEWS, *held)
    return hidden, Links((BUYS,), None, held)


@pytest.mark.parametrize("kind", ["dense", "sparse", "no nodes", "no nodes with dims", "no edges"])
@pytest.mark.parametrize("model", sorted(FIRST))
def test_what_holds_nothing_disturbs_nobody(
    model: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))
    family = FIRST[model]
    graph, asked = target(odd(kind), task_class(family).reads)
    options = {"few-shot": {"shots": 3}, "link-prediction": {"negatives": "uniform"}}
    dataset = Dataset("toy/odd", graph, asked, task=family)
    task = make_task(dataset, seeds=SEEDS, options=options.get(family), family=family)
    task.audit()
    cls = models.get(model)
    torch.manual_seed(0)
    method = cls.for_task(task, cls.Config(**SMALL.get(model, {})))
    monitor = task_class(family).default_monitor
    config = TrainConfig(max_epochs=1, batch_size=50, device="cpu", monitor=monitor)
    result = Trainer(config, seeds=SEEDS, progress=False).fit(method, task)
    assert all(math.isfinite(value) for value in result.metrics["test"].values())
    method.save(tmp_path / "model")
    assert type(method).load(tmp_path / "model").num_parameters() == method.num_parameters()
