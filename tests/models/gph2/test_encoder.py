"""The encoder and its training: what changes the result, and what must not."""

from __future__ import annotations

import math

import pytest
import torch

from hetgraph.catalog import Dataset
from hetgraph.data import CSR
from hetgraph.models.gph2.config import ExpertConfig
from hetgraph.models.gph2.encoder import Encoder
from hetgraph.models.gph2.expert import ExpertTraining, contrast_loss
from hetgraph.nn import closed_pattern, make_propagator
from hetgraph.seeds import Seeds
from hetgraph.tasks import SelfSupervised
from hetgraph.train import TrainConfig, Trainer

SEEDS = Seeds.from_seed(0)


@pytest.fixture
def views() -> list[torch.Tensor]:
    return [torch.randn(20, 16) for _ in range(3)]


@pytest.fixture
def encoder(views: list[torch.Tensor]) -> Encoder:
    """Statistics unlike those of a fresh one."""
    made = Encoder(16)
    made(views)
    return made.eval()


def training(dataset: Dataset, config: ExpertConfig) -> tuple[ExpertTraining, SelfSupervised]:
    assert dataset.labels is not None
    task = SelfSupervised(dataset.graph, dataset.labels.node_type, dataset.name)
    return ExpertTraining(dataset.graph.schema, task.spec, config), task


def test_parameters_are_those_of_the_released_experts(toys: dict[str, Dataset]) -> None:
    model, _ = training(toys["toy/one"], ExpertConfig())
    assert model.num_parameters() == 41_473
    shapes = {name: list(parameter.shape) for name, parameter in model.named_parameters()}
    assert shapes == {
        "encoder.linear.weight": [128, 128],
        "encoder.linear.bias": [128],
        "encoder.norm.weight": [128],
        "encoder.norm.bias": [128],
        "encoder.attention.hidden.weight": [64, 128],
        "encoder.attention.hidden.bias": [64],
        "encoder.attention.score.weight": [1, 64],
        "discriminator.weight": [1, 128, 128],
        "discriminator.bias": [1],
    }


def test_nodes_and_views_have_no_order(encoder: Encoder, views: list[torch.Tensor]) -> None:
    actual, shares = encoder(views)
    order = torch.randperm(20)
    torch.testing.assert_close(encoder([view[order] for view in views])[0], actual[order])
    turned, turned_shares = encoder(views[::-1])
    torch.testing.assert_close(turned, actual)
    torch.testing.assert_close(turned_shares.flip(1), shares)


def test_equal_views_are_one(encoder: Encoder, views: list[torch.Tensor]) -> None:
    one, shares = encoder(views[:1])
    assert bool((shares == 1).all())
    torch.testing.assert_close(encoder([views[0]] * 4)[0], one)


def test_attention_is_of_each_node(encoder: Encoder, views: list[torch.Tensor]) -> None:
    none = torch.zeros(0, dtype=torch.int64)
    lonely = make_propagator(closed_pattern(CSR.from_coo(none, none, (20, 20))))
    x = torch.randn(20, 16)
    actual, shares = encoder([lonely(x), 2 * lonely(x)])
    x[3] += 1
    changed, changed_shares = encoder([lonely(x), 2 * lonely(x)])
    assert (actual != changed).any(1).nonzero().flatten().tolist() == [3]
    assert (shares != changed_shares).any(1).nonzero().flatten().tolist() == [3]


def test_scores_of_the_contrast(toys: dict[str, Dataset]) -> None:
    model, task = training(toys["toy/papers"], ExpertConfig(dim=16))
    model.eval()
    inputs = model.prepare(task, seeds=SEEDS)
    same = model.scores(inputs, torch.arange(120))
    assert same.shape == (1, 240)
    assert torch.equal(same[:, :120], same[:, 120:])
    torch.nn.init.zeros_(model.discriminator.weight)
    loss = contrast_loss(model.scores(inputs, torch.randperm(120)))
    assert abs(float(loss.detach()) - math.log(2)) < 1e-6


def test_a_graph_of_one_type_has_copies(toys: dict[str, Dataset]) -> None:
    model, task = training(toys["toy/one"], ExpertConfig(dim=8, num_views=4, edge_drop=0.5))
    inputs = model.prepare(task, seeds=SEEDS)
    assert list(inputs.views) == ["(graph)", "(dropped 1)", "(dropped 2)", "(dropped 3)"]
    x = torch.eye(120)
    first, second, third, _ = (one(x) for one in inputs.views.values())
    assert not torch.equal(second, third)
    assert int((second > 0).sum()) < int((first > 0).sum())
    again = model.prepare(task, seeds=SEEDS)
    assert torch.equal(list(again.views.values())[1](x), second)


def test_training_lowers_the_loss(toys: dict[str, Dataset]) -> None:
    model, task = training(toys["toy/papers"], ExpertConfig(dim=16))
    config = TrainConfig(max_epochs=60, lr=0.01)
    result = Trainer(config, seeds=SEEDS, progress=False).fit(model, task, splits=("valid",))
    assert result.metrics["valid"]["loss"] < 0.55  # chance: 0.69


def test_untrained_experts_have_the_statistics_of_their_graph(toys: dict[str, Dataset]) -> None:
    model, task = training(toys["toy/papers"], ExpertConfig(dim=8, dropout=0.0))
    inputs = model.prepare(task, seeds=SEEDS)
    weights = model.encoder.linear.weight.clone()
    order = torch.randperm(120)
    model.calibrate(inputs, order)
    assert torch.equal(model.encoder.linear.weight, weights)
    (view,) = inputs.views.values()
    copies = (inputs.features, inputs.features[order])
    means = [model.encoder.linear(view(one)).mean(0) for one in copies]
    torch.testing.assert_close(model.encoder.norm.running_mean, (means[0] + means[1]) / 2)
    assert model.encoder.norm.momentum == 0.1
