"""Losses by name, and the consistency recipe over several dropout views."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.errors import ConfigError
from hetgraph.tasks import TaskSpec

__all__ = ["choose_loss", "consistency_terms", "multi_hot_kl", "pseudo_labels"]

LossFunction = Callable[[Tensor, Tensor], Tensor]


def multi_hot_kl(logits: Tensor, target: Tensor) -> Tensor:
    """Returns the mean over nodes of ``-sum_c y_c log softmax(logits)_c`` with plain 0/1 ``y``.

    A node with m classes weighs m times; up to a constant this is KL(y || softmax).
    """
    return -(target.to(logits.dtype) * F.log_softmax(logits, dim=1)).sum(dim=1).mean()


def _bce(logits: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype))


def choose_loss(name: str, spec: TaskSpec) -> LossFunction:
    """Returns the mean loss over the rows of a batch.

    Args:
        name: ``"auto"``, ``"cross_entropy"``, ``"bce"`` or ``"kl"``.
        spec: What is predicted.

    Raises:
        ConfigError: If the loss does not fit the task.
    """
    if name == "auto":
        name = "bce" if spec.multi_label else "cross_entropy"
    if (name == "cross_entropy") == spec.multi_label:
        kind = "several labels" if spec.multi_label else "one label"
        fitting = "'bce' or 'kl'" if spec.multi_label else "'cross_entropy'"
        raise ConfigError(f"loss={name!r} does not fit {kind} a node; use {fitting} or 'auto'.")
    functions: dict[str, LossFunction] = {
        "cross_entropy": F.cross_entropy,
        "bce": _bce,
        "kl": multi_hot_kl,
    }
    return functions[name]


def pseudo_labels(views: Sequence[Tensor], spec: TaskSpec, *, independent: bool) -> Tensor:
    """Returns hard labels from the mean prediction of several views.

    Args:
        views: ``[batch, num_outputs]`` logits of each view.
        spec: What is predicted.
        independent: Whether outputs are judged one by one (sigmoid) or against each other.

    Returns:
        ``[batch]`` classes, or ``[batch, num_outputs]`` 0/1 for multi-label tasks.
    """
    stacked = torch.stack([view.detach() for view in views])
    if independent:
        return (stacked.sigmoid().mean(dim=0) > 0.5).to(stacked.dtype)
    best = stacked.softmax(dim=2).mean(dim=0).argmax(dim=1)
    return F.one_hot(best, spec.num_outputs).to(stacked.dtype) if spec.multi_label else best


def consistency_terms(
    views: Sequence[Tensor],
    target: Tensor,
    labelled: Tensor,
    loss: LossFunction,
    guess: Tensor,
    weight: float,
) -> dict[str, Tensor]:
    """Returns the two terms of the recipe, each summed over the views.

    Args:
        views: ``[batch, num_outputs]`` logits of each dropout view.
        target: Labels of the batch; read at labelled rows only.
        labelled: ``[batch]`` bool, the training nodes.
        loss: Mean loss over rows.
        guess: What :func:`pseudo_labels` returned.
        weight: Weight of the term over all rows.
    """
    zero = views[0].sum() * 0
    known = bool(labelled.any())
    supervised = [loss(view[labelled], target[labelled]) for view in views] if known else [zero]
    agreement = [loss(view, guess) for view in views]
    return {
        "supervised": torch.stack(supervised).sum(),
        "consistency": weight * torch.stack(agreement).sum(),
    }
