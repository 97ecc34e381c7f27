from __future__ import annotations

import pytest
import torch
from torch import nn

from hetgraph.nn import TypeDict
from hetgraph.train.config import TrainConfig
from hetgraph.train.optimizer import make_optimizer, set_learning_rate, trained_parameters


def _steps(optimizer, model, count=3):
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.ones(2, 3)).square().sum().backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("adam", lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.01, foreach=False)),
        ("adamw", lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.01, foreach=False)),
        ("adagrad", lambda p: torch.optim.Adagrad(p, lr=0.1, weight_decay=0.01, foreach=False)),
        ("sgd", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5, weight_decay=0.01)),
    ],
)
def test_fused_steps_equal_plain_ones(name, reference):
    config = TrainConfig(optimizer=name, lr=0.1, weight_decay=0.01, momentum=0.5)
    torch.manual_seed(0)
    one, two = nn.Linear(3, 4), nn.Linear(3, 4)
    two.load_state_dict(one.state_dict())
    ours = _steps(make_optimizer(one, config), one)
    theirs = _steps(reference(two.parameters()), two)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_frozen_parameters_are_left_out():
    model = nn.Linear(3, 4)
    model.bias.requires_grad_(False)
    assert len(trained_parameters(model)) == 1


def test_the_rate_is_that_of_every_group():
    optimizer = make_optimizer(Exempting(), TrainConfig(lr=0.5, weight_decay=0.1))
    set_learning_rate(optimizer, 0.05)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.05]


class Exempting(nn.Module):
    no_decay = ("bias", "gate")

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(3, 4)
        self.gate = nn.Linear(3, 4)
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)


@pytest.mark.parametrize("name", ["adam", "adamw", "adagrad", "sgd"])
def test_exempt_parameters_do_not_decay(name):
    model = Exempting()
    optimizer = make_optimizer(model, TrainConfig(optimizer=name, lr=0.1, weight_decay=0.5))
    decay = {
        id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]
    }
    found = {key: decay.get(id(p)) for key, p in model.named_parameters()}
    assert found == {
        "body.weight": 0.5,
        "body.bias": 0.0,
        "gate.weight": 0.0,
        "gate.bias": 0.0,
        "frozen": None,
    }
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    for parameter in trained_parameters(model):
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # Without a gradient only decay moves a parameter.
    moved = {key for key, p in model.named_parameters() if not torch.equal(p, before[key])}
    assert moved == {"body.weight"}


class ByType(nn.Module):
    no_decay = ("bias", "embedding", "gamma")

    def __init__(self):
        super().__init__()
        self.maps = TypeDict({name: nn.Linear(3, 4) for name in ("author", "embedding", "gamma")})
        self.embedding = TypeDict({"term": nn.Linear(3, 4, bias=False)})
        self.gamma_map = nn.Linear(3, 4, bias=False)


def test_a_type_with_the_name_of_an_exempt_parameter_decays():
    model = ByType()
    free = make_optimizer(model, TrainConfig(weight_decay=0.5)).param_groups[1]
    assert free["weight_decay"] == 0.0
    ids = {id(parameter) for parameter in free["params"]}
    exempt = {name for name, parameter in model.named_parameters() if id(parameter) in ids}
    types = ("author", "embedding", "gamma")
    assert exempt == {"embedding.@term.weight", *(f"maps.@{name}.bias" for name in types)}


def test_groups_without_parameters_are_left_out():
    plain = make_optimizer(nn.Linear(3, 4), TrainConfig(weight_decay=0.5))
    assert [group["weight_decay"] for group in plain.param_groups] == [0.5]
    none = make_optimizer(Exempting(), TrainConfig(weight_decay=0.0))
    assert [len(group["params"]) for group in none.param_groups] == [4]
