"""What every registered classifier of nodes must hold, run for each of them by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, NodeLabels, Split
from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.errors import DataError
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task

NUM_AUTHORS, NUM_LABELLED = 40, 36
SEEDS = Seeds.from_seed(0)


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


@pytest.fixture
def contract(contract_of: Callable[..., Any], dataset: Dataset) -> Any:
    """What can be done with a model, with the tasks of the data set."""
    return contract_of(lambda seeds: make_task(dataset, seeds=seeds))


def test_shapes_and_description(name: str, contract: Any, dataset: Dataset) -> None:
    task = make_task(dataset)
    model = contract.build(name, task)
    for part in ("train", "valid", "test"):
        size = task.index(part).numel()
        assert contract.predict(model, task, part).shape == (size, 3)
        with torch.no_grad():
            embedded = model.embed(model.prepare(task, seeds=SEEDS), part)
        assert embedded.shape[0] == size
        assert bool(torch.isfinite(embedded).all())
    assert model.citation
    for row in model.relevance(model.prepare(task, seeds=SEEDS)):
        assert row.node_type in task.graph.num_nodes
        assert row.weight == row.weight


def test_gradients_reach_every_parameter(name: str, contract: Any) -> None:
    assert not contract.dead_parameters(name, batch_size=20)


def test_order_of_edges_does_not_matter(name: str, contract: Any, dataset: Dataset) -> None:
    graph = dataset.graph
    shuffled = {}
    for key, relation in graph.relations.items():
        src, dst = relation.edges()
        order = torch.randperm(src.numel())
        shuffled[key] = Relation.from_edges(
            src[order], dst[order], relation.num_src, relation.num_dst
        )
    task, other = make_task(dataset), make_task(wrap(graph.replace(relations=shuffled)))
    model = contract.build(name, task)
    assert torch.equal(contract.predict(model, task), contract.predict(model, other))


def test_order_of_nodes_does_not_matter(name: str, contract: Any, dataset: Dataset) -> None:
    graph = dataset.graph
    take = {key: torch.randperm(n) for key, n in graph.num_nodes.items()}
    moved_to = take["author"].argsort()
    task = make_task(dataset)
    other = make_task(wrap(graph.subgraph(take), order=moved_to))
    model = contract.build(name, task)
    assert torch.equal(other.index("test"), moved_to[task.index("test")])
    torch.testing.assert_close(
        contract.predict(model, task), contract.predict(model, other), atol=2e-2, rtol=2e-2
    )


def test_any_type_names_work(name: str, contract: Any, dataset: Dataset) -> None:
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
    model, twin = contract.build(name, task), contract.build(name, other)
    assert twin.num_parameters() == model.num_parameters()
    assert bool(torch.isfinite(contract.predict(twin, other)).all())


@pytest.mark.parametrize("relation", ["writes", "cites", "has"])
def test_an_empty_relation_works(name: str, contract: Any, dataset: Dataset, relation: str) -> None:
    graph = dataset.graph
    key = graph.schema.edge_type(relation)
    src, dst = graph.relations[key].edges()
    task = make_task(wrap(graph.without_edges(key, src, dst)))
    model = contract.build(name, task).train()
    batch, stage = contract.first_batch(model, task)
    assert bool(torch.isfinite(model.training_step(batch, stage=stage).total))
    assert bool(torch.isfinite(contract.predict(model, task)).all())


def test_isolated_nodes_and_featureless_types_work(
    name: str, contract: Any, dataset: Dataset
) -> None:
    graph = dataset.graph.with_features("term", None).with_features("author", None)
    task = make_task(wrap(graph))
    isolated = graph.relations[EdgeType("paper", "written_by", "author")].degree == 0
    assert bool(isolated[task.index("test")].any() or isolated.any())
    assert bool(torch.isfinite(contract.predict(contract.build(name, task), task)).all())


def test_an_empty_batch_is_harmless(name: str, contract: Any) -> None:
    contract.check_empty_batch(name)


def test_saved_models_predict_the_same(name: str, contract: Any, tmp_path: Path) -> None:
    contract.check_saving(name, tmp_path / "model")


def test_another_graph_is_refused(name: str, contract: Any, dataset: Dataset) -> None:
    """A saved model meets a graph that lacks a relation, or whose features have another width."""
    graph = dataset.graph
    model = contract.build(name, make_task(dataset))
    lacking = graph.without_relation(graph.edge_types[0])
    wider = graph.with_features("author", torch.randn(NUM_AUTHORS, 3))
    for other, what in ((lacking, "edge types"), (wider, "features of 'author'")):
        with pytest.raises(DataError, match=f"made for another graph: {what}"):
            model.prepare(make_task(wrap(other)), seeds=SEEDS)


def test_same_seed_same_result(name: str, contract: Any) -> None:
    one, other = contract.check_seeds(name)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_interrupted_and_resumed_is_the_same(name: str, contract: Any, tmp_path: Path) -> None:
    # Three batches an epoch: in the middle of the second.
    contract.check_resuming(name, tmp_path, stop_at=4)


def test_labels_of_held_out_nodes_change_nothing(
    name: str, contract: Any, dataset: Dataset
) -> None:
    """Permuting validation and test labels leaves the training loss as it was."""
    labels = dataset.labels
    assert labels is not None
    target = labels.target.clone()
    target[20:] = target[20:].roll(1)
    other = replace(dataset, labels=replace(labels, target=target))
    losses = [contract.first_loss(name, make_task(one)) for one in (dataset, other)]
    assert torch.equal(*losses)
