"""What every registered recommender must hold, run for each of them by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, LinkSplit
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import DataError
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import audit, make_task

NAMES = [name for name in models.names() if "recommendation" in models.get(name).tasks]
TRAINED = [name for name in NAMES if name != "popularity"]
USERS, ITEMS = 14, 22
BUY, VIEW = EdgeType("user", "buy", "item"), EdgeType("user", "view", "item")
SEEDS = Seeds.from_seed(0)


def make_dataset(seed: int = 0, order: Tensor | None = None, *, viewed: bool = True) -> Dataset:
    """Users 0 to 11 buy and view, 12 only views, 13 does nothing; ``order`` renames users."""
    generator = torch.Generator().manual_seed(seed)
    buy = torch.rand(USERS, ITEMS, generator=generator) < 0.2
    view = torch.rand(USERS, ITEMS, generator=generator) < (0.3 if viewed else 0.0)
    buy[12:] = False
    view[13:] = False
    buy[:, ITEMS - 1] = view[:, ITEMS - 1] = False  # an item that nobody knows
    free = (~buy & ~view).float()
    test = torch.stack([torch.arange(10), free[:10].multinomial(1, generator=generator)[:, 0]])
    users = torch.arange(USERS) if order is None else order
    relations: dict[EdgeType, Relation] = {}
    pairs = []
    for key, chosen in ((BUY, buy), (VIEW, view)):
        src, dst = chosen.nonzero(as_tuple=True)
        time = src * 100 + (dst * 7) % 22
        relations[key] = Relation.from_edges(users[src], dst, USERS, ITEMS, edge_time=time)
        back = EdgeType("item", f"rev_{key.name}", "user")
        relations[back] = relations[key].transpose
        pairs.append((key, back))
    counts = {"user": USERS, "item": ITEMS}
    graph = HeteroGraph(num_nodes=counts, relations=relations, reverses=tuple(pairs))
    held = torch.stack([users[test[0]], test[1]])
    links = {"default": LinkSplit(BUY, None, held)}
    return Dataset("toy/shop", graph, links=links, task="recommendation")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each registered recommender in turn."""
    return str(request.param)


@pytest.fixture(params=TRAINED)
def trained(request: pytest.FixtureRequest) -> str:
    """The name of each one that has parameters."""
    return str(request.param)


@pytest.fixture
def contract(contract_of: Callable[..., Any]) -> Any:
    """What can be done with a model, with the tasks of the toy shop."""
    return contract_of(lambda seeds: make_task(make_dataset(), seeds=seeds), monitor="recall@20")


def test_shapes_and_scores(name: str, contract: Any) -> None:
    task = make_task(make_dataset())
    audit(task)
    model = contract.build(name, task)
    found = contract.predict(model, task)
    assert found.shape[0] == USERS + ITEMS
    assert bool(torch.isfinite(found).all())
    for part in ("train", "valid", "test"):
        scores = task.score(found, part)
        assert set(scores) == {"loss", "recall@20", "ndcg@20", "hits@20", "mrr"}
        with torch.no_grad():
            embedded = model.embed(model.prepare(task, seeds=SEEDS), part)
        assert embedded.shape[0] == task.index(part).numel()
    assert models.get(name).citation
    for row in model.relevance(model.prepare(task, seeds=SEEDS)):
        assert row.node_type in ("user", "item")
        assert row.weight == row.weight


def test_gradients_reach_every_parameter(trained: str, contract: Any) -> None:
    assert not contract.dead_parameters(trained, batch_size=100)


def test_numbers_of_users_do_not_matter(trained: str, contract: Any) -> None:
    order = torch.randperm(USERS, generator=torch.Generator().manual_seed(5))
    task, other = make_task(make_dataset()), make_task(make_dataset(order=order))
    model = contract.build(trained, task)
    moved = contract.build(trained, other)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    for key, value in state.items():
        if value.shape[:1] == (USERS + ITEMS,):
            state[key][order] = value[:USERS].clone()
    moved.load_state_dict(state)
    found, expected = contract.predict(moved, other), contract.predict(model, task)
    torch.testing.assert_close(found[order], expected[:USERS], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[USERS:], expected[USERS:], rtol=1e-4, atol=1e-5)
    assert task.score(expected, "test") == pytest.approx(other.score(found, "test"))


def test_a_behaviour_without_edges(name: str, contract: Any) -> None:
    task = make_task(make_dataset(viewed=False))
    assert bool(torch.isfinite(contract.predict(contract.build(name, task), task)).all())


def test_an_empty_batch_is_harmless(trained: str, contract: Any) -> None:
    contract.check_empty_batch(trained)


def test_saved_models_predict_the_same(name: str, contract: Any, tmp_path: Path) -> None:
    contract.check_saving(name, tmp_path / "model")


def test_another_graph_is_refused(name: str, contract: Any) -> None:
    dataset = make_dataset()
    model = contract.build(name, make_task(dataset))
    lacking = replace(dataset, graph=dataset.graph.without_relation(VIEW))
    with pytest.raises(DataError, match="made for another graph: edge types"):
        model.prepare(make_task(lacking), seeds=SEEDS)


def test_same_seed_same_result(name: str, contract: Any) -> None:
    contract.check_seeds(name)


def test_interrupted_and_resumed_is_the_same(trained: str, contract: Any, tmp_path: Path) -> None:
    contract.check_resuming(trained, tmp_path, stop_at=7)


def test_held_out_purchases_change_nothing(trained: str, contract: Any) -> None:
    """Other test purchases leave the training loss as it was."""
    dataset = make_dataset()
    link = dataset.links["default"]
    other = replace(link, test=torch.stack([link.test[0], link.test[1].flip(0)]))
    sets = (dataset, replace(dataset, links={"default": other}))
    losses = [contract.first_loss(trained, make_task(one)) for one in sets]
    assert torch.equal(*losses)
