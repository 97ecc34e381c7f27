"""The perceptron: its layers, its deafness to edges, its settings."""

from __future__ import annotations

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.errors import ConfigError
from hetgraph.models.mlp import MLP, MLPConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task


@pytest.fixture
def task(random_graph) -> Task:
    return wrap(random_graph(num_nodes=40, num_edges=150))


def wrap(graph) -> Task:
    labels = Labels("author", 3, torch.arange(36), torch.arange(36) % 3)
    split = Split(torch.arange(20), torch.arange(20, 26), torch.arange(26, 36))
    return make_task(Dataset("toy/mlp", graph, labels, {"fixed": split}))


def build(task, **config):
    torch.manual_seed(0)
    model = MLP.for_task(task, MLPConfig(**config)).eval()
    return model, model.prepare(task, seeds=Seeds())


def predict(model, inputs):
    return model.predict(inputs, "test").values


def test_predictions_are_those_of_the_layers_by_hand(task):
    model, inputs = build(task, hidden_dim=8, num_layers=3)
    first = model.encoder.features["author"]
    x = task.graph.features["author"][task.index("test")]
    hidden = torch.relu(x @ first.weight + first.bias)
    hidden = torch.relu(torch.nn.functional.linear(hidden, *model.encoder.hidden[2].parameters()))
    torch.testing.assert_close(model.embed(inputs, "test"), hidden)
    logits = torch.nn.functional.linear(hidden, *model.head.decoder[1].parameters())
    torch.testing.assert_close(model.predict(inputs, "test").values, logits)


@pytest.mark.parametrize(("num_layers", "expected"), [(2, 0), (3, 1), (5, 3)])
def test_the_classifier_counts_as_a_layer(task, num_layers, expected):
    model, _ = build(task, hidden_dim=8, num_layers=num_layers)
    assert model.num_parameters() == (6 + 1) * 8 + expected * (8 + 1) * 8 + (8 + 1) * 3


def test_edges_and_other_types_are_not_read(task):
    graph = task.graph
    for key, relation in graph.relations.items():
        graph = graph.without_edges(key, *relation.edges())
    bare = wrap(graph.with_features("paper", None))
    model, inputs = build(task)
    assert list(model.encoder.features) == ["author"]
    other, bare_inputs = build(bare)  # a model is bound to its schema
    other.load_state_dict(model.state_dict())
    assert torch.equal(predict(model, inputs), predict(other, bare_inputs))
    assert model.relevance(inputs) == []


def test_dropout_acts_in_training_alone(task):
    model, inputs = build(task, dropout=0.5)
    assert torch.equal(predict(model, inputs), predict(model, inputs))
    model.train()
    assert not torch.equal(predict(model, inputs), predict(model, inputs))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hidden_dim": 0}, "model.hidden_dim must be at least 1"),
        ({"num_layers": 1}, "model.num_layers 2"),
        ({"dropout": 1.0}, "model.dropout is 1.0, expected 0 or more, below 1"),
    ],
)
def test_values_out_of_range_are_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        MLPConfig(**config)
