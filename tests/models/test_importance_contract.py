"""What every registered model of node importance must hold, run for each of them by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import DataError, SchemaError
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import audit, make_task

NAMES = [name for name in models.names() if "node-importance" in models.get(name).tasks]
FLOORS = ("constant", "degree", "hyperedge_mean", "pagerank", "personalized_pagerank")
TRAINED = [name for name in NAMES if name not in FLOORS]
NEED_EDGES = ("gat", "geni", "rgcn")
DRAWN = ("metahgnie",)
"""Walks are drawn in the order of the nodes, so these vectors change with it."""
SEEDS = Seeds.from_seed(0)

Make = Callable[..., Dataset]

pytestmark = pytest.mark.filterwarnings("ignore:every node is in exactly one hyperedge")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each registered model in turn."""
    return str(request.param)


@pytest.fixture(params=TRAINED)
def trained(request: pytest.FixtureRequest) -> str:
    """The name of each one that has parameters."""
    return str(request.param)


@pytest.fixture
def dataset(importance_dataset: Make) -> Dataset:
    return importance_dataset()


@pytest.fixture
def contract(contract_of: Callable[..., Any], dataset: Dataset) -> Any:
    """What can be done with a model, with the tasks of the data set."""
    return contract_of(
        lambda seeds: make_task(dataset, seeds=seeds), monitor="spearman", batch_size=16
    )


def test_shapes_and_scores(name: str, contract: Any, dataset: Dataset) -> None:
    task = make_task(dataset)
    audit(task)
    model = contract.build(name, task)
    inputs = model.prepare(task, seeds=SEEDS)
    for part in ("train", "valid", "test"):
        found = contract.predict(model, task, part)
        assert found.shape == (task.index(part).numel(), 1)
        assert all(value == value for value in task.score(found, part).values())
        with torch.no_grad():
            assert model.embed(inputs, part).shape[0] == found.shape[0]
    assert model.citation
    assert all(row.weight == row.weight for row in model.relevance(inputs))
    assert (model.stages() == ()) == (name in FLOORS) == (not model.num_parameters())


def test_gradients_reach_every_parameter(trained: str, contract: Any) -> None:
    assert not contract.dead_parameters(trained, batch_size=100)


def test_values_of_held_out_nodes_change_nothing(
    name: str, contract: Any, dataset: Dataset
) -> None:
    """Other validation and test values leave trained predictions as they were."""
    task, values = make_task(dataset), dataset.values
    assert values is not None
    target = values.target.clone()
    held = torch.cat([task.index("valid"), task.index("test")])
    target[held] = target[held].flip(0) + 5
    other = make_task(replace(dataset, values=replace(values, target=target)))
    assert torch.equal(
        contract.predict(contract.build(name, task), task),
        contract.predict(contract.build(name, other), other),
    )


def test_the_order_of_edges_does_not_matter(name: str, contract: Any, dataset: Dataset) -> None:
    shuffled = {}
    for key, relation in dataset.graph.relations.items():
        src, dst = relation.edges()
        order = torch.randperm(src.numel())
        ends = (relation.num_src, relation.num_dst)
        shuffled[key] = Relation.from_edges(src[order], dst[order], *ends)
    graph = dataset.graph.replace(relations=shuffled)
    task, other = make_task(dataset), make_task(replace(dataset, graph=graph))
    model = contract.build(name, task)
    assert torch.equal(contract.predict(model, task), contract.predict(model, other))


def test_numbers_of_hyperedges_do_not_matter(name: str, contract: Any, dataset: Dataset) -> None:
    groups = dataset.hypergraphs["groups"]
    turned = groups.take(torch.arange(groups.num_edges).flip(0))
    task = make_task(dataset)
    other = make_task(replace(dataset, hypergraphs={"groups": turned}))
    model = contract.build(name, task)
    torch.testing.assert_close(contract.predict(model, task), contract.predict(model, other))


def test_bare_inputs_work(name: str, contract: Any, importance_dataset: Make) -> None:
    """Without edges, or without a hypergraph; a model that reads edges says so."""
    for options in ({"edges": False}, {"sets": False}):
        task = make_task(importance_dataset(**options))
        if name in NEED_EDGES and not task.graph.num_edges:
            with pytest.raises(SchemaError, match="no relation arrives"):
                contract.build(name, task)
        else:
            assert bool(torch.isfinite(contract.predict(contract.build(name, task), task)).all())


