"""Losses and metrics of classes, of nodes and of edges alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.errors import ConfigError
from hetgraph.metrics import accuracy, multi_label_f1, roc_auc_ovr, single_label_f1
from hetgraph.nn.losses import LossFunction, LossName, choose_loss

__all__ = [
    "ClassWeights",
    "check_label_smoothing",
    "chosen_settings",
    "class_criterion",
    "class_metrics",
    "class_weights",
]

ClassWeights = Literal["balanced"] | tuple[float, ...] | None


def class_weights(wanted: ClassWeights, train: Tensor, num_classes: int) -> Tensor | None:
    """Returns ``[num_classes]`` weights with which classes count in the loss.

    Args:
        wanted: One number per class, ``"balanced"`` or ``None``.
        train: Classes of the training samples, ``[n]`` or ``[n, num_classes]`` 0/1.
        num_classes: Number of classes.

    Raises:
        ConfigError: If there is not one positive number per class.

    Example:
        >>> class_weights("balanced", torch.tensor([0, 0, 0, 1]), 2).tolist()
        [0.5, 1.5]
    """
    if wanted is None:
        return None
    if wanted == "balanced":
        counts = train.sum(0) if train.dim() == 2 else torch.bincount(train, minlength=num_classes)
        weights = 1 / counts.clamp(min=1).double()
        return (weights * (num_classes / weights.sum())).float()
    numbers = cast(Sequence[float], wanted)
    if len(numbers) != num_classes or min(numbers) <= 0:
        raise ConfigError(
            f"task.class_weights is {list(numbers)}, expected {num_classes} positive numbers, one "
            "per class, or 'balanced'."
        )
    return torch.tensor(numbers)


def class_criterion(
    name: str,
    train: Tensor,
    num_classes: int,
    *,
    weights: ClassWeights = None,
    smoothing: float = 0.0,
) -> LossFunction:
    """Returns the mean loss of logits against classes.

    Args:
        name: See :func:`hetgraph.nn.choose_loss`.
        train: Classes of the training samples, ``[n]`` or ``[n, num_classes]`` 0/1.
        num_classes: Number of classes.
        weights: See :func:`class_weights`.
        smoothing: Fraction of a label that goes to all classes alike.

    Raises:
        ConfigError: If the loss does not fit the labels, or takes no weights.
    """
    multi_label = train.dim() == 2
    plain = choose_loss(cast(LossName, name), multi_label=multi_label)
    by_class = class_weights(weights, train, num_classes)
    if by_class is None and not smoothing:
        return lambda logits, target: plain(logits.float(), target)
    if name == "kl":
        raise ConfigError("the loss 'kl' takes no class weights and no label smoothing.")

    def weighted(logits: Tensor, target: Tensor) -> Tensor:
        weight = None if by_class is None else by_class.to(logits.device)
        if not multi_label:
            return F.cross_entropy(logits.float(), target, weight, label_smoothing=smoothing)
        smooth = target.float() * (1 - smoothing) + smoothing / 2
        return F.binary_cross_entropy_with_logits(logits.float(), smooth, weight)

    return weighted


def check_label_smoothing(fraction: float) -> None:
    """Checks the fraction of a label that goes to all classes alike.

    Raises:
        ConfigError: If it is negative, or 1 or more.
    """
    if not 0 <= fraction < 1:
        raise ConfigError(f"task.label_smoothing is {fraction}, expected 0 or more, below 1.")


def chosen_settings(options: Any) -> tuple[str, ...]:
    """Returns the settings of the loss of classes that differ from their defaults.

    Args:
        options: Of a family, with ``class_weights`` and ``label_smoothing``.
    """
    chosen = {
        "task.class_weights": options.class_weights is not None,
        "task.label_smoothing": options.label_smoothing != 0,
    }
    return tuple(name for name, is_set in chosen.items() if is_set)


def class_metrics(logits: Tensor, target: Tensor, threshold: float = 0.5) -> dict[str, float]:
    """Returns ``micro_f1 macro_f1 accuracy f1_mean``, and ``auc`` where every class occurs.

    Args:
        logits: ``[n, num_classes]``.
        target: ``[n]`` classes, or ``[n, num_classes]`` 0/1.
        threshold: Probability above which one of several labels counts.
    """
    num_classes = logits.shape[1]
    if target.dim() == 2:
        predicted = logits.sigmoid() > threshold
        micro, macro = multi_label_f1(predicted, target > 0)
        exact = float((predicted == (target > 0)).all(dim=1).float().mean())
    else:
        predicted = logits.argmax(dim=1)
        micro, macro = single_label_f1(predicted, target, num_classes)
        exact = accuracy(predicted, target)
    metrics = {
        "micro_f1": micro,
        "macro_f1": macro,
        "accuracy": exact,
        "f1_mean": (micro + macro) / 2,
    }
    if target.dim() == 1 and num_classes > 1 and len(set(target.tolist())) == num_classes:
        metrics["auc"] = roc_auc_ovr(logits.softmax(dim=1), target)
    return metrics
