"""When to stop, and which weights were the best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["BestWeights", "EarlyStopping"]


class EarlyStopping:
    """Follows a value that should grow and tells when it has not for too long.

    An evaluation that does not improve strictly adds the epochs since the one before it to the
    waiting time; training stops when the waiting time exceeds the patience.

    Args:
        patience: Tolerated epochs without improvement; ``None`` never stops.
    """

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.best = -math.inf
        self.best_epoch: int | None = None
        self._last_epoch = 0
        self._waited = 0

    def update(self, value: float, epoch: int) -> bool:
        """Notes the value after ``epoch`` epochs; returns whether it is the best so far."""
        improved = value > self.best
        if improved:
            self.best, self.best_epoch, self._waited = value, epoch, 0
        else:
            self._waited += epoch - self._last_epoch
        self._last_epoch = epoch
        return improved

    @property
    def should_stop(self) -> bool:
        """Whether the patience is used up."""
        return self.patience is not None and self._waited > self.patience

    def state_dict(self) -> dict[str, Any]:
        """Returns what :meth:`load_state_dict` needs."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "last_epoch": self._last_epoch,
            "waited": self._waited,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from a saved state."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self._last_epoch, self._waited = state["last_epoch"], state["waited"]


class BestWeights:
    """A copy of a model's parameters and buffers, refreshed in place."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] | None = None

    def keep(self, model: nn.Module) -> None:
        """Copies the present weights."""
        current = model.state_dict()
        if self.tensors is None:
            self.tensors = {name: value.detach().clone() for name, value in current.items()}
            return
        with torch.no_grad():
            for name, value in current.items():
                self.tensors[name].copy_(value)

    def restore(self, model: nn.Module) -> None:
        """Puts the kept weights back, if any were kept."""
        if self.tensors is not None:
            model.load_state_dict(self.tensors)
