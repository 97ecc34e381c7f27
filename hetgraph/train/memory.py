"""Peak memory of a block of code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import torch

__all__ = ["PeakMemory"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class PeakMemory:
    """Context manager that measures the greatest memory in use within its block.

    ``resident_bytes`` is the high-water mark of the process's resident set, pages of mapped files
    included. Linux can reset the mark, so it is exact for the block; elsewhere, and where the
    reset is forbidden, it is the mark since the start of the process, an upper bound.
    ``cuda_bytes`` is the most that tensors took on the device, 0 on the CPU. Blocks may be nested.

    Args:
        device: The device whose memory to watch as well.
    """

    _open: ClassVar[list[PeakMemory]] = []

    def __init__(self, device: torch.device | None = None) -> None:
        self.resident_bytes = 0
        self.cuda_bytes = 0
        self._device = device if device is not None and device.type == "cuda" else None

    def __enter__(self) -> PeakMemory:
        self._note_all()
        PeakMemory._open.append(self)
        _reset_resident_mark()
        if self._device is not None:
            torch.cuda.reset_peak_memory_stats(self._device)
        return self

    def __exit__(self, *exc: object) -> None:
        self._note_all()
        PeakMemory._open.remove(self)

    def _note_all(self) -> None:
        """Notes the marks in every open block, before they are reset or the block ends."""
        for block in PeakMemory._open:
            block.resident_bytes = max(block.resident_bytes, _resident_mark())
            if block._device is not None:
                peak = torch.cuda.max_memory_allocated(block._device)
                block.cuda_bytes = max(block.cuda_bytes, peak)


def _reset_resident_mark() -> None:
    try:
        _CLEAR.write_text("5")
    except OSError:
        return  # Not Linux, or forbidden in this container: the mark stays an upper bound.


def _resident_mark() -> int:
    """Returns the high-water mark of the resident set in bytes."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return _process_mark()


def _process_mark() -> int:
    """Returns the mark since the start of the process, 0 where the system keeps none."""
    try:
        import resource
    except ImportError:
        return 0
    mark = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return mark if sys.platform == "darwin" else mark * 1024
