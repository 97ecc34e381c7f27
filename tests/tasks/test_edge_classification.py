"""Edge classification: strata, scores, class weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score, roc_auc_score

from hetgraph.catalog import Dataset
from hetgraph.errors import ConfigError, DataError
from hetgraph.nn import PairMLP
from hetgraph.seeds import Seeds
from hetgraph.tasks import EdgeClassification, NodePredictions, PairPredictions, make_task
from hetgraph.tasks.classes import class_weights


def made(films: Dataset, seed: int = 0, **options: Any) -> EdgeClassification:
    task = make_task(films, seeds=Seeds.from_seed(seed), options=options)
    assert isinstance(task, EdgeClassification)
    return task


@pytest.fixture
def predictions() -> PairPredictions:
    """Of users and films, by a fresh network."""
    vectors = {"user": torch.randn(10, 4), "film": torch.randn(12, 4)}
    return PairPredictions(vectors, PairMLP(4, 3), (("user", "film"),))


def test_drawn_splits_keep_the_fractions_of_the_classes(films: Dataset) -> None:
    classes = films.edge_target.target  # type: ignore[union-attr]
    whole = torch.bincount(classes, minlength=3)
    for seed in range(5):
        task = made(films, seed, split="random", train_fraction=0.5, valid_fraction=0.3)
        for split, fraction in (("train", 0.35), ("valid", 0.15), ("test", 0.5)):
            counts = torch.bincount(classes[task.index(split)], minlength=3)  # type: ignore[arg-type]
            assert float((counts - fraction * whole).abs().max()) <= 1.1
        part = made(films, seed, split="no valid", valid_fraction=0.5)
        valid = torch.bincount(classes[part.index("valid")], minlength=3)
        known = torch.bincount(classes[films.splits["no valid"].train], minlength=3)
        assert float((valid - known / 2).abs().max()) <= 1


def test_scores_equal_sklearn(films: Dataset, predictions: PairPredictions) -> None:
    task = made(films)
    test = task.index("test")
    want = films.edge_target.target[test]  # type: ignore[union-attr]
    logits = predictions.of(task.edges[:, test])
    metrics = task.score(predictions, "test")
    chosen = logits.argmax(1)
    assert metrics["accuracy"] == pytest.approx(float((chosen == want).float().mean()))
    assert metrics["micro_f1"] == pytest.approx(f1_score(want, chosen, average="micro"))
    assert metrics["macro_f1"] == pytest.approx(f1_score(want, chosen, average="macro"))
    area = roc_auc_score(want, logits.softmax(1), multi_class="ovr")
    assert metrics["auc"] == pytest.approx(area, abs=1e-6)
    assert metrics["loss"] == pytest.approx(float(F.cross_entropy(logits, want)))
    assert set(metrics) == set(task.monitors)
    assert task.class_names == ("bad", "fair", "good")
    valid = task.index("valid")
    expected = F.cross_entropy(predictions.of(task.edges[:, valid]), task.labels[valid])
    assert task.score(predictions, "valid")["loss"] == pytest.approx(float(expected))


def test_class_weights_and_smoothing_reach_the_loss(
    films: Dataset, predictions: PairPredictions
) -> None:
    options = {"class_weights": "balanced", "label_smoothing": 0.2}
    task = made(films, **options)
    train = task.labels[task.index("train")]
    weights = class_weights("balanced", train, 3)
    ids = task.index("valid")
    logits = predictions.of(task.edges[:, ids])
    expected = F.cross_entropy(logits, task.labels[ids], weights, label_smoothing=0.2)
    assert task.score(predictions, "valid")["loss"] == pytest.approx(float(expected))
    assert task.protocol["class_weights"] == "balanced"
    with pytest.raises(ConfigError, match=r"task.class_weights is \[1.0\], expected 3 positive"):
        made(films, class_weights=[1.0]).criterion()
    with pytest.raises(ConfigError, match=r"task.label_smoothing is 1"):
        made(films, label_smoothing=1)


def test_own_loss_and_metrics(films: Dataset, predictions: PairPredictions) -> None:
    task = made(films).with_functions(
        loss=lambda logits, target: logits.mean() * 0 + len(target),
        metrics={"rows": lambda logits, target: len(logits)},
    )
    metrics = task.score(predictions, "valid")
    assert (metrics["loss"], metrics["rows"]) == (11.0, 11.0)


def test_predictions_of_nodes_are_refused(films: Dataset) -> None:
    with pytest.raises(DataError, match="NodePredictions, expected PairPredictions"):
        made(films).score(NodePredictions(torch.zeros(11, 3)), "valid")
