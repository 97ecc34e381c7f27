"""Predictions and scores of a part."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hetgraph.methods import Method
from hetgraph.tasks.base import SplitName, Task
from hetgraph.train.engine import Engine

__all__ = ["evaluate", "predict"]


@torch.no_grad()
def predict(model: Method, inputs: Any, split: SplitName, engine: Engine) -> Tensor:
    """Returns ``[num_nodes of the split, num_outputs]`` float32 logits on the CPU."""
    training = model.training
    model.eval()
    try:
        with engine.autocast():
            return model.predict(inputs, split).float().cpu()
    finally:
        model.train(training)


def evaluate(
    model: Method, inputs: Any, task: Task, split: SplitName, engine: Engine
) -> tuple[dict[str, float], Tensor | None]:
    """Scores a part in the main process and tells the others.

    Returns:
        The metrics, equal in every process, and the predictions (main process only).
    """
    logits = predict(model, inputs, split, engine) if engine.is_main else None
    metrics = task.score(logits, split) if logits is not None else {}
    return engine.from_main(metrics), logits
