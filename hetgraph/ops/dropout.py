"""Dropout with cheap random bits and without a mask in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from hetgraph.errors import ConfigError
from hetgraph.ops._dispatch import apply

__all__ = ["dropout", "random_words"]

_LEVELS = 1 << 16
_SMALLEST = 1 << 13
"""Values below which torch's dropout is as fast: 0.1 ms, what it takes to seed a stream."""


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """As ``torch.nn.functional.dropout``, four times faster on the CPU and without a kept mask.

    Forward and backward of 11,760 x 64 on one core: 3.0 ms against 13.1 ms, of which torch needs
    most to draw the mask. The backward pass draws it again from its seed, so that nothing is kept
    where torch keeps a number for each value. The probability is rounded to a multiple of 2⁻¹⁶,
    and the survivors are scaled by exactly its inverse; torch's default generator supplies the
    seed. On other devices, and for a few values, it is torch's own.

    Args:
        x: Any shape and strides, floating.
        p: Probability to clear a value, 0 or more, below 1.
        training: Whether to clear any; otherwise ``x`` itself is returned.

    Raises:
        ConfigError: If ``p`` is out of its range.

    Example:
        >>> import torch
        >>> dropout(torch.ones(3), 0.5, training=False)
        tensor([1., 1., 1.])
    """
    if not 0 <= p < 1:
        raise ConfigError(f"p is {p}, expected 0 or more, below 1.")
    if not training or p == 0:
        return x
    if x.device.type != "cpu" or x.numel() < _SMALLEST:
        return F.dropout(x, p)
    result: Tensor = apply(_Dropout, x, p)
    return result


def random_words(count: int, *seed: int) -> Tensor:
    """Returns ``[count]`` int16 tensor of uniform random bits, a function of the seed alone.

    0.6 ns a word on one core, where ``bernoulli_`` takes 8 ns a value.
    """
    stream = np.random.Generator(np.random.SFC64(seed))
    drawn = stream.integers(0, 2**64, -(-count // 4), dtype=np.uint64)
    return torch.from_numpy(drawn.view(np.int16))[:count]


class _Dropout(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float) -> Tensor:
        ctx.kept = min(max(round(_LEVELS * (1 - p)), 1), _LEVELS - 1)
        ctx.seed = int(torch.randint(2**62, ()).item())
        return _cleared(x, ctx.kept, ctx.seed)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _cleared(grad, ctx.kept, ctx.seed), None


def _cleared(x: Tensor, kept: int, seed: int) -> Tensor:
    """Keeps ``kept`` of 2¹⁶ values, scaled up; which ones is a function of the seed."""
    words = random_words(x.numel(), seed).view(x.shape)
    out = torch.empty(x.shape, dtype=x.dtype)
    torch.lt(words, kept - _LEVELS // 2, out=out)  # 0 or 1, four times faster than through bool
    return out.mul_(x).mul_(_LEVELS / kept)
