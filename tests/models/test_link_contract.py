"""What every registered link predictor must hold, run for each of them by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, LinkSplit
from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.errors import DataError
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import LinkPrediction, Task, audit, make_task

NAMES = [name for name in models.names() if "link-prediction" in models.get(name).tasks]
SEEDS = Seeds.from_seed(0)
WRITES, WRITTEN = EdgeType("author", "writes", "paper"), EdgeType("paper", "written_by", "author")
CITES = EdgeType("paper", "cites", "paper")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each registered link predictor in turn."""
    return str(request.param)


@pytest.fixture(params=["writes", "cites"])
def dataset(request: pytest.FixtureRequest, random_graph: Callable[..., HeteroGraph]) -> Dataset:
    """Links between two types, and within one; featured types only."""
    graph = random_graph(num_nodes=20, num_edges=60)
    terms = torch.randn(graph.num_nodes["term"], 4, generator=torch.Generator().manual_seed(1))
    graph = graph.with_features("term", CSR.from_dense(terms)).with_reverses()
    return hold_out(graph, graph.schema.edge_type(request.param))


def hold_out(graph: HeteroGraph, key: EdgeType) -> Dataset:
    """Every fifth link is for testing, the one after for validation."""
    src, dst = graph.relations[key].edges()
    codes = torch.unique(src * 1000 + dst)
    pairs = torch.stack([codes // 1000, codes % 1000])
    valid, test = pairs[:, 1::5], pairs[:, ::5]
    graph = graph.without_edges(key, *torch.cat([valid, test], dim=1))
    return wrap(graph, key, valid, test)


def wrap(graph: HeteroGraph, key: EdgeType, valid: Tensor, test: Tensor) -> Dataset:
    links = {"default": LinkSplit(key, valid, test)}
    return Dataset("toy/links", graph, links=links, task="link-prediction")


def with_graph(dataset: Dataset, graph: HeteroGraph) -> Dataset:
    return replace(dataset, graph=graph)


def made(dataset: Dataset, seeds: Seeds = SEEDS) -> Task:
    return make_task(dataset, seeds=seeds, options={"negatives": "uniform"})


@pytest.fixture
def contract(contract_of: Callable[..., Any], dataset: Dataset) -> Any:
    """What can be done with a model, with the tasks of the data set."""
    return contract_of(lambda seeds: made(dataset, seeds), monitor="roc_auc", batch_size=24)


def test_shapes_and_scores(name: str, contract: Any, dataset: Dataset) -> None:
    task = made(dataset)
    assert audit(task).checks
    model = contract.build(name, task)
    for part in ("train", "valid", "test"):
        found = contract.predict(model, task, part)
        assert found.shape == task.index(part)[0].shape
        assert set(task.score(found, part)) == {"loss", "roc_auc", "mrr"}
        with torch.no_grad():
            embedded = model.embed(model.prepare(task, seeds=SEEDS), part)
        torch.testing.assert_close(embedded.sum(1), found, rtol=1e-4, atol=1e-5)
    assert models.get(name).citation
    rows = model.relevance(model.prepare(task, seeds=SEEDS))
    assert rows
    assert all(row.node_type in task.graph.num_nodes and row.weight >= 0 for row in rows)


def test_gradients_reach_every_parameter(name: str, contract: Any) -> None:
    assert not contract.dead_parameters(name, batch_size=100)


def test_negatives_are_typed_and_not_learned_links(
    name: str, contract: Any, dataset: Dataset
) -> None:
    task = made(dataset)
    model = contract.build(name, task)
    batch, _ = contract.first_batch(model, task, batch_size=1000)
    links = set(map(tuple, task.labels.T.tolist()))
    assert sorted(map(tuple, batch.rows.T.tolist())) == sorted(map(tuple, task.labels.T.tolist()))
    assert torch.equal(batch.rows[0], batch.negatives[0])
    assert not set(map(tuple, batch.negatives.T.tolist())) & links
    key = task.spec.edge_type
    assert key is not None
    assert int(batch.negatives[1].max()) < task.graph.num_nodes[key.dst]
    if key.src == key.dst:
        assert bool((batch.negatives[0] != batch.negatives[1]).all())


def test_order_of_edges_does_not_matter(name: str, contract: Any, dataset: Dataset) -> None:
    shuffled = {}
    for key, relation in dataset.graph.relations.items():
        src, dst = relation.edges()
        order = torch.randperm(src.numel())
        shuffled[key] = Relation.from_edges(
            src[order], dst[order], relation.num_src, relation.num_dst
        )
    task = made(dataset)
    other = made(with_graph(dataset, dataset.graph.replace(relations=shuffled)))
    model = contract.build(name, task)
    assert torch.equal(contract.predict(model, task), contract.predict(model, other))


def test_order_of_nodes_does_not_matter(name: str, contract: Any, dataset: Dataset) -> None:
    take = {key: torch.randperm(n) for key, n in dataset.graph.num_nodes.items()}
    link = dataset.links["default"]
    to_src, to_dst = (take[one].argsort() for one in (link.edge_type.src, link.edge_type.dst))

    def moved(pairs: Tensor) -> Tensor:
        return torch.stack([to_src[pairs[0]], to_dst[pairs[1]]])

    assert link.valid is not None
    graph = dataset.graph.subgraph(take)
    task, other = (
        made(dataset),
        made(wrap(graph, link.edge_type, moved(link.valid), moved(link.test))),
    )
    assert isinstance(other, LinkPrediction)
    other._pairs["test"] = moved(task.index("test"))  # the same pairs, not others of the same kind
    model = contract.build(name, task)
    torch.testing.assert_close(
        contract.predict(model, task), contract.predict(model, other), rtol=1e-3, atol=1e-4
    )


def test_any_type_names_work(name: str, contract: Any, dataset: Dataset) -> None:
    graph, link = dataset.graph, dataset.links["default"]
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
    assert link.valid is not None
    task = made(dataset)
    other = made(wrap(renamed, edge[link.edge_type], link.valid, link.test))
    model, twin = contract.build(name, task), contract.build(name, other)
    assert twin.num_parameters() == model.num_parameters()
    assert torch.equal(contract.predict(model, task), contract.predict(twin, other))


def test_an_empty_relation_works(name: str, contract: Any, dataset: Dataset) -> None:
    """The relations besides the one to predict and its reverse."""
    graph, key = dataset.graph, dataset.links["default"].edge_type
    for other in graph.edge_types:
        if other not in (key, graph.schema.reverse_of(key)):
            graph = graph.without_edges(other, *graph.relations[other].edges())
    task = made(with_graph(dataset, graph))
    model = contract.build(name, task).train()
    batch, stage = contract.first_batch(model, task)
    assert bool(torch.isfinite(model.training_step(batch, stage=stage).total))
    assert bool(torch.isfinite(contract.predict(model, task)).all())


def test_isolated_nodes_and_featureless_types_work(
    name: str, contract: Any, dataset: Dataset
) -> None:
    graph = dataset.graph.with_features("paper", None).with_features("author", None)
    key = dataset.links["default"].edge_type
    assert bool((graph.relations[key].degree == 0).any())
    task = made(with_graph(dataset, graph))
    assert bool(torch.isfinite(contract.predict(contract.build(name, task), task)).all())


def test_an_empty_batch_is_harmless(name: str, contract: Any) -> None:
    contract.check_empty_batch(name)


def test_saved_models_predict_the_same(name: str, contract: Any, tmp_path: Path) -> None:
    contract.check_saving(name, tmp_path / "model")


def test_another_graph_or_relation_is_refused(name: str, contract: Any, dataset: Dataset) -> None:
    model = contract.build(name, made(dataset))
    lacking = with_graph(dataset, dataset.graph.without_relation("has"))
    with pytest.raises(DataError, match="made for another graph: edge types"):
        model.prepare(made(lacking), seeds=SEEDS)
    key = dataset.links["default"].edge_type
    other = CITES if key == WRITES else EdgeType("paper", "rev_cites", "paper")
    target = hold_out(dataset.graph, other)
    with pytest.raises(DataError, match=r"made for another graph: (target|relation to predict)"):
        model.prepare(made(target), seeds=SEEDS)


@pytest.mark.parametrize("dataset", ["writes"], indirect=True)
def test_same_seed_same_result(name: str, contract: Any) -> None:
    one, other = contract.check_seeds(name)
    assert any(not torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("dataset", ["cites"], indirect=True)
def test_interrupted_and_resumed_is_the_same(name: str, contract: Any, tmp_path: Path) -> None:
    contract.check_resuming(name, tmp_path, stop_at=3)  # two batches an epoch: in the second


def test_held_out_links_change_nothing(name: str, contract: Any, dataset: Dataset) -> None:
    """Other test links leave the training loss as it was."""
    link = dataset.links["default"]
    other = replace(link, test=torch.stack([link.test[0], link.test[1].flip(0)]))
    sets = (dataset, replace(dataset, links={"default": other}))
    assert torch.equal(*[contract.first_loss(name, made(one)) for one in sets])
