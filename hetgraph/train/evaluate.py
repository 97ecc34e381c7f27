"""Predictions and scores of a split."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from hetgraph.methods import Method
from hetgraph.tasks import Predictions, Task
from hetgraph.tasks.base import SplitName
from hetgraph.train.engine import Engine

__all__ = ["best_over_epochs", "evaluate", "evaluate_or_tell", "predict"]

_LOG = logging.getLogger("hetgraph.train")


@torch.no_grad()
def predict(model: Method, inputs: Any, split: SplitName, engine: Engine) -> Predictions:
    """Returns what a model says of the samples of a split, as float32 in main memory."""
    training = model.training
    model.eval()
    try:
        with engine.autocast():
            return model.predict(inputs, split).cpu()
    finally:
        model.train(training)


def evaluate(
    model: Method, inputs: Any, task: Task, split: SplitName, engine: Engine
) -> tuple[dict[str, float], Predictions | None]:
    """Scores a split in the main process and tells the others.

    Returns:
        The metrics, equal in every process, and the predictions (main process only).
    """
    predictions = predict(model, inputs, split, engine) if engine.is_main else None
    metrics = task.score(predictions, split) if predictions is not None else {}
    return engine.from_main(metrics), predictions


def evaluate_or_tell(
    model: Method, inputs: Any, task: Task, split: SplitName, engine: Engine
) -> tuple[dict[str, float], Predictions | None, str]:
    """Scores a split of a trained model; a score that fails is told in a warning.

    The training is over: no mistake of a metric is worth losing it.

    Returns:
        The metrics, empty if they failed; the predictions (main process only); and why they failed.
    """
    predictions = predict(model, inputs, split, engine) if engine.is_main else None
    metrics, problem = {}, ""
    if predictions is not None:
        try:
            metrics = task.score(predictions, split)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            _LOG.warning("the %s split could not be scored (%s)", split, problem)
    metrics, problem = engine.from_main((metrics, problem))
    return metrics, predictions, problem


def best_over_epochs(task: Task, history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the best test score of each metric over the evaluations, as ``*_best_epoch``."""
    best = task.best_over_epochs(history)
    return {f"{name}_best_epoch": value for name, value in best.items()}
