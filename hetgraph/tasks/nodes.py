"""What families of tasks about nodes share."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor

from hetgraph.errors import DataError
from hetgraph.tasks.predictions import NodePredictions, Predictions

__all__ = ["node_rows", "with_train_and_valid"]

T = TypeVar("T", bound=Any)


def node_rows(predictions: Predictions, num_nodes: int, num_outputs: int) -> Tensor:
    """Returns the ``[num_nodes, num_outputs]`` float32 rows of predictions.

    Raises:
        DataError: If they are of pairs, or of another shape.
    """
    if not isinstance(predictions, NodePredictions):
        raise DataError(
            f"predictions are {type(predictions).__name__}, expected NodePredictions: one row per "
            "node of the split."
        )
    values = predictions.cpu().values
    if list(values.shape) != [num_nodes, num_outputs]:
        raise DataError(
            f"predictions have shape {list(values.shape)}, expected {[num_nodes, num_outputs]}."
        )
    return values


def with_train_and_valid(task: T) -> T:
    """Returns a view of a task about nodes whose training split has the validation nodes, too."""
    view = copy.copy(task)
    train, valid = task._splits["train"], task._splits["valid"]
    both = torch.cat([train, valid]).sort().values
    view._splits = {**task._splits, "train": both, "valid": valid[:0]}
    return view
