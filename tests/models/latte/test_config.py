from __future__ import annotations

import pytest

from hetgraph.errors import ConfigError
from hetgraph.models.latte import LATTE, LATTEConfig
from hetgraph.models.latte.config import _PRESETS
from hetgraph.runs.experiment import read_experiment


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_orders": 0}, "model.num_orders is 0, expected 1 or more"),
        ({"dropout": 1.0}, "model.dropout is 1.0, expected 0 or more, below 1"),
        ({"hidden_dim": 9}, "model.hidden_dim is 9, expected a multiple of 2"),
        ({"negative_ratio": 0.0}, "model.negative_ratio is 0.0, expected a positive number"),
        ({"attention": "leaky"}, "model.attention is 'leaky'. Did you mean 'leaky_relu'"),
        ({"attention": "leaky_relu"}, "model.attention='leaky_relu' needs; set model.weighting"),
        ({"sample_edges": True}, "model.sample_edges=true needs"),
        ({"carry": "attention"}, "model.carry='attention' needs"),
        ({"proximity": 1.0}, "'tail' does not score the head"),
        ({"proximity": 1.0, "attention": "linear"}, "model.proximity needs"),
    ],
)
def test_mistakes_name_the_setting_and_the_way_out(settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        LATTEConfig(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", sorted(_PRESETS.glob("*.yaml")), ids=lambda path: path.stem)
def test_presets_are_experiments_without_a_data_set(path):
    preset = read_experiment(path, LATTE)
    assert preset.method == "latte"
    assert LATTEConfig.from_preset(path.stem) == LATTEConfig(**preset.settings["model"])


def test_presets_can_be_changed():
    paper = LATTEConfig.from_preset("paper", proximity=1.0, scope="all")
    assert (paper.attention, paper.proximity, paper.scope) == ("linear", 1.0, "all")
    with pytest.raises(ConfigError, match="LATTE has no preset 'papers'"):
        LATTEConfig.from_preset("papers")
