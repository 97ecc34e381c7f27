"""Rows scaled to unit length, with little memory for the backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hetgraph.errors import DataError
from hetgraph.ops._dispatch import apply

__all__ = ["unit_rows"]

_EPS = 1e-12


def unit_rows(x: Tensor) -> Tensor:
    """Returns ``x / |x|`` row by row; rows of zeros stay zeros and get no gradient.

    Equals ``torch.nn.functional.normalize``, which stores several tensors of the size of ``x`` and
    reads them a dozen times in its backward pass; here only the result and one number per row are
    stored, and read in three passes. O(num_rows * dim).

    Args:
        x: ``[num_rows, dim]`` floating-point tensor.

    Raises:
        DataError: If ``x`` is not a floating-point matrix.

    Example:
        >>> unit_rows(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    if x.dim() != 2 or not x.is_floating_point():
        raise DataError(f"x is {x.dtype} {list(x.shape)}, expected floating-point [num_rows, dim].")
    result: Tensor = apply(_UnitRows, x)
    return result


class _UnitRows(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        length = x.norm(dim=1, keepdim=True)
        unit: Tensor = x / length.clamp(min=_EPS)
        # d unit / d x = (I - unit unit^T) / length; zero where the length is zero.
        inverse = torch.where(length > _EPS, length.reciprocal(), 0.0)
        ctx.save_for_backward(unit, inverse)
        return unit

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        unit, inverse = ctx.saved_tensors
        along = torch.linalg.vecdot(grad, unit).unsqueeze(1)
        result: Tensor = torch.addcmul(grad, along, unit, value=-1).mul_(inverse)
        return result
