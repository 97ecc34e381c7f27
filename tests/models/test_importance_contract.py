"""What every registered model of node importance must hold, run for each of them by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hetgraph.data import Dataset, Relation
from hetgraph.errors import DataError, SchemaError
from hetgraph.model import Model
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, audit, make_task
from hetgraph.train import TrainConfig, Trainer

NAMES = [name for name in models.names() if "node-importance" in models.get(name).tasks]
NEED_EDGES = ("gat", "geni", "rgcn")
SEEDS = Seeds.from_seed(0)
FAST = TrainConfig(max_epochs=3, patience=3, batch_size=16, device="cpu", monitor="spearman")

Make = Callable[..., Dataset]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each registered model in turn."""
    return str(request.param)


@pytest.fixture
def dataset(importance_dataset: Make) -> Dataset:
    return importance_dataset()


def build(name: str, task: Task) -> Model:
    torch.manual_seed(SEEDS.key("init"))
    cls = models.get(name)
    return cls.for_task(task, cls.Config())


def predictions(model: Model, task: Task, part: str = "test") -> Tensor:
    model.eval()
    with torch.no_grad():
        return model.predict(model.prepare(task, seeds=SEEDS), part)


def test_shapes_and_scores(name: str, dataset: Dataset) -> None:
    task = make_task(dataset)
    audit(task)
    model = build(name, task)
    for part in ("train", "valid", "test"):
        found = predictions(model, task, part)
        assert found.shape == (task.index(part).numel(), 1)
        assert all(value == value for value in task.score(found, part).values())
        with torch.no_grad():
            embedded = model.embed(model.prepare(task, seeds=SEEDS), part)
        assert embedded.shape[0] == found.shape[0]
    assert model.citation
    for row in model.relevance(model.prepare(task, seeds=SEEDS)):
        assert row.weight == row.weight


def test_gradients_reach_every_parameter(name: str, dataset: Dataset) -> None:
    task = make_task(dataset)
    model = build(name, task).train()
    if not model.num_parameters():
        assert model.stages() == ()
        return
    stage, inputs = model.stages()[0], model.prepare(task, seeds=SEEDS)
    batch = next(iter(model.batches(inputs, "train", stage=stage, batch_size=100)))
    model.training_step(batch, stage=stage).total.backward()
    dead = [k for k, one in model.named_parameters() if one.grad is None or not one.grad.any()]
    assert not dead


def test_values_of_held_out_nodes_change_nothing(name: str, dataset: Dataset) -> None:
    """Other validation and test values leave trained predictions as they were."""
    task, values = make_task(dataset), dataset.values
    assert values is not None
    target = values.target.clone()
    held = torch.cat([task.index("valid"), task.index("test")])
    target[held] = target[held].flip(0) + 5
    other = make_task(replace(dataset, values=replace(values, target=target)))
    assert torch.equal(predictions(build(name, task), task), predictions(build(name, other), other))


def test_the_order_of_edges_does_not_matter(name: str, dataset: Dataset) -> None:
    shuffled = {}
    for key, relation in dataset.graph.relations.items():
        src, dst = relation.edges()
        order = torch.randperm(src.numel())
        ends = (relation.num_src, relation.num_dst)
        shuffled[key] = Relation.from_edges(src[order], dst[order], *ends)
    graph = dataset.graph.replace(relations=shuffled)
    task, other = make_task(dataset), make_task(replace(dataset, graph=graph))
    model = build(name, task)
    assert torch.equal(predictions(model, task), predictions(model, other))


def test_numbers_of_hyperedges_do_not_matter(name: str, dataset: Dataset) -> None:
    groups = dataset.hypergraphs["groups"]
    turned = groups.take(torch.arange(groups.num_edges).flip(0))
    task = make_task(dataset)
    other = make_task(replace(dataset, hypergraphs={"groups": turned}))
    model = build(name, task)
    torch.testing.assert_close(predictions(model, task), predictions(model, other))


def test_bare_inputs_work(name: str, importance_dataset: Make) -> None:
    """Without edges, or without a hypergraph; a model that reads edges says so."""
    for options in ({"edges": False}, {"sets": False}):
        task = make_task(importance_dataset(**options))
        if name in NEED_EDGES and not task.graph.num_edges:
            with pytest.raises(SchemaError, match="no relation arrives"):
                build(name, task)
        else:
            assert bool(torch.isfinite(predictions(build(name, task), task)).all())


def test_training_twice_is_the_same_and_saved_models_predict_it(
    name: str, dataset: Dataset, tmp_path: Path
) -> None:
    task = make_task(dataset, seeds=SEEDS)
    results = []
    for number in range(2):
        model = build(name, task)
        result = Trainer(FAST, seeds=SEEDS, progress=False).fit(model, task)
        results.append(result.metrics["test"])
        model.save(tmp_path / f"{number}")
    assert results[0] == results[1]
    loaded = Model.load(tmp_path / "1")
    assert type(loaded) is type(model)
    assert torch.equal(predictions(loaded, task), predictions(model, task))


def test_another_graph_is_refused(name: str, dataset: Dataset) -> None:
    model = build(name, make_task(dataset))
    graph = dataset.graph.with_features("item", torch.randn(60, 2))
    with pytest.raises(DataError, match="made for another graph"):
        model.prepare(make_task(replace(dataset, graph=graph)), seeds=SEEDS)


def test_neither_edges_nor_hyperedges_is_told(importance_dataset: Make) -> None:
    task = make_task(importance_dataset(edges=False, sets=False))
    for name in ("degree", "pagerank", "personalized_pagerank", "hyperedge_mean"):
        with pytest.raises(DataError, match="no edges"):
            build(name, task).prepare(task, seeds=SEEDS)