def test_the_order_of_nodes_does_not_matter(name: str, contract: Any, dataset: Dataset) -> None:
    if name in DRAWN:
        pytest.skip("its walks are drawn in the order of the nodes; the layers are tested alone")
    counts, values = dataset.graph.num_nodes, dataset.values
    assert values is not None
    take = {key: torch.randperm(n) for key, n in counts.items()}
    place = take["item"].argsort()
    groups = dataset.hypergraphs["groups"]
    joint = torch.cat([take["item"], take["tag"] + counts["item"]]).argsort()
    nodes, edges = groups.incidence.coo()
    moved = type(groups).from_pairs(joint[nodes.long()], edges, groups.edge_type, num_nodes=counts)
    turned = replace(
        dataset,
        graph=dataset.graph.subgraph(take),
        hypergraphs={"groups": moved},
        values=replace(values, index=place[values.index]),
    )
    task, other = make_task(dataset), make_task(turned)
    same: dict[str, Any] = {part: place[task.index(part)] for part in ("train", "valid", "test")}
    known = task.labels.clone()
    other._labels[place] = known  # the same nodes in the same parts
    other._splits = same  # type: ignore[attr-defined]
    model = contract.build(name, task)
    torch.testing.assert_close(
        contract.predict(model, task), contract.predict(model, other), rtol=1e-3, atol=1e-4
    )


def test_any_type_names_work(name: str, contract: Any, dataset: Dataset) -> None:
    graph, values, new = dataset.graph, dataset.values, {"item": "i.t m", "tag": "__tag__/δ"}
    assert values is not None
    edge = {
        key: EdgeType(new[key.src], f"{key.name}.x__y", new[key.dst]) for key in graph.relations
    }
    renamed = HeteroGraph(
        num_nodes={new[key]: n for key, n in graph.num_nodes.items()},
        relations={edge[key]: relation for key, relation in graph.relations.items()},
        features={new[key]: x for key, x in graph.features.items()},
        reverses=[(edge[a], edge[b]) for a, b in graph.schema.reverses],
    )
    groups = dataset.hypergraphs["groups"]
    turned = replace(
        dataset,
        graph=renamed,
        values=replace(values, node_type=new["item"]),
        hypergraphs={"groups": replace(groups, node_types=renamed.num_nodes)},
    )
    task, other = make_task(dataset), make_task(turned)
    model, twin = contract.build(name, task), contract.build(name, other)
    assert twin.num_parameters() == model.num_parameters()
    assert torch.equal(contract.predict(model, task), contract.predict(twin, other))


def test_an_empty_relation_works(name: str, contract: Any, dataset: Dataset) -> None:
    graph = dataset.graph
    key = graph.schema.edge_type("near")
    emptied = graph.without_edges(key, *graph.relations[key].edges())
    task = make_task(replace(dataset, graph=emptied))
    assert bool(torch.isfinite(contract.predict(contract.build(name, task), task)).all())


def test_isolated_nodes_work(name: str, contract: Any, dataset: Dataset) -> None:
    """The last item has no edge and no hyperedge; here it has a value, too."""
    values = dataset.values
    assert values is not None
    index = torch.arange(dataset.graph.num_nodes["item"])
    more = torch.cat([values.target, torch.ones(len(index) - len(values.index)).double()])
    task = make_task(replace(dataset, values=replace(values, index=index, target=more)))
    found = torch.cat(
        [
            contract.predict(contract.build(name, task), task, part)
            for part in ("train", "valid", "test")
        ]
    )
    assert found.shape == (len(index), 1)
    assert bool(torch.isfinite(found).all())


def test_an_empty_batch_is_harmless(trained: str, contract: Any) -> None:
    contract.check_empty_batch(trained)


def test_saved_models_predict_the_same(name: str, contract: Any, tmp_path: Path) -> None:
    contract.check_saving(name, tmp_path / "model")


def test_same_seed_same_result(trained: str, contract: Any) -> None:
    one, other = contract.check_seeds(trained)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_interrupted_and_resumed_is_the_same(trained: str, contract: Any, tmp_path: Path) -> None:
    contract.check_resuming(trained, tmp_path, stop_at=4)  # three batches an epoch: in the second


def test_another_graph_is_refused(name: str, contract: Any, dataset: Dataset) -> None:
    model = contract.build(name, make_task(dataset))
    graph = dataset.graph.with_features("item", torch.randn(60, 2))
    with pytest.raises(DataError, match="made for another graph"):
        model.prepare(make_task(replace(dataset, graph=graph)), seeds=SEEDS)


def test_neither_edges_nor_hyperedges_is_told(contract: Any, importance_dataset: Make) -> None:
    task = make_task(importance_dataset(edges=False, sets=False))
    for name in ("degree", "pagerank", "personalized_pagerank", "hyperedge_mean"):
        with pytest.raises(DataError, match="no edges"):
            contract.build(name, task).prepare(task, seeds=SEEDS)
