"""Modules by type: any name is a key, and the parameters survive a round trip."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hetgraph.data import EdgeType
from hetgraph.nn import TypeDict, type_key

NAMES = (
    *("a.b", "a%2Eb", "items", "train", "weight", "", " ", "__x__", "δ/x"),
    EdgeType("a.b", "to", "items"),
    EdgeType("a", "b.to", "items"),
    EdgeType("a@b", "to", "items"),
    "a@b@to@items",
)


def linears(names=NAMES):
    return TypeDict({name: nn.Linear(1, 1 + place) for place, name in enumerate(names)})


def test_any_name_is_a_key_of_its_own():
    modules = linears()
    assert len(modules) == len(NAMES)
    assert tuple(modules) == NAMES
    assert [module.out_features for _, module in modules.items()] == list(range(1, 14))
    assert len({type_key(name) for name in NAMES}) == len(NAMES)
    assert len(list(modules.parameters())) == 2 * len(NAMES)


def test_names_of_methods_shadow_nothing():
    modules = linears()
    assert modules["train"].out_features == 4
    assert modules.train() is modules  # still torch's method


def test_a_plain_triple_is_an_edge_type():
    modules = linears()
    assert modules["a.b", "to", "items"] is modules[EdgeType("a.b", "to", "items")]
    assert ("a.b", "to", "items") in modules
    assert ("a.b", "to", "item") not in modules
    with pytest.raises(KeyError):
        modules["nothing"]


def test_parameters_are_saved_and_loaded_by_type():
    one, other = linears(), linears(NAMES[::-1])
    assert set(one.state_dict()) == set(other.state_dict())
    again = linears()
    again.load_state_dict(one.state_dict())
    for name in NAMES:
        assert torch.equal(again[name].weight, one[name].weight)
