"""The temperature comes from validation alone; test is measured once; nothing fails a run."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset
from hetgraph.metrics import (
    brier_score,
    class_probabilities,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
)
from hetgraph.nn import PairMLP
from hetgraph.seeds import Seeds
from hetgraph.tasks import (
    Calibration,
    NodePredictions,
    PairPredictions,
    Predictions,
    Task,
    make_task,
)
from hetgraph.tasks.calibration import calibrate


def random_predictions(task: Task, scale: float = 3.0) -> dict[str, Predictions]:
    generator = torch.Generator().manual_seed(1)
    shape = task.spec.num_outputs
    return {
        split: NodePredictions(scale * torch.randn(len(ids), shape, generator=generator))
        for split, ids in task.open_splits().items()
    }


def values(predictions: Predictions) -> Tensor:
    assert isinstance(predictions, NodePredictions)
    return predictions.values


def calibration(task: Task, predictions: dict[str, Predictions]) -> Calibration:
    made = task.calibration(predictions)
    assert made is not None
    return made


@pytest.mark.parametrize("multi", [False, True])
def test_nodes(dataset: Dataset, multi_label: Dataset, multi: bool) -> None:
    task = make_task(multi_label if multi else dataset)
    predictions = random_predictions(task)
    made = calibration(task, predictions)
    valid, test = task.index("valid"), task.index("test")
    hidden = multi_label.targets["labels"].target[test].float() if multi else test % 3
    logits = values(predictions["valid"])
    assert made.temperature == fit_temperature(logits, task.labels[valid])
    assert made.temperature > 1, "these logits are random but sure"
    assert (made.fitted_on, made.multi_label, made.split) == (4, multi, "test")
    assert set(made.before) == set(made.after) == {"valid", "test"}
    for scores, temperature in ((made.before, 1.0), (made.after, made.temperature)):
        said = values(predictions["test"])
        probabilities = class_probabilities(said, temperature, multi_label=multi)
        assert scores["test"] == {
            "ece": expected_calibration_error(probabilities, hidden),
            "nll": negative_log_likelihood(said, hidden, temperature),
            "brier": brier_score(probabilities, hidden),
        }
    for split in ("valid", "test"):
        loss = task.score(predictions[split], split)["loss"]
        assert made.before[split]["nll"] == pytest.approx(loss, rel=1e-6)
    assert made.after["valid"]["nll"] <= made.before["valid"]["nll"]
    assert sum(made.reliability["before"].count) == hidden.numel()
    assert made.reliability["after"].error == made.after["test"]["ece"]
    plain = made.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert Calibration.from_dict(plain) == made


def test_what_is_said_of_test_does_not_move_the_temperature(dataset: Dataset) -> None:
    task = make_task(dataset)
    predictions = random_predictions(task)
    temperature = calibration(task, predictions).temperature
    other = {**predictions, "test": NodePredictions(torch.zeros(16, 3))}
    assert calibration(task, other).temperature == temperature
    task._test_labels = (task._test_labels + 1) % 3
    assert calibration(task, predictions).temperature == temperature


def test_scores_are_not_changed_by_the_temperature(dataset: Dataset) -> None:
    task = make_task(dataset)
    predictions = random_predictions(task)
    temperature = calibration(task, predictions).temperature
    before = task.score(predictions["test"], "test")
    cooled = NodePredictions(values(predictions["test"]) / temperature)
    after = task.score(cooled, "test")
    for name in ("accuracy", "micro_f1", "macro_f1"):
        assert after[name] == before[name]


def test_a_view_without_test_measures_validation(dataset: Dataset) -> None:
    task = make_task(dataset)
    predictions = random_predictions(task)
    made = calibration(task.without_test(), predictions)
    assert (made.split, set(made.before)) == ("valid", {"valid"})
    assert made.temperature == calibration(task, predictions).temperature
    assert sum(made.reliability["before"].count) == 4


def test_a_refit_has_nothing_to_fit_the_temperature_on(dataset: Dataset, films: Dataset) -> None:
    task = make_task(dataset)
    test = random_predictions(task)["test"]
    for view in (task, task.refit_view()):
        made = calibration(view, {"test": test})
        assert (made.temperature, made.fitted_on, made.split) == (1.0, 0, "test")
        assert made.notes == ("temperature 1: there are no validation predictions to fit it on.",)
        assert made.before == made.after
    both = random_predictions(task.refit_view())
    assert len(values(both["valid"])) == 0
    assert set(calibration(task.refit_view(), both).before) == {"test"}


def test_edges(films: Dataset) -> None:
    vectors = {"user": torch.randn(10, 4), "film": torch.randn(12, 4)}
    predictions = PairPredictions(vectors, PairMLP(4, 3), (("user", "film"),))
    task = make_task(films, options={"kind": "edge-classification"})
    made = calibration(task, dict.fromkeys(("train", "valid", "test"), predictions))
    edges = films.targets["edge_labels"]
    ids = task.index("test")
    logits, target = predictions.of(edges.edges[:, ids]), edges.target[ids]  # type: ignore[union-attr]
    assert made.before["test"]["nll"] == negative_log_likelihood(logits, target)
    after = negative_log_likelihood(logits, target, made.temperature)
    assert made.after["test"]["nll"] == after
    assert made.after["valid"]["nll"] < made.before["valid"]["nll"]


def test_few_shots(dataset: Dataset) -> None:
    options = {"shots": 2, "valid_shots": 2, "test_fraction": 0.3}
    task = make_task(dataset, seeds=Seeds(), options=options, family="few-shot")
    made = calibration(task, random_predictions(task))
    assert made.fitted_on == 6
    assert made.notes[0] == "the temperature is rough: it is of 6 validation predictions."


def test_other_families_have_none(films: Dataset, dataset: Dataset) -> None:
    task = make_task(films, options={"kind": "edge-regression"})
    assert task.calibration({}) is None
    assert make_task(dataset).calibration({}) is None, "as in processes other than the main one"


def test_logits_that_are_not_finite_fail_no_run(dataset: Dataset) -> None:
    task = make_task(dataset)
    predictions = random_predictions(task)
    broken = NodePredictions(values(predictions["test"]).clone())
    broken.values[3, 1] = -math.inf
    made = calibration(task, {**predictions, "test": broken})
    assert (made.split, set(made.after)) == ("valid", {"valid"})
    assert made.notes[0] == "test: some logits are not finite."
    broken = NodePredictions(values(predictions["valid"]) * math.nan)
    made = calibration(task, {**predictions, "valid": broken})
    assert (made.split, set(made.after), made.temperature) == ("test", {"test"}, 1.0)
    assert made.notes[0] == "valid: some logits are not finite."
    made = calibration(task, {"valid": broken})
    assert (made.split, made.before, made.reliability) == ("", {}, {})
    assert Calibration.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_a_temperature_that_cannot_be_told() -> None:
    target = torch.arange(60) % 3
    right = torch.nn.functional.one_hot(target, 3) * 5.0
    made = calibrate({"valid": right}, {"valid": target})
    assert made is not None
    assert (made.temperature, made.fitted_on) == (1.0, 0)
    assert "all validation predictions are right" in made.notes[0]
    made = calibrate({"valid": right[:, :1]}, {"valid": target * 0})
    assert made is not None
    assert made.notes == ("temperature 1: there is one class.",)
    made = calibrate({"valid": -right}, {"valid": target})
    assert made is not None
    assert made.notes == ("the temperature is at its bound, 100.",)
    probabilities = class_probabilities(-right, made.temperature, multi_label=False)
    assert float(probabilities.max()) < 0.35
