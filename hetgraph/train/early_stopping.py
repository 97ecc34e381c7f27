"""When to stop, and which weights were the best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

__all__ = ["EarlyStopping", "copy_weights"]


@dataclass(frozen=True)
class EarlyStopping:
    """How a value that should grow has developed over the evaluations of a stage.

    Args:
        best: The greatest value.
        best_epoch: Epochs that were over when it was reached; ``None`` before the first value.
        last_epoch: Epochs that were over at the last evaluation.
        waited: Epochs since the last strict improvement.

    Example:
        >>> stopping = EarlyStopping().update(0.5, epoch=1).update(0.4, epoch=2)
        >>> stopping.best_epoch, stopping.waited, stopping.is_exhausted(patience=0)
        (1, 1, True)
    """

    best: float = -math.inf
    best_epoch: int | None = None
    last_epoch: int = 0
    waited: int = 0

    def update(self, value: float, epoch: int) -> EarlyStopping:
        """Returns the state after ``epoch`` epochs; ``best_epoch`` is that epoch if it improved.

        An evaluation that does not improve strictly adds the epochs since the one before it to
        the waiting time.
        """
        if value > self.best:
            return EarlyStopping(value, epoch, epoch, 0)
        waited = self.waited + epoch - self.last_epoch
        return replace(self, last_epoch=epoch, waited=waited)

    def is_exhausted(self, patience: int | None) -> bool:
        """Whether more than ``patience`` epochs were waited; ``None`` waits forever."""
        return patience is not None and self.waited > patience


@torch.no_grad()
def copy_weights(
    model: nn.Module, into: Mapping[str, Tensor] | None = None
) -> Mapping[str, Tensor]:
    """Returns a copy of a model's parameters and buffers.

    Args:
        model: The model.
        into: An earlier copy, which is overwritten: a new one would cost memory each time.
    """
    current = model.state_dict()
    if into is None:
        return {name: value.detach().clone() for name, value in current.items()}
    for name, value in current.items():
        into[name].copy_(value)
    return into
