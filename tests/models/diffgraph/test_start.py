"""Initial weights of the map of the features."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from hetgraph.data import EdgeSpec, FeatureSpec, Schema
from hetgraph.models.diffgraph import DiffGraph, DiffGraphConfig
from hetgraph.tasks import TaskSpec

NODES, FEATURES, DIM = 500, 300, 200


def feature_map(feature: FeatureSpec) -> tuple[Tensor, Tensor]:
    """Weight ``[num_features, dim]`` and bias of a fresh model."""
    schema = Schema({"node": feature}, {("node", "to", "node"): EdgeSpec()})
    spec = TaskSpec("node-classification", "node", 4, num_nodes={"node": NODES})
    config = DiffGraphConfig(metapaths=("node-node", "node-node-node"), hidden_dim=DIM)
    torch.manual_seed(0)
    model = DiffGraph.build(schema, spec, config)
    assert isinstance(model.encoder, DiffGraph)
    encoder = model.encoder.views.features["node"]
    return encoder.weight.detach(), encoder.bias.detach()


@pytest.mark.parametrize(
    ("feature", "num_inputs"),
    [
        (FeatureSpec("dense", FEATURES), FEATURES),
        (FeatureSpec("sparse", FEATURES), FEATURES),
        (FeatureSpec(), NODES),
    ],
    ids=["dense", "sparse", "one vector per node"],
)
def test_the_map_of_the_features_is_xavier_normal_with_gain_root_two(
    feature: FeatureSpec, num_inputs: int
) -> None:
    """Variance ``2 * 2 / (fan_in + fan_out)``; a normal has a kurtosis of 3, a uniform 1.8."""
    weight, bias = feature_map(feature)
    assert weight.shape == (num_inputs, DIM)
    std = math.sqrt(2) * math.sqrt(2 / (num_inputs + DIM))
    assert float(weight.std()) == pytest.approx(std, rel=0.02)
    assert float(weight.mean()) == pytest.approx(0, abs=0.01 * std * 2)
    assert float((weight / weight.std()).pow(4).mean()) == pytest.approx(3, abs=0.15)
    bound = num_inputs**-0.5
    assert float(bias.abs().max()) <= bound
    assert float(bias.abs().max()) > 0.95 * bound
