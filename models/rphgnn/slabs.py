"""The prepared tensors: one ``[rows, slots, dim]`` slab per group, in memory or in files."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from hetgraph.errors import DataError, FileFormatError
from hetgraph.files import OutputError, explain_os_error

__all__ = ["SlabWriter", "Slabs", "load_slabs", "slab_bytes"]

_DTYPES = {"float16": torch.float16, "float32": torch.float32}
_META = "slabs.json"


def slab_bytes(num_rows: int, shapes: Sequence[tuple[int, int]], storage: str) -> int:
    """Returns the bytes of all slabs."""
    values = sum(slots * dim for slots, dim in shapes)
    return num_rows * values * _DTYPES[storage].itemsize


@dataclass(frozen=True, eq=False)
class Slabs:
    """Prepared tensors of the stored target nodes.

    Args:
        tensors: ``[num_rows, slots, dim]`` of each group.
        nodes: ``[num_rows]`` int64 target node of each row, increasing.
    """

    tensors: tuple[Tensor, ...]
    nodes: Tensor
    _resident: dict[torch.device, list[Tensor] | None] = field(default_factory=dict, repr=False)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self.tensors)

    def rows_on(self, rows: Tensor, device: torch.device) -> list[Tensor]:
        """Returns ``[batch, slots, dim]`` rows of every group on an accelerator.

        The slabs move there once if they fit into half of its free memory; else rows are gathered
        into page-locked memory and copied batch by batch.
        """
        if device not in self._resident:
            free, _ = torch.cuda.mem_get_info(device)
            fits = self.nbytes < free / 2
            moved = [tensor.to(device) for tensor in self.tensors] if fits else None
            self._resident[device] = moved
        there = self._resident[device]
        if there is not None:
            index = rows.to(device)
            return [tensor[index] for tensor in there]
        index = rows.cpu()
        gathered = (tensor[index].pin_memory() for tensor in self.tensors)
        return [tensor.to(device, non_blocking=True) for tensor in gathered]

    def positions(self, nodes: Tensor) -> Tensor:
        """Returns the row of each node.

        Raises:
            DataError: If a node is not stored.
        """
        rows = torch.searchsorted(self.nodes, nodes)
        stored = rows < self.nodes.numel()
        stored &= self.nodes[rows.clamp(max=max(self.nodes.numel() - 1, 0))] == nodes
        if not bool(stored.all()):
            missing = int(nodes[~stored][0])
            raise DataError(
                f"target node {missing} was not prepared; set keep_rows='all' to store every node."
            )
        return rows


class SlabWriter:
    """Allocates the slabs and fills them with blocks of rows.

    Args:
        nodes: ``[num_rows]`` int64 target nodes to keep, increasing.
        shapes: ``(slots, dim)`` of each group.
        storage: ``"float16"`` or ``"float32"``.
        folder: Where the slabs are memory-mapped; ``None`` keeps them in memory.
    """

    def __init__(
        self,
        nodes: Tensor,
        shapes: Sequence[tuple[int, int]],
        storage: str = "float16",
        folder: Path | None = None,
    ) -> None:
        self.nodes = nodes
        self._dtype = _DTYPES[storage]
        sizes = [(nodes.numel(), slots, dim) for slots, dim in shapes]
        self._maps: list[np.memmap[Any, Any]] = []
        if folder is None:
            self.tensors = [torch.empty(size, dtype=self._dtype) for size in sizes]
            return
        folder.mkdir(parents=True, exist_ok=True)
        meta = {"storage": storage, "sizes": sizes}
        (folder / _META).write_text(json.dumps(meta), encoding="utf-8")
        np.save(folder / "nodes.npy", nodes.numpy(), allow_pickle=False)
        self._maps = [_create(_file(folder, i), size, storage) for i, size in enumerate(sizes)]
        self.tensors = [torch.from_numpy(array) for array in self._maps]

    def write(self, group: int, slot: int, start: int, rows: Tensor) -> None:
        """Stores the kept ones among the target nodes ``start``, ``start + 1``, ..."""
        ends = torch.tensor([start, start + rows.shape[0]])
        low, high = torch.searchsorted(self.nodes, ends).tolist()
        if low == high:
            return
        if high - low < rows.shape[0]:
            rows = rows[self.nodes[low:high] - start]
        self.tensors[group][low:high, slot] = rows
        if self._maps:
            _release(self._maps[group])

    def finish(self) -> Slabs:
        """Returns the filled slabs."""
        for array in self._maps:
            array.flush()
        return Slabs(tuple(self.tensors), self.nodes)


def load_slabs(folder: Path, *, in_memory: bool) -> Slabs:
    """Reads slabs that a :class:`SlabWriter` left in a folder.

    Args:
        folder: The folder.
        in_memory: Whether to read them whole, or to map the files.

    Raises:
        FileFormatError: If a file is missing or does not fit.
    """
    try:
        meta = json.loads((folder / _META).read_text(encoding="utf-8"))
        nodes = torch.from_numpy(np.load(folder / "nodes.npy", allow_pickle=False))
        mode: Literal["c"] | None = None if in_memory else "c"
        arrays = [
            np.load(_file(folder, i), mmap_mode=mode, allow_pickle=False)
            for i in range(len(meta["sizes"]))
        ]
    except (OSError, ValueError, KeyError) as error:
        raise FileFormatError(f"{folder} holds no complete slabs ({error}); remove it.") from error
    if [list(array.shape) for array in arrays] != [list(size) for size in meta["sizes"]]:
        raise FileFormatError(f"{folder} holds slabs of other shapes; remove it.")
    return Slabs(tuple(torch.from_numpy(array) for array in arrays), nodes)


def _create(path: Path, size: tuple[int, int, int], storage: str) -> np.memmap[Any, Any]:
    """Maps a new file whose space on the disk is reserved: a full disk would kill the process."""
    try:
        array = np.lib.format.open_memmap(path, "w+", storage, size)
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        reason = explain_os_error(error) or str(error)
        raise OutputError(
            f"cannot store the prepared tensors in {path.parent}: {reason}."
        ) from error
    return array


def _file(folder: Path, group: int) -> Path:
    return folder / f"group{group:03d}.npy"


def _release(array: np.memmap[Any, Any]) -> None:
    """Drops the resident pages of a mapped slab; the kernel writes them out when it likes."""
    mapped = array._mmap  # type: ignore[attr-defined]
    if hasattr(mapped, "madvise"):
        mapped.madvise(mmap.MADV_DONTNEED)
