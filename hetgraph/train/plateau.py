"""When a learning rate is lowered because validation no longer improves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["Plateau"]


@dataclass(frozen=True)
class Plateau:
    """When the rate was lowered because validation no longer improved.

    Args:
        best: The greatest value of the monitor.
        since: Epochs that were over at the last improvement or the last cut.
        cuts: For each cut, the epochs that were over.

    Example:
        >>> plateau = Plateau().update(0.5, epoch=1, patience=1).update(0.4, epoch=2, patience=1)
        >>> plateau.update(0.4, epoch=3, patience=1).cuts
        (3,)
    """

    best: float = -math.inf
    since: int = 0
    cuts: tuple[int, ...] = ()

    def update(self, value: float, epoch: int, patience: int) -> Plateau:
        """Returns the state after ``epoch`` epochs, of which the last gave ``value``."""
        if value > self.best:
            return Plateau(value, epoch, self.cuts)
        if epoch - self.since > patience:
            return replace(self, since=epoch, cuts=(*self.cuts, epoch))
        return self
