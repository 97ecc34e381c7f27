"""Node regression: splits, the scale that is learned on, metrics on the measured scale."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split, Values
from hetgraph.data import HeteroGraph
from hetgraph.errors import ConfigError, DataError, LeakageError
from hetgraph.models.mlp import MLP, MLPConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import NodePredictions, NodeRegression, PairPredictions, audit, make_task
from hetgraph.tasks.origin import Origin
from hetgraph.tasks.question import Question

KNOWN, NODES = 50, 60


@pytest.fixture
def dataset() -> Dataset:
    """Sixty nodes, fifty of them with a value; half of the values are negative."""
    generator = torch.Generator().manual_seed(2)
    index = torch.randperm(NODES, generator=generator)[:KNOWN]
    target = 40 * torch.randn(KNOWN, generator=generator, dtype=torch.float64) - 7
    features = {"node": torch.randn(NODES, 4, generator=generator)}
    graph = HeteroGraph(num_nodes={"node": NODES}, relations={}, features=features)
    splits = {
        "whole": Split(index[:30], index[30:40], index[40:]),
        "no valid": Split(index[:40], None, index[40:]),
    }
    return Dataset("toy/values", graph, Values("node", index, target, "visits"), splits)


def regression(dataset: Dataset, seed: int = 0, **options: Any) -> NodeRegression:
    given = {"kind": "node-regression", **options}
    task = make_task(dataset, seeds=Seeds.from_seed(seed), options=given)
    assert isinstance(task, NodeRegression)
    return task


def measured(dataset: Dataset, ids: Tensor) -> Tensor:
    """The values of some nodes, float64."""
    values = dataset.values
    assert values is not None
    table = torch.full((NODES,), math.nan, dtype=torch.float64)
    table[values.index] = values.target
    return table[ids]


def sizes(task: NodeRegression) -> list[int]:
    return [task.index(split).numel() for split in ("train", "valid", "test")]


def test_splits_are_given_completed_or_drawn(dataset: Dataset) -> None:
    whole = regression(dataset)
    assert torch.equal(whole.index("valid"), dataset.splits["whole"].valid)
    assert whole.protocol["split"] == "whole"
    assert whole.protocol["sizes"] == {"train": 30, "valid": 10, "test": 10}
    part = regression(dataset, split="no valid")
    assert sizes(part) == [35, 5, 10]
    both = torch.cat([part.index("train"), part.index("valid")])
    assert torch.equal(both.sort().values, dataset.splits["no valid"].train.sort().values)
    assert sizes(regression(dataset, split="no valid", valid_fraction=0.5)) == [20, 20, 10]
    drawn = regression(dataset, split="random", train_fraction=0.6)
    assert sizes(drawn) == [26, 4, 20]
    for task in (drawn, regression(replace(dataset, splits={}))):
        assert task.protocol["split"] == "random"
        every = torch.cat([task.index(split) for split in ("train", "valid", "test")])
        assert torch.equal(every.sort().values, dataset.values.index.sort().values)  # type: ignore[union-attr]
        assert audit(task).checks


@pytest.mark.parametrize("options", [{"split": "random"}, {"split": "no valid"}])
def test_the_split_seed_alone_moves_what_is_drawn(dataset: Dataset, options: Any) -> None:
    first, other = regression(dataset, 0, **options), regression(dataset, 1, **options)
    assert torch.equal(first.index("valid"), regression(dataset, 0, **options).index("valid"))
    assert not torch.equal(first.index("valid"), other.index("valid"))
    options = {"kind": "node-regression", **options}
    init = make_task(dataset, seeds=Seeds(split=0, init=9, sampling=9), options=options)
    assert torch.equal(init.index("valid"), make_task(dataset, options=options).index("valid"))


def test_methods_learn_on_the_scale_of_the_training_values(dataset: Dataset) -> None:
    task = regression(dataset)
    train = measured(dataset, task.index("train"))
    for split in ("train", "valid"):
        ids = task.index(split)
        expected = (measured(dataset, ids) - train.mean()) / train.std(correction=0)
        torch.testing.assert_close(task.labels[ids].double(), expected, atol=1e-6, rtol=1e-6)
    labels = task.labels[task.index("train")].double()
    assert abs(float(labels.mean())) < 1e-6
    assert float(labels.std(correction=0)) == pytest.approx(1, abs=1e-6)
    assert bool(task.labels[task.index("test")].isnan().all())
    assert int(task.labels.isfinite().sum()) == 40
    plain = regression(dataset, standardize=False)
    ids = plain.index("valid")
    torch.testing.assert_close(plain.labels[ids], measured(dataset, ids).float())


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_metrics_are_of_the_values_as_they_were_measured(
    dataset: Dataset, standardize: bool, split: Any
) -> None:
    task = regression(dataset, standardize=standardize)
    target = measured(dataset, task.index(split))
    train = measured(dataset, task.index("train"))
    shift, scale = (train.mean(), train.std(correction=0)) if standardize else (0.0, 1.0)
    predicted = target * 0.5 + torch.randn(len(target), dtype=torch.float64)
    rows = NodePredictions(((predicted - shift) / scale).unsqueeze(1))
    error = predicted - target
    metrics = task.score(rows, split)
    expected = {
        "loss": float((error / scale).square().mean()),
        "rmse": float(error.square().mean().sqrt()),
        "mae": float(error.abs().mean()),
        "r2": 1 - float(error.square().sum() / (target - target.mean()).square().sum()),
        "spearman": float(spearmanr(predicted, target).statistic),
    }
    assert metrics == pytest.approx(expected, rel=1e-5)
    assert set(metrics) == set(task.monitors)
    back = task.scale.measured(task.to_tensor(rows, split).double()[:, 0])
    torch.testing.assert_close(back, predicted, rtol=1e-5, atol=1e-4)
    assert task.monitor_value(metrics, "rmse") == -metrics["rmse"]
    assert task.monitor_value(metrics, "r2") == metrics["r2"]
    assert task.default_monitor == "rmse"


def test_the_reported_loss_is_the_one_that_is_learned_by(dataset: Dataset) -> None:
    task = regression(dataset)
    ids = task.index("valid")
    outputs = torch.randn(len(ids), 1)
    loss = float(task.criterion()(outputs, task.labels[ids]))
    assert task.score(NodePredictions(outputs), "valid")["loss"] == pytest.approx(loss, rel=1e-5)


def test_equal_values_are_learned_too(dataset: Dataset) -> None:
    values = dataset.values
    assert values is not None
    task = regression(replace(dataset, targets=replace(values, target=values.target * 0 + 3)))
    assert bool((task.labels[task.index("train")] == 0).all())
    metrics = task.score(NodePredictions(torch.full((10, 1), 2.0)), "test")
    assert (metrics["rmse"], metrics["mae"], metrics["loss"]) == (2.0, 2.0, 4.0)


def test_what_is_not_finite_scores_nothing(dataset: Dataset) -> None:
    task = regression(dataset)
    for value in (torch.nan, torch.inf):
        rows = torch.zeros(10, 1)
        rows[3] = value
        metrics = task.score(NodePredictions(rows), "test")
        assert set(metrics) == set(task.monitors)
        assert all(map(math.isnan, metrics.values()))


def test_leaks_are_found(dataset: Dataset) -> None:
    task = regression(dataset)
    task.labels[task.index("test")[0]] = 1.0
    with pytest.raises(LeakageError, match="1 labels of test nodes are readable"):
        audit(task)
    values = dataset.values
    assert values is not None
    features = torch.rand(NODES, 3)
    features[values.index, 2] = values.target.float().sigmoid() + values.target.float()
    leaky = replace(dataset, graph=dataset.graph.with_features("node", features))
    with pytest.raises(LeakageError, match="feature column 2 of 'node' ranks"):
        audit(regression(leaky))


def test_the_refit_trains_on_validation_nodes_too(dataset: Dataset) -> None:
    task = regression(dataset)
    view = task.refit_view()
    both = torch.cat([task.index("train"), task.index("valid")])
    assert torch.equal(view.index("train"), both.sort().values)
    assert view.index("valid").numel() == 0
    assert torch.equal(view.index("test"), task.index("test"))
    assert sizes(task) == [30, 10, 10]
    assert torch.equal(view.labels.nan_to_num(9), task.labels.nan_to_num(9))
    assert bool(view.labels[view.index("train")].isfinite().all())
    assert audit(view).checks == audit(task).checks
    rows = NodePredictions(torch.randn(10, 1))
    assert view.score(rows, "test") == task.score(rows, "test")
    method = MLP.for_task(view, MLPConfig(hidden_dim=4))
    inputs = method.prepare(view, seeds=Seeds())
    (stage,) = method.stages()
    (batch,) = method.batches(inputs, "train", stage=stage, batch_size=99)
    assert torch.equal(batch.samples.labels, task.labels[both.sort().values])


def test_own_loss_and_metrics(dataset: Dataset) -> None:
    task = regression(dataset).with_functions(
        loss=lambda predicted, target: (predicted[:, 0] - target).abs().mean(),
        metrics={"bias": lambda predicted, target: float((predicted - target).mean())},
    )
    assert float(task.criterion()(torch.ones(2, 1), torch.tensor([1.0, 3.0]))) == 1
    assert "bias" in task.monitors
    metrics = task.score(NodePredictions(torch.zeros(10, 1)), "valid")
    train, valid = (measured(dataset, task.index(split)) for split in ("train", "valid"))
    assert metrics["bias"] == pytest.approx(float(train.mean() - valid.mean()), rel=1e-5)


def test_bad_input_is_told(dataset: Dataset) -> None:
    for name in ("train_fraction", "valid_fraction"):
        with pytest.raises(ConfigError, match=f"task.{name} is 1.0"):
            regression(dataset, **{name: 1.0})
    with pytest.raises(ConfigError, match=r"no split 'whol'.*Did you mean 'whole'"):
        regression(dataset, split="whol")
    task = regression(dataset)
    with pytest.raises(DataError, match=r"shape \[9, 1\], expected \[10, 1\]"):
        task.score(NodePredictions(torch.zeros(9, 1)), "test")
    with pytest.raises(DataError, match="PairPredictions, expected NodePredictions"):
        task.score(PairPredictions({}, None, ()), "test")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="loss='cross_entropy' does not fit numbers"):
        task.criterion("cross_entropy")
    with pytest.raises(DataError, match="has no node values"):
        regression(replace(dataset, targets=None))
    none = torch.zeros(0, dtype=torch.int64)
    given = dataset.splits["whole"]
    with pytest.raises(DataError, match="the test split holds no node with a value"):
        regression(replace(dataset, splits={"s": Split(given.train, given.valid, none)}))
    with pytest.raises(PermissionError):
        task.without_test().score(NodePredictions(torch.zeros(10, 1)), "test")


def test_splits_are_those_of_the_values(dataset: Dataset) -> None:
    values = dataset.values
    assert values is not None
    with pytest.raises(ConfigError, match="no split 'whole'"):
        regression(replace(dataset, splits={}), split="whole")
    labels = Labels("node", 2, torch.arange(NODES), torch.arange(NODES) % 2)
    same = replace(dataset, targets={"labels": labels, "values": values})
    assert regression(same).protocol["split"] == "whole"
    graph = dataset.graph.replace(num_nodes={"node": NODES, "other": NODES})
    other = replace(labels, node_type="other")
    apart = replace(dataset, graph=graph, targets={"labels": other, "values": values})
    assert regression(apart).protocol["split"] == "random"
    assert make_task(apart).protocol["split"] == "whole"
    unknown = values.index.new_tensor([int(x) for x in range(NODES) if x not in values.index][:1])
    given = dataset.splits["whole"]
    split = Split(torch.cat([given.train, unknown]), given.valid, given.test)
    with pytest.raises(DataError, match=f"train node {int(unknown)} has no value"):
        regression(replace(dataset, splits={"s": split}))


@pytest.mark.parametrize("kept", [slice(0, 60), slice(0, 20), slice(59, 60)])
def test_predictions_for_other_graphs_do_not_depend_on_who_is_there(
    dataset: Dataset, kept: slice
) -> None:
    """The mean of the training values is added to predictions, also where these nodes are gone."""
    graph = dataset.graph.replace(ids={"node": list(range(NODES))})
    task = regression(replace(dataset, graph=graph), split="whole", standardize=False)
    model = MLP.for_task(task, MLPConfig())
    model.origin = Origin.of(task, ())
    nodes = torch.arange(NODES)[kept]
    values = []
    for asked, ids in ((graph, nodes), (graph.subgraph({"node": nodes}), torch.arange(len(nodes)))):
        question = Question(asked, task.spec, model.origin, ids)
        model.eval()
        predictions = model.predict(model.prepare(question, seeds=Seeds.from_seed(0)), "test")
        assert isinstance(predictions, NodePredictions)
        values.append(predictions.values)
    assert torch.equal(values[0], values[1])
    assert bool(values[1].isfinite().all())
