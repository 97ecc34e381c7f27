"""What few-shot classification adds to the contract of every method, run for each by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset, Labels
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError
from hetgraph.methods import offers
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

OFFERED = [offer.model for offer in offers() if offer.family == "few-shot" and not offer.reason]
NAMES = [name for name in OFFERED if models.get(name).refuses("node-classification")]
"""Those that the contract of node classification does not have."""
TRAINED = [name for name in NAMES if name != "prototype"]
SEEDS = Seeds.from_seed(0)
SIZE, CLASSES = 107, 3


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each method for few shots alone, in turn."""
    return str(request.param)


@pytest.fixture(params=TRAINED)
def trained(request: pytest.FixtureRequest) -> str:
    """The name of each one that has parameters."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def dataset(random_graph: Callable[..., HeteroGraph]) -> Dataset:
    """Papers with features, the last of them without an edge."""
    index = torch.arange(SIZE)
    labels = Labels("paper", CLASSES, index, index % CLASSES)
    return Dataset("toy/few", random_graph(num_nodes=SIZE - 7, num_edges=250), labels)


def few(dataset: Dataset, seeds: Seeds = SEEDS) -> Task:
    options = {"shots": 4, "test_fraction": 0.5}
    return make_task(dataset, seeds=seeds, options=options, family="few-shot")


@pytest.fixture
def contract(
    contract_of: Callable[..., Any], dataset: Dataset, small_settings: Mapping[str, Any]
) -> Any:
    """What can be done with a method, with the tasks of the data set.

    The settings have no experts of other graphs; the tests of that method have some.
    """
    return contract_of(lambda seeds: few(dataset, seeds), batch_size=4, settings=small_settings)


@pytest.mark.parametrize("name", OFFERED, indirect=True)
def test_shapes_and_scores(name: str, contract: Any, dataset: Dataset) -> None:
    task = few(dataset)
    assert task.audit().checks
    model = contract.build(name, task)
    inputs = model.prepare(task, seeds=SEEDS)
    for split in ("train", "valid", "test"):
        found = contract.predictions(model, task, split)
        assert task.to_tensor(found, split).shape == (task.index(split).numel(), CLASSES)
        assert all(value == value for value in task.score(found, split).values())
        with torch.no_grad():
            assert bool(torch.isfinite(model.embed(inputs, split)).all())
    assert model.citation
    assert all(row.weight == row.weight for row in model.relevance(inputs))
    assert (model.stages() == ()) == (not model.num_parameters())


def test_gradients_reach_every_parameter(trained: str, contract: Any) -> None:
    dead = contract.dead_parameters(trained, batch_size=100)
    # One encoder has nothing to be weighed against.
    assert set(dead) <= {"fusion.temperature"}


def test_the_order_of_edges_does_not_matter(name: str, contract: Any, dataset: Dataset) -> None:
    shuffled = {}
    for key, relation in dataset.graph.relations.items():
        src, dst = relation.edges()
        order = torch.randperm(src.numel())
        ends = (relation.num_src, relation.num_dst)
        shuffled[key] = Relation.from_edges(src[order], dst[order], *ends)
    other = replace(dataset, graph=dataset.graph.replace(relations=shuffled))
    model = contract.build(name, few(dataset))
    assert torch.equal(contract.predict(model, few(dataset)), contract.predict(model, few(other)))


def test_the_order_of_nodes_does_not_matter(name: str, contract: Any, dataset: Dataset) -> None:
    counts, labels = dataset.graph.num_nodes, dataset.labels
    assert labels is not None
    take = {key: torch.randperm(n) for key, n in counts.items()}
    place = take["paper"].argsort()
    turned = replace(
        dataset,
        graph=dataset.graph.subgraph(take),
        targets=replace(labels, index=place[labels.index]),
    )
    task, other = few(dataset), few(turned)
    same: dict[str, Any] = {split: place[task.index(split)] for split in ("train", "valid", "test")}
    other._splits = same  # type: ignore[attr-defined]
    model = contract.build(name, task)
    torch.testing.assert_close(
        contract.predict(model, task), contract.predict(model, other), rtol=1e-3, atol=1e-4
    )


def test_any_type_names_work(name: str, contract: Any, dataset: Dataset) -> None:
    graph, labels = dataset.graph, dataset.labels
    assert labels is not None
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
    turned = replace(dataset, graph=renamed, targets=replace(labels, node_type="__paper__"))
    task, other = few(dataset), few(turned)
    found = contract.predict(contract.build(name, other), other)
    expected = contract.predict(contract.build(name, task), task)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_labels_of_held_out_nodes_change_nothing(
    name: str, contract: Any, dataset: Dataset
) -> None:
    task, other = few(dataset), few(dataset)
    valid = other.index("valid")
    other._labels[valid] = (other.labels[valid] + 1) % CLASSES  # type: ignore[attr-defined]
    assert bool((task.labels[task.index("test")] == -1).all())
    model = contract.build(name, task)
    assert torch.equal(contract.predict(model, task), contract.predict(model, other))


def test_an_empty_batch_is_harmless(trained: str, contract: Any) -> None:
    contract.check_empty_batch(trained)


def test_saved_models_predict_the_same(name: str, contract: Any, tmp_path: Path) -> None:
    contract.check_saving(name, tmp_path / "model")


def test_same_seed_same_result(trained: str, contract: Any) -> None:
    one, other = contract.check_seeds(trained)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_interrupted_and_resumed_is_the_same(trained: str, contract: Any, tmp_path: Path) -> None:
    contract.check_resuming(trained, tmp_path / "runs", stop_at=4)  # in the second epoch


def test_another_graph_is_refused(name: str, contract: Any, dataset: Dataset) -> None:
    model = contract.build(name, few(dataset))
    graph = dataset.graph.with_features("paper", torch.randn(SIZE, 2))
    with pytest.raises(DataError, match="made for another graph"):
        model.prepare(few(replace(dataset, graph=graph)), seeds=SEEDS)


@pytest.mark.parametrize("name", OFFERED, indirect=True)
def test_an_own_loss_is_trained_by_or_refused(name: str, contract: Any, dataset: Dataset) -> None:
    own = few(dataset).with_functions(loss=lambda logits, target: logits.square().mean() + 7)
    if contract.build(name, own).reads_task_loss:
        assert float(contract.first_loss(name, own).detach()) > 6.5
    else:
        with pytest.raises(ConfigError, match=r"'prototype' does not .* so loss= would not be"):
            contract.build(name, own).prepare(own, seeds=SEEDS)
