"""The contrastive term trains both channels."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.catalog import Dataset
from hetgraph.models.metahgnie import MetaHGNIE, MetaHGNIEConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

TEMPERATURE, WEIGHT = 0.5, 0.3
CHANNELS = {"structure": ("scoring.", "structural."), "semantics": ("semantic.",)}
HEADS = ("structural_head.", "semantic_head.", "fusion.")


@pytest.fixture
def task(importance_dataset: Callable[..., Dataset]) -> Task:
    return make_task(importance_dataset())


def contrastive(task: Task) -> tuple[Tensor, tuple[Tensor, ...], dict[str, Tensor]]:
    """The only place that knows the model.

    Returns:
        The term, the projected vectors of the training nodes by channel, and the parameters.
    """
    torch.manual_seed(0)
    config = MetaHGNIEConfig(
        num_heads=2,
        hidden_dim=4,
        dropout=0.0,
        attention_dropout=0.0,
        temperature=TEMPERATURE,
        contrastive_weight=WEIGHT,
    )
    model = MetaHGNIE.for_task(task, config)
    inputs, stage = model.prepare(task, seeds=Seeds.from_seed(0)), model.stages()[0]
    (batch,) = model.batches(inputs, "train", stage=stage, batch_size=1000)
    term = model.training_step(batch, stage=stage).terms["contrastive"]
    views = [view.vectors[task.index("train")] for view in model.views(inputs)]
    return term, tuple(model.projector(view) for view in views), dict(model.named_parameters())


def gradients(loss: Tensor, parameters: dict[str, Tensor]) -> dict[str, Tensor | None]:
    actual = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return dict(zip(parameters, actual, strict=True))


def with_all_pairs(one: Tensor, other: Tensor) -> Tensor:
    """Both directions of the cross-entropy on the whole matrix of cosines."""
    logits = F.normalize(one, dim=1) @ F.normalize(other, dim=1).T / TEMPERATURE
    own = torch.arange(len(one))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


@pytest.mark.parametrize("channel", CHANNELS)
def test_it_reaches_every_weight_of_a_channel(task: Task, channel: str) -> None:
    term, _, parameters = contrastive(task)
    actual = gradients(term, parameters)
    names = [name for name in parameters if name.startswith(CHANNELS[channel])]
    assert names
    # A bias in front of a batch norm, and the last scoring biases under a softmax, have none.
    reached = {name for name in names if actual[name] is not None and bool(actual[name].any())}
    assert {name for name in names if name.endswith("weight")} <= reached


def test_its_gradient_is_that_of_all_pairs(task: Task) -> None:
    term, views, parameters = contrastive(task)
    actual = gradients(term, parameters)
    expected = gradients(WEIGHT * with_all_pairs(*views), parameters)
    for name, gradient in expected.items():
        if gradient is None:
            assert actual[name] is None, name
        else:
            torch.testing.assert_close(actual[name], gradient, rtol=1e-3, atol=1e-6, msg=name)


def test_predictions_are_not_aligned(task: Task) -> None:
    term, _, parameters = contrastive(task)
    actual = gradients(term, parameters)
    heads = [name for name in parameters if name.startswith(HEADS)]
    assert heads
    assert all(actual[name] is None or not bool(actual[name].any()) for name in heads)
