"""Every pair of a model and a family of tasks that is offered is trained, on one small graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset, EdgeLabels, EdgeValues, Labels, Links, Target, Values
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.methods import offers
from hetgraph.methods.matrix import matrix_lines
from hetgraph.models.gph2 import ExpertConfig
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import families, make_task, task_class
from hetgraph.train import TrainConfig, Trainer

USERS, ITEMS, TAGS, CLASSES = 120, 60, 6, 3
BUYS, VIEWS = EdgeType("user", "buys", "item"), EdgeType("user", "views", "item")
TAGGED = EdgeType("item", "tagged", "tag")
PAIRS = [(offer.model, offer.family) for offer in offers() if not offer.reason]
SEEDS = Seeds.from_seed(0)
SETTINGS: dict[str, dict[str, Any]] = {
    "gph2": {"experts": "scratch", "expert": ExpertConfig(dim=16)},
    "higpt": {"encoder": "hash", "dim": 16, "num_heads": 2},
    "prototype": {"dim": 16},
    "rphgnn": {"labels": True},
}
OPTIONS: dict[str, Mapping[str, Any]] = {
    "few-shot": {"shots": 3},
    "link-prediction": {"negatives": "uniform"},
}

pytestmark = pytest.mark.filterwarnings("ignore:every node is in exactly one hyperedge")


@pytest.fixture(scope="module")
def graph() -> HeteroGraph:
    """The shop."""
    return shop()


def shop() -> HeteroGraph:
    """Users buy and view items, which have tags; users and tags have features and texts."""
    generator = torch.Generator().manual_seed(0)

    def relation(src: int, dst: int, count: int) -> Relation:
        codes = torch.randperm(src * dst, generator=generator)[:count]
        return Relation.from_edges(codes // dst, codes % dst, src, dst)

    return HeteroGraph(
        num_nodes={"user": USERS, "item": ITEMS, "tag": TAGS},
        relations={
            BUYS: relation(USERS, ITEMS, 500),
            VIEWS: relation(USERS, ITEMS, 700),
            TAGGED: relation(ITEMS, TAGS, 150),
        },
        features={
            "user": torch.randn(USERS, 5, generator=generator),
            "tag": torch.randn(TAGS, 3, generator=generator),
        },
        text={"user": [f"user {number}" for number in range(USERS)]},
    ).with_reverses()


def target(graph: HeteroGraph, reads: str) -> tuple[HeteroGraph, Target]:
    """A target of a kind over the graph, and the graph without what is held out of it."""
    nodes = torch.arange(USERS)
    src, dst = graph.relations[BUYS].edges()
    edges = torch.stack([src, dst])
    if reads == "labels":
        return graph, Labels("user", CLASSES, nodes, nodes % CLASSES)
    if reads == "values":
        degree = graph.relations[BUYS].transpose.degree.double()
        return graph, Values("user", nodes, degree + nodes % 3, "purchases")
    if reads == "edge_labels":
        return graph, EdgeLabels(BUYS, CLASSES, edges, (src + dst) % CLASSES)
    if reads == "edge_values":
        return graph, EdgeValues(BUYS, edges, (src % 5 + dst % 3).double())
    held = edges[:, ::10]
    hidden = graph.without_edges(BUYS, *held).without_edges(VIEWS, *held)
    return hidden, Links((BUYS,), None, held)


@pytest.mark.parametrize(("model", "family"), PAIRS)
def test_every_offered_pair_is_trained(
    model: str, family: str, graph: HeteroGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))
    hidden, asked = target(graph, task_class(family).reads)
    dataset = Dataset("toy/shop", hidden, asked, task=family)
    task = make_task(dataset, seeds=SEEDS, options=OPTIONS.get(family), family=family)
    task.audit()
    cls = models.get(model)
    torch.manual_seed(0)
    method = cls.for_task(task, cls.Config(**SETTINGS.get(model, {})))
    config = TrainConfig(
        max_epochs=2, batch_size=200, device="cpu", monitor=task_class(family).default_monitor
    )
    before = {name: value.clone() for name, value in method.named_parameters()}
    result = Trainer(config, seeds=SEEDS, progress=False).fit(method, task)
    assert set(result.metrics["test"]) >= {"loss"}
    assert all(math.isfinite(value) for value in result.metrics["test"].values())
    trained = dict(method.named_parameters())
    if method.stages():
        moved = [n for n, p in trained.items() if p.requires_grad and not torch.equal(p, before[n])]
        assert moved, "training moved no parameter"
    rows = method.embed(method.prepare(task, seeds=SEEDS), "test")
    assert rows.dim() == 2


def test_a_pair_that_is_not_offered_has_a_reason() -> None:
    missing = [offer for offer in offers() if offer.reason]
    assert all(offer.reason.endswith(".") for offer in missing)
    for offer in missing:
        with pytest.raises(Exception, match="is not for"):
            models.get(offer.model).check_family(offer.family, "toy/shop")


def test_at_least_eighty_pairs_are_offered() -> None:
    assert len(PAIRS) >= 80
    assert {family for _, family in PAIRS} == set(families())


def test_the_table_has_a_cell_per_pair() -> None:
    lines = matrix_lines(offers())
    table = [line for line in lines if line.startswith("| ") and "yes" in line]
    assert sum(line.count(" yes ") for line in table) == len(PAIRS)
    assert len(table) == len(models.names())
