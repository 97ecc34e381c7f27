"""Named tensors in one safetensors file, written atomically and memory-mapped when read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hetgraph.errors import FileFormatError
from hetgraph.files import atomic_path

__all__ = ["load_tensors", "save_tensors"]


def save_tensors(
    tensors: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes tensors of any device and stride to one file, atomically.

    Tensors that overlap in memory are stored separately.

    Args:
        tensors: The tensors by name.
        path: The file; an existing one is replaced.
        metadata: Strings for the header of the file.

    Raises:
        OutputError: If the file cannot be written.
    """
    ready = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(_apart(ready), temporary, metadata=dict(metadata) if metadata else None)
        # safetensors makes the file readable by its owner only; restore the usual permissions.
        temporary.chmod(0o666 & ~_umask())


def load_tensors(path: str | os.PathLike[str], device: str = "cpu") -> dict[str, Tensor]:
    """Reads tensors written by :func:`save_tensors`.

    On the CPU the file is memory-mapped: nothing is copied, and pages are read on first use.

    Raises:
        FileFormatError: If the file is missing, truncated or not a safetensors file.
    """
    file = Path(path)
    if not file.is_file():
        raise FileFormatError(f"{file} is missing; write it again or copy the whole folder.")
    try:
        with safe_open(file, framework="pt", device=device) as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise FileFormatError(
            f"{file} is truncated or not a safetensors file ({error}); write or fetch it again."
        ) from error


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Clones every tensor that overlaps in memory with an earlier one."""
    end = 0
    result = dict(tensors)
    spans = sorted((value.data_ptr(), name) for name, value in tensors.items() if value.numel())
    for start, name in spans:
        if start < end:
            result[name] = tensors[name].clone(memory_format=torch.contiguous_format)
        end = max(end, start + tensors[name].nbytes)
    return result


def _umask() -> int:
    # The mask can only be read by setting it; the second call restores it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
