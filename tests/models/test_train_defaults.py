"""A method's own settings of the trainer are valid in every family it is offered for."""

from __future__ import annotations

import pytest

from hetgraph.methods import offers
from hetgraph.registry import models
from hetgraph.settings import config_from_dict
from hetgraph.train import TrainConfig

OFFERED = [(offer.model, offer.family) for offer in offers() if not offer.reason]


@pytest.mark.parametrize(("name", "family"), OFFERED)
def test_they_are_valid_and_leave_the_monitor_to_the_task(name: str, family: str) -> None:
    own = models.get(name).train_defaults_in(family)
    config_from_dict(TrainConfig, own, "train")
    assert "monitor" not in own
