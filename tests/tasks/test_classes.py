"""Losses and metrics of classes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hetgraph.catalog import Dataset
from hetgraph.errors import ConfigError
from hetgraph.tasks import NodePredictions, make_task
from hetgraph.tasks.classes import class_criterion, class_metrics, class_weights

TRAIN = torch.tensor([0, 0, 0, 1, 2, 2])
MANY = torch.tensor([[1.0, 0, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0]])


def test_balanced_weights_are_inverse_frequencies_of_mean_one() -> None:
    weights = class_weights("balanced", TRAIN, 3)
    assert weights is not None
    inverse = torch.tensor([1 / 3, 1.0, 1 / 2])
    torch.testing.assert_close(weights, inverse * 3 / inverse.sum())
    several = class_weights("balanced", MANY, 3)
    assert several is not None
    torch.testing.assert_close(several, torch.tensor([1 / 4, 1.0, 1.0]) * 3 / 2.25)
    unseen = class_weights("balanced", TRAIN, 4)  # a class without an example counts as one
    assert unseen is not None
    assert unseen[3] == unseen[1]
    assert class_weights(None, TRAIN, 3) is None
    assert torch.equal(class_weights((1.0, 2.0, 3.0), TRAIN, 3), torch.tensor([1.0, 2.0, 3.0]))  # type: ignore[arg-type]


@pytest.mark.parametrize("wanted", [(1.0, 2.0), (1.0, 0.0, 1.0), (1.0, 2.0, 3.0, 4.0)])
def test_weights_that_do_not_fit_are_told(wanted: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"expected 3 positive numbers, one per class"):
        class_weights(wanted, TRAIN, 3)


@pytest.mark.parametrize("weights", [None, (1.0, 2.0, 5.0)])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_of_one_class_by_its_formula(weights, smoothing: float) -> None:
    logits, target = torch.randn(8, 3), torch.tensor([0, 1, 2, 2, 1, 0, 0, 2])
    loss = class_criterion("auto", TRAIN, 3, weights=weights, smoothing=smoothing)
    log = logits.double().log_softmax(1)
    weight = torch.tensor(weights or (1.0, 1.0, 1.0)).double()
    own = -(log[torch.arange(8), target] * weight[target]).sum()
    every = -(log * weight).sum() / 3
    expected = ((1 - smoothing) * own + smoothing * every) / weight[target].sum()
    assert float(loss(logits, target)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("weights", [None, (1.0, 2.0, 5.0)])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_of_several_classes_by_its_formula(weights, smoothing: float) -> None:
    logits = torch.randn(4, 3)
    loss = class_criterion("auto", MANY, 3, weights=weights, smoothing=smoothing)
    soft = MANY.double() * (1 - smoothing) + smoothing / 2
    chance = logits.double().sigmoid()
    terms = -(soft * chance.log() + (1 - soft) * (1 - chance).log())
    expected = (terms * torch.tensor(weights or (1.0, 1.0, 1.0)).double()).mean()
    assert float(loss(logits, MANY)) == pytest.approx(float(expected), rel=1e-5)


def test_losses_by_name() -> None:
    logits = torch.randn(4, 3)
    kl = class_criterion("kl", MANY, 3)(logits, MANY)
    expected = -(MANY * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(kl, expected)
    for options in ({"weights": "balanced"}, {"smoothing": 0.1}):
        with pytest.raises(ConfigError, match="'kl' takes no class weights and no label smoothing"):
            class_criterion("kl", MANY, 3, **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="loss='bce' does not fit one label"):
        class_criterion("bce", TRAIN, 3)


def test_the_threshold_decides_what_counts() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5], [2.0, -1.0, 0.0]])
    target = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    assert class_metrics(logits, target)["accuracy"] == 1.0
    assert class_metrics(logits, target, 0.7)["accuracy"] == 0.5
    assert "auc" not in class_metrics(logits, target)
    two_of_three = class_metrics(torch.randn(4, 3), torch.tensor([0, 1, 1, 0]))
    assert "auc" not in two_of_three


def test_weights_and_smoothing_reach_the_loss_of_nodes(dataset: Dataset) -> None:
    options = {"class_weights": "1, 2, 3", "label_smoothing": 0.1}
    task = make_task(dataset, options=options)
    logits, ids = torch.randn(4, 3), task.index("valid")
    weight = torch.tensor([1.0, 2.0, 3.0])
    expected = F.cross_entropy(logits, task.labels[ids], weight, label_smoothing=0.1)
    torch.testing.assert_close(task.criterion()(logits, task.labels[ids]), expected)
    metrics = task.score(NodePredictions(logits), "valid")
    assert metrics["loss"] == pytest.approx(float(expected))
    assert task.protocol["class_weights"] == [1.0, 2.0, 3.0]
    assert "class_weights" not in make_task(dataset).protocol
    balanced = make_task(dataset, options={"class_weights": "balanced"})
    train = task.labels[task.index("train")]
    expected = F.cross_entropy(
        logits, task.labels[ids], class_weights("balanced", train, 3)
    )  # fmt: skip
    torch.testing.assert_close(balanced.criterion()(logits, task.labels[ids]), expected)
    with pytest.raises(ConfigError, match=r"task\.label_smoothing is 1\.0"):
        make_task(dataset, options={"label_smoothing": 1.0})
