"""The whole model: what has parameters, relevance."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.errors import ConfigError
from hetgraph.models import HGT
from hetgraph.models.hgt import HGTConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

SEEDS = Seeds.from_seed(0)


@pytest.fixture
def task(random_graph: Callable[..., HeteroGraph]) -> Task:
    ids = torch.arange(20)
    labels = Labels("paper", 2, ids, ids % 2)
    split = Split(ids[:10], ids[10:14], ids[14:])
    return make_task(Dataset("toy/hgt", random_graph(), labels, {"default": split}))


def build(task: Task, **settings: object) -> HGT:
    settings = {"hidden_dim": 16, "num_heads": 4, **settings}
    return HGT(task.graph.schema, task.spec, HGTConfig(**settings))  # type: ignore[arg-type]


def test_only_what_reaches_the_target_has_parameters(task: Task) -> None:
    model = build(task)
    assert [len(layer.plan.edge_types) for layer in model.layers] == [3, 2]
    assert list(model.layers[0].query) == ["author", "paper"]
    assert list(model.layers[1].query) == ["paper"]
    assert "term" not in model.features


@pytest.mark.parametrize(
    ("inputs", "lookups"),
    [("features", set()), ("target", {"author"}), ("ids", {"author", "paper"})],
)
def test_inputs_choose_what_is_encoded(task: Task, inputs: str, lookups: set[str]) -> None:
    model = build(task, inputs=inputs)
    assert {name for name, encoder in model.features.items() if encoder.lookup} == lookups


def test_relevance_is_the_attention_by_relation_and_class(task: Task) -> None:
    method = HGT.for_task(task, HGTConfig(hidden_dim=16, num_heads=4)).train()
    inputs, model = method.prepare(task, seeds=SEEDS), method.encoder
    # With keys of zero all scores are zero, so attention goes evenly to all edges.
    with torch.no_grad():
        for layer in model.layers:
            layer.attend.zero_()
    classes = torch.arange(27) % 2
    classes[13:] = -1
    rows = method.relevance(inputs, classes)
    assert method.training

    degree = {
        key: task.graph.relations[key].degree.double() for key in model.layers[1].plan.edge_types
    }
    total = sum(degree.values())
    for label in (None, 0, 1):
        nodes = (total > 0) & (torch.ones(27, dtype=bool) if label is None else classes == label)
        expected = {str(key): (d / total)[nodes] for key, d in degree.items()}
        for order in (0, 1):
            mine = {
                row.relation: row
                for row in rows
                if (row.node_type, row.order, row.label) == ("paper", order, label)
            }
            assert mine.keys() == expected.keys()
            for key, fractions in expected.items():
                assert mine[key].weight == pytest.approx(float(fractions.mean()), abs=1e-6)
                assert mine[key].std == pytest.approx(float(fractions.std(correction=0)), abs=1e-6)
    authors = [row for row in rows if row.node_type == "author"]
    assert [(row.order, row.label) for row in authors] == [(0, None)]
    assert authors[0].relation == str(EdgeType("paper", "written_by", "author"))
    assert authors[0].weight == pytest.approx(1.0)


def test_relevance_follows_the_prior_of_a_relation(task: Task) -> None:
    model = build(task, num_layers=1).eval()
    inputs = model.prepare(task, seeds=SEEDS)
    layer = model.layers[0]
    with torch.no_grad():  # the scores of one relation become large and positive
        at = layer.plan.edge_types.index(EdgeType("paper", "cites", "paper"))
        layer.attend.zero_()
        layer.attend[at] = torch.eye(4)
        for linear in (layer.key["paper"], layer.query["paper"]):
            linear.weight.zero_()
            linear.bias.fill_(5.0)
    with torch.no_grad():
        rows = {row.relation: row.weight for row in model.relevance(inputs)}
    cites = task.graph.relations[EdgeType("paper", "cites", "paper")].degree > 0
    writes = task.graph.relations[EdgeType("author", "writes", "paper")].degree > 0
    fraction = float(cites[cites | writes].float().mean())
    assert rows["paper -cites> paper"] == pytest.approx(fraction, abs=1e-3)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"hidden_dim": 10, "num_heads": 4}, "multiple"),
        ({"num_heads": 0}, "num_heads"),
        ({"dropout": -1.0}, "dropout"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        HGTConfig(**settings)  # type: ignore[arg-type]


def test_every_parameter_counts_when_relations_are_averaged(task: Task) -> None:
    model = HGT.for_task(task, HGTConfig(hidden_dim=16, num_heads=4, merge="mean"))
    inputs, (stage,) = model.prepare(task, seeds=SEEDS), model.stages()
    batch = next(model.batches(inputs, "train", stage=stage, batch_size=10))
    model.training_step(batch, stage=stage).total.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert not [name for name, grad in gradients.items() if grad is None or not grad.any()]
