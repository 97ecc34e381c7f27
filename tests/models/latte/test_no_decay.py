"""Which parameters have no weight decay."""

from __future__ import annotations

from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.models.latte import LATTE, LATTEConfig
from hetgraph.tasks import TaskSpec
from hetgraph.train import TrainConfig
from hetgraph.train.optimizer import make_optimizer


def test_biases_temperatures_and_embeddings_do_not_decay() -> None:
    """Also the biases of the attention scores; not the maps of a type called "gamma"."""
    schema = Schema(
        {"paper": FeatureSpec("dense", 3), "author": FeatureSpec(), "gamma": FeatureSpec()},
        {
            EdgeType("paper", "by", "author"): EdgeSpec(),
            EdgeType("author", "wrote", "paper"): EdgeSpec(),
            EdgeType("gamma", "of", "paper"): EdgeSpec(),
        },
    )
    spec = TaskSpec("node-classification", "paper", 2, num_nodes={"author": 4, "gamma": 5})
    config = LATTEConfig(
        score_bias=True, attention="linear", weighting="pattern", hidden_dim=8, num_heads=2
    )
    model = LATTE.build(schema, spec, config)
    decaying, free = make_optimizer(model, TrainConfig(weight_decay=0.1)).param_groups
    assert (decaying["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    ids = {id(parameter) for parameter in free["params"]}
    names = {name: id(parameter) in ids for name, parameter in model.named_parameters()}
    last = {name.rsplit(".", 1)[-1] for name, exempt in names.items() if exempt}
    assert last == {"bias", "head_bias", "tail_bias", "gamma", "weight"}
    weights = {name for name, exempt in names.items() if exempt and name.endswith("weight")}
    assert weights == {"encoder.embedding.@author.weight", "encoder.embedding.@gamma.weight"}
    assert any("@gamma.weight" in name for name, exempt in names.items() if not exempt)
