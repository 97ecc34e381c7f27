"""Which parameters get weight decay, by the groups of the optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from hetgraph.models.latte import LATTEConfig
from hetgraph.train import TrainConfig
from hetgraph.train.optimizer import make_optimizer

SETTINGS = {
    "vectors": ({}, True),
    "no features": ({}, False),
    "paper": ({"preset": "paper"}, True),
    "2021": ({"preset": "2021"}, False),
}


def make_model(
    make_graph: Callable[..., Any],
    make_method: Callable[..., Any],
    settings: dict[str, Any],
    features: bool,
) -> nn.Module:
    """A model of one of the settings."""
    if "preset" in settings:
        settings = vars(LATTEConfig.from_preset(settings["preset"], hidden_dim=8))
    return make_method(make_graph(features=features), **settings)[0]


def is_exempt(name: str, embeddings: set[int], parameter: nn.Parameter) -> bool:
    """By what a parameter is, not by its full name: offsets, sharpening, learned inputs."""
    role = name.rpartition(".")[2]
    offset = role in ("bias", "head_bias", "tail_bias")
    return offset or role == "gamma" or id(parameter) in embeddings


@pytest.mark.parametrize("case", SETTINGS)
def test_biases_sharpening_and_embeddings_get_none(
    case: str, make_graph: Callable[..., Any], make_method: Callable[..., Any]
) -> None:
    settings, features = SETTINGS[case]
    model = make_model(make_graph, make_method, settings, features)
    tables = {id(parameter) for parameter in model.encoder.embedding.parameters()}
    optimizer = make_optimizer(model, TrainConfig(optimizer="adam", weight_decay=0.01))
    decay = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    seen = {0.0: set(), 0.01: set()}
    for name, parameter in model.named_parameters():
        expected = 0.0 if is_exempt(name, tables, parameter) else 0.01
        assert decay[id(parameter)] == expected, name
        seen[expected].add(name.rpartition(".")[2])
    assert {"weight", "tail"} <= seen[0.01]
    assert {"bias", "gamma"} <= seen[0.0]
    assert bool(tables) is (not features)


def test_a_step_without_gradient_shrinks_the_weights_alone(
    make_graph: Callable[..., Any], make_method: Callable[..., Any]
) -> None:
    """What the groups are for: with a gradient of zero only decay can move a parameter."""
    model = make_model(make_graph, make_method, {}, False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    make_optimizer(model, TrainConfig(optimizer="adam", weight_decay=0.01)).step()
    still = {
        name.rpartition(".")[2] if ".embedding." not in name else "embedding"
        for name, parameter in model.named_parameters()
        if torch.equal(parameter, before[name])
    }
    assert still == {"bias", "gamma", "embedding"}
