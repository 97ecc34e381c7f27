"""The contrastive loss of two views, without the matrix of all pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hetgraph.errors import DataError
from hetgraph.ops import unit_rows
from hetgraph.ops.dense import matmul_into

__all__ = ["info_nce"]

_TILE = 2**22  # pairs at a time: 16 MiB of float32


def info_nce(one: Tensor, other: Tensor, temperature: float = 0.5) -> Tensor:
    """Returns the symmetric InfoNCE loss of two views of the same nodes.

    ``1/2 [CE(S, diagonal) + CE(S^T, diagonal)]`` with ``S`` the cosines over the temperature: a
    node's two views belong together, all other pairs do not. O(n^2 dim) time, O(n dim) memory:
    rows of ``S`` are made a tile at a time, and again in the backward pass.

    Args:
        one: ``[n, dim]``, scaled to length one here.
        other: ``[n, dim]``.
        temperature: Positive; cosines over it must not overflow, so 0.02 or more.

    Raises:
        DataError: If shapes differ or the temperature is too low.

    Source: van den Oord et al., 2018; symmetric as in Chen et al., ICML 2020.
    """
    if one.shape != other.shape or one.dim() != 2:
        raise DataError(
            f"views have shapes {list(one.shape)} and {list(other.shape)}, expected twice [n, dim]."
        )
    if temperature < 0.02:
        raise DataError(f"temperature is {temperature}, expected 0.02 or more.")
    if not len(one):
        return (one.sum() + other.sum()) * 0
    scale = math.sqrt(temperature)
    with torch.autocast(one.device.type, enabled=False):
        views = (
            unit_rows(x if x.dtype == torch.float64 else x.float()) / scale for x in (one, other)
        )
        loss: Tensor = _InfoNCE.apply(*views)  # type: ignore[no-untyped-call]
    return loss


class _InfoNCE(Function):
    """Of vectors whose products are the logits. These are small, so no maximum is taken off."""

    @staticmethod
    def forward(ctx: Any, one: Tensor, other: Tensor) -> Tensor:
        by_row, by_col = one.new_empty(len(one)), one.new_zeros(len(one))
        for tile, pairs in _tiles(one, other):
            torch.sum(pairs, 1, out=by_row[tile])
            by_col += pairs.sum(0)
        ctx.save_for_backward(one, other, by_row, by_col)
        own = torch.linalg.vecdot(one, other).mean()
        loss: Tensor = (by_row.log().mean() + by_col.log().mean()) / 2 - own
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        one, other, by_row, by_col = ctx.saved_tensors
        count = len(one)
        by_one, by_other = torch.empty_like(one), other.new_zeros(other.shape)
        columns = by_col.reciprocal()
        for tile, pairs in _tiles(one, other):
            pairs *= columns + by_row[tile].reciprocal().unsqueeze(1)
            torch.mm(pairs, other, out=by_one[tile])
            by_other.addmm_(pairs.t(), one[tile])
        scale = grad / (2 * count)
        return (by_one - 2 * other) * scale, (by_other - 2 * one) * scale


def _tiles(one: Tensor, other: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yields some rows at a time and ``exp(one @ other.T)`` of them, in memory used again."""
    count = len(one)
    size = min(max(_TILE // count, 1), count)
    room = one.new_empty(size, count)
    for start in range(0, count, size):
        rows = slice(start, min(start + size, count))
        yield rows, matmul_into(one[rows], other.t(), room[: rows.stop - start]).exp_()
