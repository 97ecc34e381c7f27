"""The consistency recipe over several dropout views."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.nn.losses import LossFunction
from hetgraph.tasks import TaskSpec

__all__ = ["consistency_terms", "pseudo_labels"]


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
