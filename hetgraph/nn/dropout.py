"""Dropout as a module."""

from __future__ import annotations

from torch import Tensor, nn

from hetgraph.ops import dropout

__all__ = ["Dropout"]


class Dropout(nn.Module):
    """As ``torch.nn.Dropout``, by the faster :func:`hetgraph.ops.dropout`.

    Args:
        p: Probability to clear a value, in [0, 1).

    Example:
        >>> import torch
        >>> Dropout(0.5).eval()(torch.ones(3))
        tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``x`` with values cleared at random, in training only."""
        return dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """Returns the probability for ``repr``."""
        return f"p={self.p}"
