"""What every family of tasks has: functions of the user's own, views, monitors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset
from hetgraph.errors import ConfigError
from hetgraph.models.mlp import MLP, MLPConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import NodePredictions, Task, make_task


def squares(logits: Tensor, target: Tensor) -> Tensor:
    return logits.square().sum() + target.numel()


@pytest.fixture
def task(dataset: Dataset) -> Task:
    return make_task(dataset)


def test_an_own_loss_is_learned_by_and_reported(task: Task) -> None:
    own = task.with_functions(loss=squares)
    logits = torch.full((4, 3), 0.5)
    assert own.score(NodePredictions(logits), "valid")["loss"] == 3 + 4
    assert task.score(NodePredictions(logits), "valid")["loss"] != 7
    method = MLP.for_task(own, MLPConfig(hidden_dim=4, dropout=0.0))
    inputs = method.prepare(own, seeds=Seeds())
    (stage,) = method.stages()
    (batch,) = method.batches(inputs, "train", stage=stage, batch_size=99)
    outputs = method.predict(inputs, "train").of(torch.arange(16))
    loss = method.training_step(batch, stage=stage).total
    torch.testing.assert_close(loss, outputs.square().sum() + 16)


@pytest.mark.parametrize("view", ["without_test", "refit_view"])
def test_own_functions_survive_views(task: Task, view: str) -> None:
    own = task.with_functions(loss=squares, metrics={"rows": lambda logits, _: len(logits)})
    for made in (getattr(own, view)(), getattr(task, view)().with_functions(
        loss=squares, metrics={"rows": lambda logits, _: len(logits)}
    )):  # fmt: skip
        assert "rows" in made.monitors
        rows = made.index("train").numel()
        metrics = made.score(NodePredictions(torch.zeros(rows, 3)), "train")
        assert (metrics["rows"], metrics["loss"]) == (float(rows), float(rows))
        assert made.monitor_value(metrics, "rows") == rows
    assert "rows" not in task.monitors


def test_own_functions_add_up(task: Task) -> None:
    first = task.with_functions(metrics={"one": lambda *_: 1.0})
    both = first.with_functions(loss=squares, metrics={"two": lambda *_: 2.0})
    assert both.monitors == (*task.monitors, "one", "two")
    metrics = both.score(NodePredictions(torch.zeros(4, 3)), "valid")
    assert (metrics["one"], metrics["two"], metrics["loss"]) == (1.0, 2.0, 4.0)
    assert first.monitors == (*task.monitors, "one")
    assert "two" not in first.score(NodePredictions(torch.zeros(4, 3)), "valid")


def test_an_unknown_monitor_is_told_with_own_ones(task: Task) -> None:
    own = task.with_functions(metrics={"coverage": lambda *_: 1.0})
    with pytest.raises(ConfigError, match=r"unknown monitor 'coverag'\..*'coverage'"):
        own.monitor_value({"loss": 1.0}, "coverag")


def test_the_refit_of_classes_trains_on_validation_nodes_too(task: Task) -> None:
    view = task.refit_view()
    both = torch.cat([task.index("train"), task.index("valid")]).sort().values
    assert torch.equal(view.index("train"), both)
    assert view.index("valid").numel() == 0
    assert torch.equal(view.index("test"), task.index("test"))
    assert task.index("train").numel() == 16
    assert view.audit().checks == task.audit().checks
    logits = NodePredictions(torch.randn(16, 3))
    assert view.score(logits, "test") == task.score(logits, "test")
    method = MLP.for_task(view, MLPConfig(hidden_dim=4))
    inputs = method.prepare(view, seeds=Seeds())
    (stage,) = method.stages()
    (batch,) = method.batches(inputs, "train", stage=stage, batch_size=99)
    assert torch.equal(batch.samples.labels, both % 3)


def test_balanced_weights_of_the_refit_are_of_all_its_nodes(dataset: Dataset) -> None:
    view = make_task(
        dataset, options={"class_weights": "balanced", "stratified": False}
    ).refit_view()
    labels = view.labels[view.index("train")]
    counts = torch.bincount(labels).float()
    weight = (1 / counts) * (3 / (1 / counts).sum())
    logits = torch.randn(len(labels), 3)
    expected = torch.nn.functional.cross_entropy(logits, labels, weight)
    torch.testing.assert_close(view.criterion()(logits, labels), expected)
