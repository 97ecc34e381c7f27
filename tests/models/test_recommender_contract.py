"""What every registered recommender must hold, run for each of them by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.data import Dataset, EdgeType, HeteroGraph, LinkSplit, Relation
from hetgraph.errors import DataError
from hetgraph.model import Model, Stage
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, audit, make_task
from hetgraph.train import TrainConfig, Trainer

NAMES = [name for name in models.names() if "recommendation" in models.get(name).tasks]
TRAINED = [name for name in NAMES if name != "popularity"]
USERS, ITEMS = 14, 22
BUY, VIEW = EdgeType("user", "buy", "item"), EdgeType("user", "view", "item")
SEEDS = Seeds.from_seed(0)
FAST = TrainConfig(max_epochs=3, patience=3, batch_size=8, device="cpu", monitor="recall@20")


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


def build(name: str, task: Task) -> Model:
    torch.manual_seed(SEEDS.key("init"))
    cls = models.get(name)
    return cls.for_task(task, cls.Config())


def vectors(model: Model, task: Task) -> Tensor:
    model.eval()
    with torch.no_grad():
        return model.predict(model.prepare(task, seeds=SEEDS), "test")


def first_batch(model: Model, task: Task, **options: Any) -> tuple[Any, Stage]:
    stage = model.stages()[0]
    inputs = model.prepare(task, seeds=SEEDS)
    given = {"stage": stage, "batch_size": 8, "generator": torch.Generator().manual_seed(0)}
    return next(iter(model.batches(inputs, "train", **{**given, **options}))), stage


def test_shapes_and_scores(name: str) -> None:
    task = make_task(make_dataset())
    audit(task)
    model = build(name, task)
    found = vectors(model, task)
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


def test_gradients_reach_every_parameter(trained: str) -> None:
    task = make_task(make_dataset())
    model = build(trained, task).train()
    batch, stage = first_batch(model, task, batch_size=100)
    model.training_step(batch, stage=stage).total.backward()
    dead = [k for k, one in model.named_parameters() if one.grad is None or not one.grad.any()]
    assert not dead


def test_numbers_of_users_do_not_matter(trained: str) -> None:
    order = torch.randperm(USERS, generator=torch.Generator().manual_seed(5))
    task, other = make_task(make_dataset()), make_task(make_dataset(order=order))
    model = build(trained, task)
    moved = build(trained, other)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    for key, value in state.items():
        if value.shape[:1] == (USERS + ITEMS,):
            state[key][order] = value[:USERS].clone()
    moved.load_state_dict(state)
    found, expected = vectors(moved, other), vectors(model, task)
    torch.testing.assert_close(found[order], expected[:USERS], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[USERS:], expected[USERS:], rtol=1e-4, atol=1e-5)
    assert task.score(expected, "test") == pytest.approx(other.score(found, "test"))


def test_a_behaviour_without_edges(name: str) -> None:
    task = make_task(make_dataset(viewed=False))
    assert bool(torch.isfinite(vectors(build(name, task), task)).all())


def test_an_empty_batch_is_harmless(trained: str) -> None:
    task = make_task(make_dataset())
    model = build(trained, task).train()
    batch, stage = first_batch(model, task, shard=(15, 16))
    loss = model.training_step(batch, stage=stage)
    assert loss.count == 0
    loss.total.backward()
    assert not any(bool(p.grad.any()) for p in model.parameters() if p.grad is not None)


def test_saved_models_predict_the_same(name: str, tmp_path: Path) -> None:
    task = make_task(make_dataset())
    model = build(name, task)
    model.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    assert type(loaded) is type(model)
    assert loaded.spec == model.spec
    assert torch.equal(vectors(loaded, task), vectors(model, task))


def test_another_graph_is_refused(name: str) -> None:
    dataset = make_dataset()
    model = build(name, make_task(dataset))
    lacking = replace(dataset, graph=dataset.graph.without_relation(VIEW))
    with pytest.raises(DataError, match="made for another graph: edge types"):
        model.prepare(make_task(lacking), seeds=SEEDS)


def test_same_seed_same_result(name: str) -> None:
    def train(seed: int) -> tuple[dict[str, Tensor], dict[str, float]]:
        task = make_task(make_dataset(), seeds=Seeds.from_seed(seed))
        torch.manual_seed(seed)
        cls = models.get(name)
        model = cls.for_task(task, cls.Config())
        trainer = Trainer(FAST, seeds=Seeds.from_seed(seed), progress=False)
        result = trainer.fit(model, task)
        return model.state_dict(), result.metrics["test"]

    (one, one_scores), (two, two_scores) = train(1), train(1)
    assert one_scores == two_scores
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_interrupted_and_resumed_is_the_same(trained: str, tmp_path: Path) -> None:
    config = replace(FAST, checkpoint_batches=1)

    def train(out: Path, *, stop_at: int | None = None, resume: bool = False) -> Model:
        task = make_task(make_dataset(), seeds=SEEDS)
        model = build(trained, task)
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
    train(tmp_path / "parts", stop_at=7)
    resumed = train(tmp_path / "parts", resume=True).state_dict()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_held_out_purchases_change_nothing(trained: str) -> None:
    """Other test purchases leave the training loss as it was."""
    dataset = make_dataset()
    link = dataset.links["default"]
    other = replace(link, test=torch.stack([link.test[0], link.test[1].flip(0)]))
    losses = []
    for one in (dataset, replace(dataset, links={"default": other})):
        task = make_task(one)
        model = build(trained, task).train()
        batch, stage = first_batch(model, task)
        torch.manual_seed(0)
        losses.append(model.training_step(batch, stage=stage).total)
    assert torch.equal(*losses)
