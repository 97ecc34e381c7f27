"""Losses by name: of classes, and of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from hetgraph.errors import ConfigError

__all__ = ["LossFunction", "LossName", "choose_loss", "multi_hot_kl"]

LossFunction = Callable[[Tensor, Tensor], Tensor]
LossName = Literal["auto", "cross_entropy", "bce", "kl", "mse"]


def multi_hot_kl(logits: Tensor, target: Tensor) -> Tensor:
    """Returns the mean over nodes of ``-sum_c y_c log softmax(logits)_c`` with plain 0/1 ``y``.

    A node with m classes weighs m times; up to a constant this is KL(y || softmax).

    Args:
        logits: ``[num_nodes, num_classes]``.
        target: ``[num_nodes, num_classes]`` of 0 and 1.

    Example:
        >>> import torch
        >>> round(multi_hot_kl(torch.zeros(1, 2), torch.tensor([[1, 1]])).item(), 4)  # 2 log 2
        1.3863
    """
    return -(target.to(logits.dtype) * F.log_softmax(logits, dim=1)).sum(dim=1).mean()


def _bce(logits: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype))


def _mse(predicted: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(predicted.squeeze(1), target.to(predicted.dtype))


def choose_loss(
    name: LossName, *, numbers: bool = False, multi_label: bool = False
) -> LossFunction:
    """Returns the mean loss over the rows of a batch.

    Args:
        name: ``"auto"``, ``"cross_entropy"``, ``"bce"``, ``"kl"`` or ``"mse"``.
        numbers: Whether numbers are predicted, not classes.
        multi_label: Whether a row can have several classes.

    Raises:
        ConfigError: If the loss does not fit what is predicted.

    Example:
        >>> import torch
        >>> choose_loss("auto", numbers=True)(torch.tensor([[1.0]]), torch.tensor([3.0])).item()
        4.0
    """
    if name == "auto":
        name = "mse" if numbers else "bce" if multi_label else "cross_entropy"
    if (name == "mse") != numbers:
        what, fitting = ("numbers", "mse") if numbers else ("classes", "cross_entropy")
        raise ConfigError(f"loss={name!r} does not fit {what}; use {fitting!r} or 'auto'.")
    if not numbers and (name == "cross_entropy") == multi_label:
        kind = "several labels" if multi_label else "one label"
        fitting = "'bce' or 'kl'" if multi_label else "'cross_entropy'"
        raise ConfigError(f"loss={name!r} does not fit {kind} per sample; use {fitting} or 'auto'.")
    functions: dict[str, LossFunction] = {
        "cross_entropy": F.cross_entropy,
        "bce": _bce,
        "kl": multi_hot_kl,
        "mse": _mse,
    }
    return functions[name]
