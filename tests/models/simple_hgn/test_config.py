"""Settings out of their range are refused by name."""

from __future__ import annotations

import pytest

from hetgraph.errors import ConfigError
from hetgraph.models.simple_hgn import SimpleHGNConfig
from hetgraph.settings import config_from_dict


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("hidden_dim", 0, "model.hidden_dim is 0, expected at least 1"),
        ("num_layers", 0, "model.num_layers is 0, expected at least 1"),
        ("dropout", 1.0, "model.dropout is 1.0, expected 0 or more, below 1"),
        ("attention_residual", -0.1, "model.attention_residual is -0.1"),
    ],
)
def test_values_out_of_range(name, value, message):
    with pytest.raises(ConfigError, match=message):
        SimpleHGNConfig(**{name: value})


def test_kinds_of_inputs_are_named():
    with pytest.raises(ConfigError, match="inputs"):
        config_from_dict(SimpleHGNConfig, {"inputs": "id"}, "model")
