"""Accuracy and F1, single- and multi-label."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.errors import DataError

__all__ = ["accuracy", "multi_label_f1", "roc_auc", "roc_auc_ovr", "single_label_f1"]


def accuracy(predicted: Tensor, target: Tensor) -> float:
    """Returns the fraction of equal entries.

    Args:
        predicted: ``[n]`` classes.
        target: ``[n]`` classes.

    Raises:
        DataError: If the shapes differ or there is no entry.

    Example:
        >>> accuracy(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1, 2]))
        0.75
    """
    _check(predicted, target)
    return float((predicted == target).double().mean())


def single_label_f1(predicted: Tensor, target: Tensor, num_classes: int) -> tuple[float, float]:
    """Returns ``(micro, macro)`` F1 of classes.

    As in scikit-learn, macro averages over the classes that occur in ``target`` or ``predicted``;
    with one label per node, micro-F1 is the accuracy.

    Args:
        predicted: ``[n]`` int classes.
        target: ``[n]`` int classes.
        num_classes: Number of classes.

    Raises:
        DataError: If the shapes differ or there is no entry.

    Example:
        >>> micro, macro = single_label_f1(torch.tensor([0, 0]), torch.tensor([0, 1]), 2)
        >>> micro, round(macro, 4)
        (0.5, 0.3333)
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

    Example:
        >>> target = torch.tensor([[True, False], [True, True]])
        >>> micro, macro = multi_label_f1(torch.tensor([[True, False], [True, False]]), target)
        >>> micro, macro
        (0.8, 0.5)
    """
    _check(predicted, target)
    predicted, target = predicted.bool(), target.bool()
    hits = (predicted & target).sum(0).double()
    return _f1(hits, predicted.sum(0).double(), target.sum(0).double(), skip_absent=False)


def roc_auc(scores: Tensor, target: Tensor) -> float:
    """Returns the area under the ROC curve: how often a positive outranks a negative.

    Ties count half. O(n log n).

    Args:
        scores: ``[n]``, larger is more likely positive.
        target: ``[n]`` bool.

    Raises:
        DataError: If the shapes differ, or all targets are the same.

    Example:
        >>> roc_auc(torch.tensor([0.9, 0.4, 0.6, 0.1]), torch.tensor([True, True, False, False]))
        0.75
    """
    _check(scores, target)
    target = target.bool()
    positives, negatives = int(target.sum()), int((~target).sum())
    if not positives or not negatives:
        raise DataError("the area under the ROC curve needs positive and negative targets.")
    _, inverse, counts = torch.unique(scores, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    mean_rank = last - (counts.double() - 1) / 2
    total = mean_rank[inverse[target]].sum()
    return float((total - positives * (positives + 1) / 2) / (positives * negatives))


def roc_auc_ovr(scores: Tensor, target: Tensor) -> float:
    """Returns the mean over classes of the area under the ROC curve of one against the rest.

    Args:
        scores: ``[n, num_classes]``, for example probabilities.
        target: ``[n]`` int classes.

    Raises:
        DataError: If the numbers of rows differ, or a class is missing or alone in ``target``.

    Example:
        >>> scores = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.7, 0.3]])
        >>> roc_auc_ovr(scores, torch.tensor([0, 0, 1, 1]))
        0.75
    """
    if scores.dim() != 2 or scores.shape[:1] != target.shape:
        raise DataError(
            f"scores have shape {list(scores.shape)} and targets {list(target.shape)}; "
            "expected [n, num_classes] and [n]."
        )
    areas = [roc_auc(scores[:, label], target == label) for label in range(scores.shape[1])]
    return sum(areas) / len(areas)


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
        raise DataError("there is nothing to score: the split is empty.")
