"""LightGCN against its definition on a dense matrix."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hetgraph.catalog import Dataset, Links
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError
from hetgraph.methods import EncoderMethod
from hetgraph.models.lightgcn import LightGCN, LightGCNConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

BUY, VIEW = EdgeType("user", "buy", "item"), EdgeType("user", "view", "item")


@pytest.fixture
def task() -> Task:
    generator = torch.Generator().manual_seed(0)
    relations = {}
    for key, density in ((BUY, 0.3), (VIEW, 0.4)):
        src, dst = (torch.rand(6, 9, generator=generator) < density).nonzero(as_tuple=True)
        relations[key] = Relation.from_edges(src, dst, 6, 9)
    graph = HeteroGraph(num_nodes={"user": 6, "item": 9}, relations=relations)
    links = {"default": Links((BUY,), None, torch.tensor([[0], [8]]))}
    return make_task(Dataset("toy/shop", graph, links, task="recommendation"))


def build(task: Task, **settings: object) -> EncoderMethod:
    torch.manual_seed(0)
    return LightGCN.for_task(task, LightGCNConfig(hidden_dim=4, **settings))  # type: ignore[arg-type]


def vectors(model: EncoderMethod, task: Task) -> torch.Tensor:
    """Vectors of users, then of items."""
    by_type = model.encode(model.prepare(task, seeds=Seeds()), {"user": None, "item": None})
    return torch.cat([by_type["user"], by_type["item"]])


@pytest.mark.parametrize("every", [False, True])
def test_equal_to_the_dense_definition(task: Task, every: bool) -> None:
    model = build(task, num_layers=3, all_behaviours=every)
    block = torch.zeros(6, 9)
    for key in (BUY, VIEW) if every else (BUY,):
        src, dst = task.graph.relations[key].edges()
        block[src, dst] = 1
    a = torch.zeros(15, 15)
    a[:6, 6:], a[6:, :6] = block, block.T
    scale = a.sum(1).clamp(min=1).rsqrt()
    p = scale[:, None] * a * scale
    layers = [model.encoder.table]
    for _ in range(3):
        layers.append(p @ layers[-1])
    torch.testing.assert_close(vectors(model, task), torch.stack(layers).mean(0))


@pytest.mark.parametrize("every", [False, True])
def test_weights_equal_the_dense_definition(task: Task, every: bool) -> None:
    """With negative ones, zeros, a relation without weights, and a pair given twice."""
    buys = task.graph.relations[BUY]
    src, dst = buys.edges()
    weight = torch.randn(buys.nnz, generator=torch.Generator().manual_seed(1))
    weight[src == 2] = 0
    src, dst, weight = (torch.cat([x, x[:1]]) for x in (src, dst, weight))
    twice = Relation.from_edges(src, dst, 6, 9, weight=weight)
    task.graph = task.graph.replace(relations={**task.graph.relations, BUY: twice})
    model = build(task, num_layers=2, all_behaviours=every)
    a = torch.zeros(15, 15, dtype=torch.float64)
    for key in (BUY, VIEW) if every else (BUY,):
        edges = task.graph.relations[key]
        weights = [1.0] * edges.nnz if edges.weight is None else edges.weight.tolist()
        users, items = (ids.tolist() for ids in edges.edges())
        for user, item, value in zip(users, items, weights, strict=True):
            a[user, 6 + item] += value
            a[6 + item, user] += value
    total = a.abs().sum(1)
    scale = torch.where(total > 0, total, 1.0).rsqrt() * (total > 0)
    p = (scale[:, None] * a * scale).float()
    table = model.encoder.table
    expected = (table + p @ table + p @ (p @ table)) / 3
    torch.testing.assert_close(vectors(model, task), expected)
    plain = vectors(build(task, num_layers=2, all_behaviours=every, edge_weights=False), task)
    bare = task.graph.relations[BUY].with_weight(None)
    task.graph = task.graph.replace(relations={**task.graph.relations, BUY: bare})
    assert torch.equal(vectors(model, task), plain)
    ones = bare.with_weight(torch.ones(bare.nnz))
    task.graph = task.graph.replace(relations={**task.graph.relations, BUY: ones})
    assert torch.equal(vectors(model, task), plain)


def test_without_layers_it_is_matrix_factorisation(task: Task) -> None:
    model = build(task, num_layers=0)
    assert torch.equal(vectors(model, task), model.encoder.table)


def test_the_loss_by_hand(task: Task) -> None:
    model = build(task, num_layers=1, l2=0.5)
    inputs = model.prepare(task, seeds=Seeds())
    stage = model.stages()[0]
    batch = next(iter(model.batches(inputs, "train", stage=stage, batch_size=5)))
    loss = model.training_step(batch, stage=stage)
    e = vectors(model, task)
    users, items, negatives = batch.samples.positions()
    u, i, j = users, 6 + items, 6 + negatives
    expected = -F.logsigmoid((e[u] * (e[i] - e[j])).sum(1)).mean()
    torch.testing.assert_close(loss.terms["bpr"], expected)
    own = sum(model.encoder.table[k].square().sum() for k in (u, i, j))
    torch.testing.assert_close(loss.terms["l2"], 0.5 * own / 10)
    bought = set(zip(*inputs.head.pairs.tolist(), strict=True))
    drawn = zip(users.tolist(), negatives.tolist(), strict=True)
    assert not bought & set(drawn)


def test_equal_scores_give_ln_2(task: Task) -> None:
    model = build(task)
    inputs = model.prepare(task, seeds=Seeds())
    batch = next(iter(model.batches(inputs, "train", stage=model.stages()[0], batch_size=5)))
    flat = {"user": torch.ones(6, 4), "item": torch.ones(9, 4)}
    (loss,) = model.head.losses(inputs.head, flat, batch.samples).values()
    assert loss.item() == pytest.approx(0.693147, abs=1e-6)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="num_layers"):
        LightGCNConfig(num_layers=-1)
