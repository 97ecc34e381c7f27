"""What node importance adds to the contract of every method, run for each of them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset
from hetgraph.errors import DataError, MetaPathError, SchemaError
from hetgraph.methods import offers
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task

NAMES = [
    offer.model for offer in offers() if offer.family == "node-importance" and not offer.reason
]
FAMILIES = ("node-importance", "node-regression")
NEED_EDGES = (
    *("diffgraph", "gat", "geni", "han", "hgt", "latte", "rgcn", "rphgnn", "sehgnn", "simple_hgn"),
)
SEEDS = Seeds.from_seed(0)

Make = Callable[..., Dataset]

pytestmark = pytest.mark.filterwarnings("ignore:every node is in exactly one hyperedge")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each registered model in turn."""
    return str(request.param)


@pytest.fixture
def dataset(importance_dataset: Make) -> Dataset:
    """Hyperedges overlap, and some nodes have no value."""
    return importance_dataset()


@pytest.fixture
def contract(
    contract_of: Callable[..., Any], dataset: Dataset, small_settings: Mapping[str, Any]
) -> Any:
    """What can be done with a method, with the tasks of the data set."""
    return contract_of(lambda seeds: make_task(dataset, seeds=seeds), settings=small_settings)


def test_predictions_begin_at_the_mean_of_the_training_values(
    contract: Any, dataset: Dataset
) -> None:
    """Of methods that bring no output of their own: the head adds it."""
    for family in FAMILIES:
        task = make_task(dataset, family=family)
        model = contract.build("mlp", task)
        known = task.labels[task.index("train")]
        with torch.no_grad():
            for parameter in model.head.parameters():
                parameter.zero_()
        expected = known.double().mean().float().expand(len(known), 1)
        torch.testing.assert_close(contract.predict(model, task, "train"), expected)


def test_node_regression_is_scored_on_the_scale_of_the_values(
    name: str, contract: Any, dataset: Dataset
) -> None:
    """The family has all methods of node importance, but draws its splits and scales values."""
    task = make_task(dataset, family="node-regression")
    scores = task.score(contract.predictions(contract.build(name, task), task), "test")
    assert set(scores) == set(task.monitors)
    assert all(value == value for value in scores.values())
    contract.check_works(name, task)


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
            with pytest.raises(
                (MetaPathError, SchemaError), match=r"no (relation|meta-path|edges)"
            ):
                contract.build(name, task)
        else:
            contract.check_works(name, task)


def test_neither_edges_nor_hyperedges_is_told(contract: Any, importance_dataset: Make) -> None:
    task = make_task(importance_dataset(edges=False, sets=False))
    for name in ("degree", "pagerank", "personalized_pagerank", "hyperedge_mean"):
        with pytest.raises(DataError, match="no edges"):
            contract.build(name, task).prepare(task, seeds=Seeds())
