"""What every registered classifier of nodes must hold, run for each of them by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.data import CSR, Dataset, EdgeType, HeteroGraph, NodeLabels, Relation, Split
from hetgraph.errors import DataError
from hetgraph.model import Model, Stage
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task
from hetgraph.train import TrainConfig, Trainer

NUM_AUTHORS, NUM_LABELLED = 40, 36
SEEDS = Seeds.from_seed(0)
FAST = TrainConfig(max_epochs=3, patience=3, batch_size=8, device="cpu")


NAMES = [name for name in models.names() if "node-classification" in models.get(name).tasks]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each registered classifier in turn."""
    return str(request.param)


@pytest.fixture
def dataset(random_graph: Callable[..., HeteroGraph]) -> Dataset:
    """Featured types only, so that nothing depends on the order of the nodes."""
    graph = random_graph(num_nodes=NUM_AUTHORS, num_edges=150)
    generator = torch.Generator().manual_seed(1)
    terms = torch.randn(graph.num_nodes["term"], 4, generator=generator)
    return wrap(graph.with_features("term", CSR.from_dense(terms)))


def wrap(graph: HeteroGraph, target: str = "author", order: Tensor | None = None) -> Dataset:
    """Labels and a split for the target; ``order[i]`` is where node ``i`` has moved to."""
    ids = torch.arange(NUM_LABELLED) if order is None else order[:NUM_LABELLED]
    labels = NodeLabels(target, 3, ids, torch.arange(NUM_LABELLED) % 3)
    split = Split(ids[:20], ids[20:26], ids[26:])
    return Dataset("toy/contract", graph, labels, {"default": split})


def build(name: str, task: Task, *, like: Model | None = None) -> Model:
    """A fresh model with the seeded initialisation, or with the parameters of another."""
    cls = models.get(name)
    torch.manual_seed(SEEDS.key("init"))
    model = cls(task.graph.schema, task.spec, cls.Config())
    if like is not None:
        model.load_state_dict(like.state_dict())
    return model


def predictions(model: Model, task: Task, part: str = "test") -> Tensor:
    """Logits without dropout."""
    model.eval()
    with torch.no_grad():
        return model.predict(model.prepare(task, seeds=SEEDS), part)


def first_batch(model: Model, task: Task, **options: Any) -> tuple[Any, Stage]:
    """A training batch of the first stage."""
    stage = model.stages()[0]
    inputs = model.prepare(task, seeds=SEEDS)
    given = {"stage": stage, "batch_size": 8, "generator": torch.Generator().manual_seed(0)}
    return next(iter(model.batches(inputs, "train", **{**given, **options}))), stage


def test_shapes_and_description(name: str, dataset: Dataset) -> None:
    task = make_task(dataset)
    model = build(name, task)
    for part in ("train", "valid", "test"):
        size = task.index(part).numel()
        assert predictions(model, task, part).shape == (size, 3)
        with torch.no_grad():
            embedded = model.embed(model.prepare(task, seeds=SEEDS), part)
        assert embedded.shape[0] == size
        assert bool(torch.isfinite(embedded).all())
    assert model.citation
    for row in model.relevance(model.prepare(task, seeds=SEEDS)):
        assert row.node_type in task.graph.num_nodes
        assert row.weight == row.weight


def test_gradients_reach_every_parameter(name: str, dataset: Dataset) -> None:
    task = make_task(dataset)
    model = build(name, task).train()
    batch, stage = first_batch(model, task, batch_size=20)
    model.training_step(batch, stage=stage).total.backward()
    without = [key for key, one in model.named_parameters() if one.grad is None]
    assert not without
    dead = [key for key, one in model.named_parameters() if not bool((one.grad != 0).any())]
    assert not dead


def test_order_of_edges_does_not_matter(name: str, dataset: Dataset) -> None:
    graph = dataset.graph
    shuffled = {}
    for key, relation in graph.relations.items():
        src, dst = relation.edges()
        order = torch.randperm(src.numel())
        shuffled[key] = Relation.from_edges(
            src[order], dst[order], relation.num_src, relation.num_dst
        )
    task, other = make_task(dataset), make_task(wrap(graph.replace(relations=shuffled)))
    model = build(name, task)
    assert torch.equal(predictions(model, task), predictions(model, other))


def test_order_of_nodes_does_not_matter(name: str, dataset: Dataset) -> None:
    graph = dataset.graph
    take = {key: torch.randperm(n) for key, n in graph.num_nodes.items()}
    moved_to = take["author"].argsort()
    task = make_task(dataset)
    other = make_task(wrap(graph.subgraph(take), order=moved_to))
    model = build(name, task)
    assert torch.equal(other.index("test"), moved_to[task.index("test")])
    torch.testing.assert_close(
        predictions(model, task), predictions(model, other), atol=2e-2, rtol=2e-2
    )


