"""What link prediction adds to the contract of every method, run for each of them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset
from hetgraph.data import EdgeType
from hetgraph.errors import ConfigError, DataError
from hetgraph.methods import offers
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

NAMES = [
    offer.model for offer in offers() if offer.family == "link-prediction" and not offer.reason
]
SEEDS = Seeds.from_seed(0)
BUYS, NEAR = EdgeType("user", "buys", "item"), EdgeType("item", "near", "item")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each registered link predictor in turn."""
    return str(request.param)


@pytest.fixture
def dataset(shop: Callable[..., Dataset]) -> Dataset:
    """Links between two types."""
    return shop("link-prediction", BUYS)


@pytest.fixture
def within(shop: Callable[..., Dataset]) -> Dataset:
    """Links within a type."""
    return shop("link-prediction", NEAR)


def made(dataset: Dataset, seeds: Seeds = SEEDS, **options: Any) -> Task:
    return make_task(dataset, seeds=seeds, options={"negatives": "uniform", **options})


@pytest.fixture
def contract(
    contract_of: Callable[..., Any], dataset: Dataset, small_settings: Mapping[str, Any]
) -> Any:
    """What can be done with a method, with the tasks of the data set."""
    return contract_of(lambda seeds: made(dataset, seeds), settings=small_settings)


def test_products_of_both_ends_sum_to_the_scores(
    name: str, contract: Any, dataset: Dataset
) -> None:
    task = made(dataset)
    model = contract.build(name, task)
    for split in ("train", "valid", "test"):
        found = contract.predict(model, task, split)
        assert found.shape == task.index(split)[0].shape
        with torch.no_grad():
            embedded = model.embed(model.prepare(task, seeds=SEEDS), split)
        torch.testing.assert_close(embedded.sum(1), found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("asked", ["dataset", "within"])
@pytest.mark.parametrize("name", ["gat", "mlp"], indirect=True)
def test_negatives_are_typed_and_not_learned_links(
    name: str, contract: Any, request: pytest.FixtureRequest, asked: str
) -> None:
    """With a method that is asked for all nodes, whose ids are rows, and one that is not."""
    task = made(request.getfixturevalue(asked))
    model = contract.build(name, task)
    batch, _ = contract.first_batch(model, task, batch_size=1000)
    key, samples = task.spec.edge_types[0], batch.samples

    def ids(pairs: torch.Tensor) -> torch.Tensor:
        seeds = [samples.seeds[key.src], samples.seeds[key.dst]]
        ends = zip(pairs, seeds, strict=True)
        return torch.stack([row if known is None else known[row] for row, known in ends])

    pairs, negatives = ids(samples.pairs), ids(samples.negatives)
    links = sorted(map(tuple, task.labels.T.tolist()))
    assert sorted(map(tuple, pairs.T.tolist())) == links
    assert torch.equal(pairs[0], negatives[0])
    assert not set(map(tuple, negatives.T.tolist())) & set(links)
    assert int(negatives[1].max()) < task.graph.num_nodes[key.dst]
    if key.src == key.dst:
        assert bool((negatives[0] != negatives[1]).all())


def test_ranks_among_all_candidates_with_every_decoder(
    name: str, contract: Any, dataset: Dataset
) -> None:
    """The filtered protocol, trained by a softmax over all candidates."""
    for decoder in ("dot", "distmult", "complex"):
        task = made(dataset, protocol="filtered", loss="softmax", decoder=decoder)
        model = contract.build(name, task)
        scores = task.score(contract.predictions(model, task), "test")
        assert 0 < scores["mrr"] <= 1
        batch, stage = contract.first_batch(model.train(), task)
        loss = model.training_step(batch, stage=stage).total
        loss.backward()
        assert bool(torch.isfinite(loss))


def test_another_relation_is_refused(name: str, contract: Any, dataset: Dataset) -> None:
    model = contract.build(name, made(dataset))
    links = dataset.links["links"]
    other = replace(links, edge_types=(EdgeType("user", "views", "item"),))
    with pytest.raises(DataError, match="made for another graph: relation to predict"):
        model.prepare(made(replace(dataset, targets=other)), seeds=SEEDS)


def test_users_and_items_are_two_types(contract: Any, within: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"one relation between two node types.*another model"):
        contract.build("lightgcn", made(within))


def test_the_weights_of_relations_are_not_negative(
    name: str, contract: Any, dataset: Dataset
) -> None:
    task = made(dataset)
    model = contract.build(name, task)
    rows = model.relevance(model.prepare(task, seeds=SEEDS))
    assert all(row.weight >= 0 for row in rows)
