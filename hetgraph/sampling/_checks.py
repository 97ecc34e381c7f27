"""Checks of the nodes that samplers are asked about."""

from __future__ import annotations

from torch import Tensor

from hetgraph.errors import DataError

__all__ = ["check_ids"]


def check_ids(what: str, ids: Tensor, size: int) -> None:
    """Checks that ids are those of nodes, or rows of a matrix.

    Args:
        what: What they are called in the message.
        ids: ``[n]`` integers.
        size: Number of nodes or rows.

    Raises:
        DataError: If one is outside of ``0..size - 1``, or they are no integers.
    """
    if ids.dim() != 1 or ids.is_floating_point():
        raise DataError(f"{what} are {ids.dtype} {list(ids.shape)}, expected integers [n].")
    if not ids.numel():
        return
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= size:
        bad = low if low < 0 else high
        raise DataError(f"{what}: {bad} is outside of 0..{size - 1}.")
