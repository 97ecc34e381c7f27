"""What recommendation adds to the contract of every method, run for each of them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset
from hetgraph.methods import offers
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task

NAMES = [offer.model for offer in offers() if offer.family == "recommendation" and not offer.reason]
SEEDS = Seeds.from_seed(0)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each registered recommender in turn."""
    return str(request.param)


@pytest.fixture
def dataset(shop: Callable[..., Dataset]) -> Dataset:
    return shop("recommendation")


@pytest.fixture
def contract(
    contract_of: Callable[..., Any], dataset: Dataset, small_settings: Mapping[str, Any]
) -> Any:
    """What can be done with a method, with the tasks of the data set."""
    return contract_of(
        lambda seeds: make_task(dataset, seeds=seeds),
        monitor="recall@20",
        settings=small_settings,
    )


def test_scores_are_products_of_vectors_of_all_users_and_items(
    name: str, contract: Any, dataset: Dataset
) -> None:
    task = make_task(dataset)
    model = contract.build(name, task)
    vectors = contract.predict(model, task)
    users = task.graph.num_nodes["user"]
    assert vectors.shape[0] == users + task.graph.num_nodes["item"]
    products = vectors[:users] @ vectors[users:].T
    torch.testing.assert_close(
        contract.outputs(model, task).squeeze(2), products, rtol=1e-4, atol=1e-5
    )


def test_a_negative_is_no_purchase_of_the_user(contract: Any, dataset: Dataset) -> None:
    task = make_task(dataset)
    batch, _ = contract.first_batch(contract.build("gat", task), task, batch_size=1000)
    samples = batch.samples
    bought = set(map(tuple, task.labels.T.tolist()))
    assert set(map(tuple, samples.pairs.T.tolist())) == bought
    assert torch.equal(samples.pairs[0], samples.negatives[0])
    assert not set(map(tuple, samples.negatives.T.tolist())) & bought


def test_a_graph_of_users_and_items_alone(name: str, contract: Any, dataset: Dataset) -> None:
    """As published data sets are: two types without features, and behaviours."""
    graph = dataset.graph.replace(features={})
    for relation in ("near", "tagged"):
        key = graph.schema.edge_type(relation)
        back = graph.schema.reverse_of(key)
        graph = graph.without_relation(key)
        graph = graph if back not in graph.relations else graph.without_relation(back)
    kept = {name: graph.num_nodes[name] for name in ("user", "item")}
    graph = type(graph)(num_nodes=kept, relations=graph.relations, reverses=graph.schema.reverses)
    alone = Dataset("toy/shop", graph, dataset.targets, task="recommendation")
    contract.check_works(name, make_task(alone))
