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

__all__ = ["info_nce"]

_TILE = 2**23  # pairs at a time: 32 MiB of float32


def info_nce(
    one: Tensor, other: Tensor, temperature: float = 0.5, *, group: Tensor | None = None
) -> Tensor:
    """Returns the symmetric InfoNCE loss of two views of the same nodes.

    ``1/2 [CE(S, diagonal) + CE(S^T, diagonal)]`` with ``S`` the cosines over the temperature: a
    node's two views belong together, all other pairs do not. O(n^2 dim) time, O(n dim) memory:
    ``S`` is made a tile at a time, and again in the backward pass.

    Args:
        one: ``[n, dim]``, scaled to length one here.
        other: ``[n, dim]``.
        temperature: Positive; cosines over it must not overflow, so 0.02 or more.
        group: ``[n]`` integers; pairs of different nodes of one group are left out, since neither
            is wrong, as with nodes of equal texts.

    Raises:
        DataError: If shapes differ or the temperature is too low.

    Example:
        >>> same = torch.eye(2)
        >>> round(info_nce(same, same, temperature=1.0).item(), 4)  # log(1 + 1 / e)
        0.3133

    Source: van den Oord et al., 2018; symmetric as in Chen et al., ICML 2020.
    """
    if one.shape != other.shape or one.dim() != 2:
        raise DataError(
            f"views have shapes {list(one.shape)} and {list(other.shape)}, expected twice [n, dim]."
        )
    if group is not None and group.shape != one.shape[:1]:
        raise DataError(f"group has shape {list(group.shape)}, expected [{len(one)}].")
    if temperature < 0.02:
        raise DataError(f"temperature is {temperature}, expected 0.02 or more.")
    if not len(one):
        return (one.sum() + other.sum()) * 0
    scale = math.sqrt(temperature)
    with torch.autocast(one.device.type, enabled=False):
        views = (
            unit_rows(x if x.dtype == torch.float64 else x.float()) / scale for x in (one, other)
        )
        loss: Tensor = _InfoNCE.apply(*views, group)  # type: ignore[no-untyped-call]
    return loss


class _InfoNCE(Function):
    """Of vectors whose products are the logits. These are small, so no maximum is taken off."""

    @staticmethod
    def forward(ctx: Any, one: Tensor, other: Tensor, group: Tensor | None) -> Tensor:
        by_one, by_other = one.new_empty(len(one)), one.new_zeros(len(one))
        for tile, pairs, _ in _tiles(one, other, group):
            torch.sum(pairs, 0, out=by_one[tile])
            by_other += pairs.sum(1)
        ctx.save_for_backward(one, other, group, by_one, by_other)
        own = torch.linalg.vecdot(one, other).mean()
        loss: Tensor = (by_one.log().mean() + by_other.log().mean()) / 2 - own
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        one, other, group, by_one, by_other = ctx.saved_tensors
        to_one, to_other = torch.empty_like(one), other.new_zeros(other.shape)
        share = by_other.reciprocal().unsqueeze(1)
        for tile, pairs, weight in _tiles(one, other, group):
            pairs *= torch.add(share, by_one[tile].reciprocal(), out=weight)
            torch.mm(pairs.t(), other, out=to_one[tile])
            to_other.addmm_(pairs, one[tile])
        scale = grad / (2 * len(one))
        return (to_one - 2 * other) * scale, (to_other - 2 * one) * scale, None


def _tiles(
    one: Tensor, other: Tensor, group: Tensor | None
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yields some rows of ``one`` at a time, ``exp(other @ one[rows].T)``, and as much room again.

    The products are tall: MKL takes 1.6 times as long for wide ones (9,877 x 320 x 848, two cores
    of an AMD EPYC). Both tensors lie in memory that is used again for the next rows.
    """
    count = len(one)
    size = min(max(_TILE // count // 64 * 64, 1), count)  # rows of whole cache lines, 2.5 x faster
    pairs, room = one.new_empty(count * size), one.new_empty(count * size)
    for start in range(0, count, size):
        rows = slice(start, min(start + size, count))
        shape = (count, rows.stop - start)
        tile, rest = (x[: shape[0] * shape[1]].view(shape) for x in (pairs, room))
        torch.mm(other, one[rows].t(), out=tile).exp_()
        if group is not None:
            twins = group.unsqueeze(1) == group[rows]
            twins.diagonal(-start).fill_(False)
            tile.masked_fill_(twins, 0)
        yield rows, tile, rest