def test_any_type_names_work(name: str, dataset: Dataset) -> None:
    graph = dataset.graph
    new = {"author": "a.u t", "paper": "__paper__", "term": "terms/δ"}
    edge = {
        key: EdgeType(new[key.src], f"{key.name}.x__y", new[key.dst]) for key in graph.relations
    }
    renamed = HeteroGraph(
        num_nodes={new[key]: n for key, n in graph.num_nodes.items()},
        relations={edge[key]: relation for key, relation in graph.relations.items()},
        features={new[key]: x for key, x in graph.features.items()},
        reverses=[(edge[a], edge[b]) for a, b in graph.schema.reverses],
    )
    task, other = make_task(dataset), make_task(wrap(renamed, target="a.u t"))
    model, twin = build(name, task), build(name, other)
    assert twin.num_parameters() == model.num_parameters()
    assert bool(torch.isfinite(predictions(twin, other)).all())


@pytest.mark.parametrize("relation", ["writes", "cites", "has"])
def test_an_empty_relation_works(name: str, dataset: Dataset, relation: str) -> None:
    graph = dataset.graph
    key = graph.schema.edge_type(relation)
    src, dst = graph.relations[key].edges()
    task = make_task(wrap(graph.without_edges(key, src, dst)))
    model = build(name, task).train()
    batch, stage = first_batch(model, task)
    assert bool(torch.isfinite(model.training_step(batch, stage=stage).total))
    assert bool(torch.isfinite(predictions(model, task)).all())


def test_isolated_nodes_and_featureless_types_work(name: str, dataset: Dataset) -> None:
    graph = dataset.graph.with_features("term", None).with_features("author", None)
    task = make_task(wrap(graph))
    isolated = graph.relations[EdgeType("paper", "written_by", "author")].degree == 0
    assert bool(isolated[task.index("test")].any() or isolated.any())
    assert bool(torch.isfinite(predictions(build(name, task), task)).all())


def test_an_empty_batch_is_harmless(name: str, dataset: Dataset) -> None:
    """The last of 16 processes gets no row of a batch of eight."""
    task = make_task(dataset)
    model = build(name, task).train()
    batch, stage = first_batch(model, task, shard=(15, 16))
    loss = model.training_step(batch, stage=stage)
    assert loss.count == 0
    loss.total.backward()
    for parameter in model.parameters():
        assert parameter.grad is None or not bool(parameter.grad.any())


def test_saved_models_predict_the_same(name: str, dataset: Dataset, tmp_path: Path) -> None:
    task = make_task(dataset)
    model = build(name, task)
    model.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    assert type(loaded) is type(model)
    assert loaded.config == model.config
    assert torch.equal(predictions(loaded, task), predictions(model, task))


def test_another_graph_is_refused(name: str, dataset: Dataset) -> None:
    """A saved model meets a graph that lacks a relation, or whose features have another width."""
    graph = dataset.graph
    model = build(name, make_task(dataset))
    lacking = graph.without_relation(graph.edge_types[0])
    wider = graph.with_features("author", torch.randn(NUM_AUTHORS, 3))
    for other, what in ((lacking, "edge types"), (wider, "features of 'author'")):
        with pytest.raises(DataError, match=f"made for another graph: {what}"):
            model.prepare(make_task(wrap(other)), seeds=SEEDS)


def test_same_seed_same_result(name: str, dataset: Dataset) -> None:
    def train(seed: int) -> tuple[dict[str, Tensor], dict[str, float]]:
        seeds = Seeds.from_seed(seed)
        task = make_task(dataset, seeds=seeds)
        torch.manual_seed(seeds.key("init"))
        cls = models.get(name)
        model = cls(task.graph.schema, task.spec, cls.Config())
        result = Trainer(FAST, seeds=seeds, progress=False).fit(model, task)
        return model.state_dict(), result.metrics["test"]

    (one, one_scores), (two, two_scores), (other, _) = train(1), train(1), train(2)
    assert one_scores == two_scores
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_interrupted_and_resumed_is_the_same(name: str, dataset: Dataset, tmp_path: Path) -> None:
    config = replace(FAST, checkpoint_batches=1)

    def train(out: Path, *, stop_at: int | None = None, resume: bool = False) -> Model:
        task = make_task(dataset, seeds=SEEDS)
        model = build(name, task)
        step, calls = model.training_step, iter(range(10**6))

        def interrupted(batch: Any, *, stage: Stage) -> Any:
            if next(calls) == stop_at:
                raise KeyboardInterrupt
            return step(batch, stage=stage)

        model.training_step = interrupted  # type: ignore[method-assign]
        trainer = Trainer(config, seeds=SEEDS, out=out, progress=False)
        if stop_at is None:
            trainer.fit(model, task, resume=resume)
        else:
            with pytest.raises(KeyboardInterrupt):
                trainer.fit(model, task)
        return model

    whole = train(tmp_path / "whole").state_dict()
    train(tmp_path / "parts", stop_at=4)  # Three batches an epoch: in the middle of the second.
    resumed = train(tmp_path / "parts", resume=True).state_dict()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_labels_of_held_out_nodes_change_nothing(name: str, dataset: Dataset) -> None:
    """Permuting validation and test labels leaves the training loss as it was."""
    labels = dataset.labels
    assert labels is not None
    target = labels.target.clone()
    target[20:] = target[20:].roll(1)
    other = replace(dataset, labels=replace(labels, target=target))
    losses = []
    for one in (dataset, other):
        task = make_task(one)
        model = build(name, task).train()
        batch, stage = first_batch(model, task)
        torch.manual_seed(0)
        losses.append(model.training_step(batch, stage=stage).total)
    assert torch.equal(*losses)
