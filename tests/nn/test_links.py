"""Scores of pairs, and the block that link predictors share."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from hetgraph.catalog import Dataset, LinkSplit
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.nn import Decoder, GraphInputs, LinkModel, pair_scores
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

HEARS = EdgeType("user", "hears", "artist")


@pytest.mark.parametrize("count", [0, 1, 40])
def test_scores_and_gradients_equal_gathered_products(count: int) -> None:
    src = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    dst = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    pairs = torch.stack([torch.randint(5, (count,)), torch.randint(7, (count,))])  # with repeats
    weight = torch.randn(count, dtype=torch.float64)
    found = pair_scores(src, dst, pairs)
    expected = (src[pairs[0]] * dst[pairs[1]]).sum(1)
    torch.testing.assert_close(found, expected)
    grads = [torch.autograd.grad((one * weight).sum(), (src, dst)) for one in (found, expected)]
    for own, other in zip(*grads, strict=True):
        torch.testing.assert_close(own, other)


class Tables(LinkModel):
    """A learned vector for each node, nothing else."""

    name: ClassVar[str] = "tables"
    Config: ClassVar[type[Any]] = dict

    def __init__(self, task: Task, decoder: Decoder) -> None:
        type(self).decoder = decoder
        super().__init__(task.graph.schema, task.spec, {})
        self.make_head(4)
        sizes = task.graph.num_nodes
        self.table = nn.ParameterDict({name: torch.randn(n, 4) for name, n in sizes.items()})

    def vectors(self, inputs: GraphInputs) -> dict[str, Tensor]:
        """The tables."""
        return dict(self.table.items())


@pytest.fixture
def task() -> Task:
    src, dst = torch.arange(6).repeat_interleave(3), torch.arange(18) % 9
    relation = Relation.from_edges(src, dst, 6, 9)
    graph = HeteroGraph(num_nodes={"user": 6, "artist": 9}, relations={HEARS: relation})
    links = {"default": LinkSplit(HEARS, None, torch.tensor([[0, 1], [8, 0]]))}
    dataset = Dataset("toy/radio", graph, links=links, task="link-prediction")
    return make_task(dataset, options={"negatives": "uniform", "valid_fraction": 0.3})


@pytest.mark.parametrize("decoder", ["dot", "distmult"])
def test_the_loss_is_that_of_the_task_on_links_and_negatives(task: Task, decoder: Decoder) -> None:
    model = Tables(task, decoder)
    assert (model.diagonal is None) == (decoder == "dot")
    if model.diagonal is not None:
        nn.init.uniform_(model.diagonal)
    inputs = model.prepare(task, seeds=Seeds())
    (stage,) = model.stages()
    drawn = torch.Generator().manual_seed(0)
    batch = next(iter(model.batches(inputs, "train", stage=stage, batch_size=99, generator=drawn)))
    weight = torch.ones(4) if model.diagonal is None else model.diagonal
    pairs = torch.cat([batch.rows, batch.negatives], dim=1)  # type: ignore[attr-defined]
    users, artists = model.table["user"], model.table["artist"]
    logits = (users[pairs[0]] * weight * artists[pairs[1]]).sum(1)
    target = (torch.arange(len(logits)) < len(logits) // 2).float()
    loss = model.training_step(batch, stage=stage)
    torch.testing.assert_close(loss.total, task.loss(logits, target))
    assert loss.count == task.labels.shape[1]


def test_negatives_are_drawn_anew_in_every_epoch(task: Task) -> None:
    model = Tables(task, "dot")
    inputs = model.prepare(task, seeds=Seeds())
    (stage,) = model.stages()
    epochs = []
    for seed in (0, 1):
        generator = torch.Generator().manual_seed(seed)
        parts = model.batches(inputs, "train", stage=stage, batch_size=4, generator=generator)
        epochs.append(torch.cat([one.negatives for one in parts], dim=1))  # type: ignore[attr-defined]
    ordered = [one[:, (one[0] * 9 + one[1]).argsort()] for one in epochs]
    assert not torch.equal(*ordered)
    assert torch.equal(ordered[0][0].sort().values, task.labels[0].sort().values)
