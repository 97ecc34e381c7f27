from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import CSR, HeteroGraph
from hetgraph.errors import ConfigError, SchemaError
from hetgraph.models.sehgnn import SeHGNN, SeHGNNConfig
from hetgraph.models.sehgnn.model import Inputs
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec, make_task


@pytest.fixture
def dataset(random_graph: Callable[..., HeteroGraph]) -> Dataset:
    ids = torch.arange(18)
    split = Split(ids[:10], ids[10:14], ids[14:])
    labels = Labels("author", 3, ids, ids % 3)
    return Dataset("toy/sehgnn", random_graph(num_nodes=20), labels, {"default": split})


@pytest.fixture
def task(dataset: Dataset) -> Task:
    return make_task(dataset)


def build(task: Task, **options: object) -> SeHGNN:
    return SeHGNN(task.graph.schema, task.spec, SeHGNNConfig(**options))  # type: ignore[arg-type]


def rows(inputs: Inputs) -> Tensor:
    return torch.cat([x.to_dense() if isinstance(x, CSR) else x for x in inputs.channels], 1)


def test_a_flipped_training_label_reaches_others_but_not_its_node(dataset: Dataset) -> None:
    labels = dataset.labels
    assert labels is not None
    flipped = labels.target.clone()
    flipped[4] = (flipped[4] + 1) % 3
    changed = replace(dataset, targets=replace(labels, target=flipped))
    before, after = (
        rows(build(task, labels=True, label_hops=4).prepare(task, seeds=Seeds()))
        for task in (make_task(dataset), make_task(changed))
    )
    different = (before != after).any(1)
    assert not bool(different[4])
    assert bool(different.any())


def test_labels_add_channels_and_learn(task: Task) -> None:
    config = SeHGNNConfig(labels=True, residual=False)
    model = SeHGNN.for_task(task, config).train()
    plain = build(task)
    inputs = model.prepare(task, seeds=Seeds())
    assert len(inputs.encoder.channels) == len(plain.channels.features) + 1
    batch = next(model.batches(inputs, "train", stage=model.stages()[0], batch_size=10))
    model.training_step(batch, stage=model.stages()[0]).total.backward()
    assert [key for key, p in model.named_parameters() if not bool(p.grad.any())] == []


def test_relevance_is_a_fraction_of_the_attention(task: Task) -> None:
    method = SeHGNN.for_task(task, SeHGNNConfig(labels=True))
    inputs = method.prepare(task, seeds=Seeds())
    classes = torch.full((20,), -1)
    classes[:9] = torch.arange(9) % 3
    table = method.relevance(inputs, classes)
    model = method.encoder
    count = len(model.channels.names)
    assert [row.label for row in table] == [
        label for label in (None, 0, 1, 2) for _ in range(count)
    ]
    assert [row.relation for row in table[:count]] == list(model.channels.names)
    for start in range(0, len(table), count):
        assert sum(row.weight for row in table[start : start + count]) == pytest.approx(1.0)
    assert method.training

    network = model.network.eval()
    projected, _ = network.paths(model._fetch(inputs.encoder, torch.arange(20)))
    mass = network.fusion.weights(projected).detach().mean(dim=(1, 2))
    for i, row in enumerate(table[:count]):
        assert row.weight == pytest.approx(float(mass[:, i].mean()))
        assert row.std == pytest.approx(float(mass[:, i].std(unbiased=False)), abs=1e-6)
    of_class = mass[classes == 2].mean(0)
    assert [row.weight for row in table[3 * count :]] == pytest.approx(of_class.tolist())
    source = {row.relation: row.source for row in table}
    assert source["term-paper-author"] == "term"
    assert source["label: author-paper-author"] == "author"


def test_types_without_features_need_a_number_of_nodes(task: Task) -> None:
    spec = TaskSpec("node-classification", "author", 3)
    with pytest.raises(SchemaError, match="'term' has no features"):
        SeHGNN(task.graph.schema, spec, SeHGNNConfig())


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_hops", 0), ("task_layers", 0), ("dropout", 1.0), ("hidden_dim", 30)],
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"model.{name}"):
        SeHGNNConfig(**{name: value})  # type: ignore[arg-type]
