"""Accuracy and F1, single- and multi-label."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.errors import DataError

__all__ = ["accuracy", "multi_label_f1", "single_label_f1"]


def accuracy(predicted: Tensor, target: Tensor) -> float:
    """Returns the share of equal entries.

    Args:
        predicted: ``[n]`` classes.
        target: ``[n]`` classes.

    Raises:
        DataError: If the shapes differ or there is no entry.
    """
    _check(predicted, target)
    return float((predicted == target).double().mean())


def single_label_f1(predicted: Tensor, target: Tensor, num_classes: int) -> tuple[float, float]:
    """Returns ``(micro, macro)`` F1 of classes.

    As in scikit-learn, macro averages over the classes that occur in ``target`` or ``predicted``;
    with one label a node, micro-F1 is the accuracy.

    Args:
        predicted: ``[n]`` int classes.
        target: ``[n]`` int classes.
        num_classes: Number of classes.

    Raises:
        DataError: If the shapes differ or there is no entry.
    """
    _check(predicted, target)
    counts = torch.bincount(target * num_classes + predicted, minlength=num_classes**2)
    confusion = counts.view(num_classes, num_classes).double()
    return _f1(confusion.diagonal(), confusion.sum(0), confusion.sum(1), skip_absent=True)


def multi_label_f1(predicted: Tensor, target: Tensor) -> tuple[float, float]:
    """Returns ``(micro, macro)`` F1 of label sets; macro averages over all classes.

    Args:
        predicted: ``[n, num_classes]`` bool.
        target: ``[n, num_classes]`` bool.

    Raises:
        DataError: If the shapes differ or there is no entry.
    """
    _check(predicted, target)
    predicted, target = predicted.bool(), target.bool()
    hits = (predicted & target).sum(0).double()
    return _f1(hits, predicted.sum(0).double(), target.sum(0).double(), skip_absent=False)


def _f1(
    hits: Tensor, predicted: Tensor, actual: Tensor, *, skip_absent: bool
) -> tuple[float, float]:
    both = predicted + actual
    micro = 2 * hits.sum() / both.sum().clamp(min=1)
    per_class = torch.where(both > 0, 2 * hits / both.clamp(min=1), 0.0)
    if skip_absent:
        per_class = per_class[both > 0]
    return float(micro), float(per_class.mean())


def _check(predicted: Tensor, target: Tensor) -> None:
    if predicted.shape != target.shape:
        raise DataError(
            f"predictions have shape {list(predicted.shape)}, targets {list(target.shape)}."
        )
    if predicted.numel() == 0:
        raise DataError("there is nothing to score: the part is empty.")
