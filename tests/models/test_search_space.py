"""Every trained model declares what a search may choose, and all of it fits its settings."""

from __future__ import annotations

import random
from dataclasses import fields
from typing import Any

import pytest

from hetgraph.registry import models
from hetgraph.runs.tuning import Dimension, SearchSpace
from hetgraph.settings import config_from_dict, field_names
from hetgraph.train import TrainConfig

UNTRAINED = {
    "constant",
    "degree",
    "hyperedge_mean",
    "pagerank",
    "personalized_pagerank",
    "popularity",
    "prototype",
}
TRAINED = sorted(set(models.names()) - UNTRAINED)

OWN_DECAY = {"lightgcn"}
"""Its penalty ``l2`` takes the place of weight decay."""


def draw(dimension: Dimension, generator: random.Random) -> Any:
    if dimension.choices:
        return generator.choice(dimension.choices)
    if isinstance(dimension.low, int):
        return generator.randint(dimension.low, dimension.high)
    return generator.uniform(dimension.low, dimension.high)


def test_what_is_not_trained_has_nothing_to_search() -> None:
    assert {name for name in models.names() if not models.get(name).search_space} == UNTRAINED


@pytest.mark.parametrize("name", TRAINED)
def test_the_names_are_settings(name: str) -> None:
    model = models.get(name)
    space = SearchSpace.read(model, model.search_space)
    assert "train.lr" in space.names
    assert ("train.weight_decay" in space.names) == (name not in OWN_DECAY)
    sizes = {"hidden_dim", "dim", "num_layers", "hops", "num_hops", "iterations", "num_orders"}
    sizes &= set(field_names(model.Config))
    assert {f"model.{key}" for key in sizes} <= set(space.names)
    if "dropout" in field_names(model.Config):
        assert "model.dropout" in space.names


@pytest.mark.parametrize("name", TRAINED)
def test_a_draw_is_a_valid_configuration(name: str) -> None:
    model, generator = models.get(name), random.Random(0)
    space = SearchSpace.read(model, model.search_space)
    for _ in range(50):
        values = {dimension.name: draw(dimension, generator) for dimension in space}
        settings = space.settings(values)
        config_from_dict(model.Config, settings["model"], "model")
        config_from_dict(TrainConfig, settings["train"], "train")


@pytest.mark.parametrize("name", TRAINED)
def test_the_defaults_are_searched_or_can_be_included(name: str) -> None:
    model = models.get(name)
    space = SearchSpace.read(model, model.search_space)
    defaults = {f"model.{field.name}": field for field in fields(model.Config)}
    for dimension in space:
        if (field := defaults.get(dimension.name)) is not None:
            assert dimension.including(field.default).contains(field.default), dimension
