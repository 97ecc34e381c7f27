"""Buffers that are used again, because fresh memory is dear.

The first touch of a new 240 MB tensor costs 0.1 to 0.2 s in page faults, as much as the sparse
product that fills it; a round needs dozens of them.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Pool"]


class Pool:
    """Hands out uninitialised float32 matrices and takes them back.

    Args:
        device: Where the buffers live.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self._free: list[Tensor] = []
        self._lent: dict[int, Tensor] = {}

    def take(self, rows: int, cols: int) -> Tensor:
        """Returns a contiguous ``[rows, cols]`` matrix of arbitrary content."""
        size = rows * cols
        fitting = [buffer for buffer in self._free if size <= buffer.numel() <= 4 * size]
        if fitting:
            buffer = min(fitting, key=torch.Tensor.numel)
            self._remove(buffer)
        else:
            smaller = [buffer for buffer in self._free if buffer.numel() < size]
            if smaller:  # Its place is taken by the new one.
                self._remove(max(smaller, key=torch.Tensor.numel))
                smaller.clear()
            buffer = torch.empty(size, dtype=torch.float32, device=self.device)
        if size:
            self._lent[buffer.data_ptr()] = buffer
        return buffer[:size].view(rows, cols)

    def give(self, matrix: object) -> None:
        """Takes a matrix back; anything that is not from here is ignored."""
        if isinstance(matrix, Tensor):
            buffer = self._lent.pop(matrix.data_ptr(), None)
            if buffer is not None:
                self._free.append(buffer)

    def _remove(self, buffer: Tensor) -> None:
        self._free = [free for free in self._free if free is not buffer]
