from __future__ import annotations

import pytest

from hetgraph.errors import ConfigError
from hetgraph.train import TrainConfig


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("lr", 0.0, "a positive number"),
        ("lr", float("nan"), "a positive number"),
        ("lr_decay", 1.5, "above 0 and at most 1"),
        ("weight_decay", -1.0, "0 or more"),
        ("momentum", 1.0, "at least 0 and below 1"),
        ("max_epochs", 0, "at least 1"),
        ("eval_every", 0, "at least 1"),
        ("batch_size", 0, "at least 1"),
        ("accumulate", 0, "at least 1"),
        ("devices", 0, "at least 1"),
        ("patience", -1, "0 or more, or null"),
        ("clip_norm", 0.0, "positive, or null"),
        ("checkpoint_seconds", -1.0, "positive, or null"),
        ("checkpoint_batches", 0, "positive, or null"),
    ],
)
def test_values_out_of_range_name_the_setting(name, value, expected):
    with pytest.raises(ConfigError, match=rf"train\.{name} is .*, expected {expected}\."):
        TrainConfig(**{name: value})


def test_null_turns_the_optional_ones_off():
    config = TrainConfig(patience=None, clip_norm=None, checkpoint_seconds=None)
    assert config.patience is None
