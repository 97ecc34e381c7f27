"""Seconds per phase."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import torch

__all__ = ["Clock"]


class Clock:
    """Adds up the wall-clock seconds of named phases.

    Args:
        device: The device to wait for at the ends of a phase, so that queued work is counted.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measures the block, also when it fails."""
        self._wait()
        start = time.perf_counter()
        try:
            yield
        finally:
            self._wait()
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Counts seconds that were measured elsewhere, for example before a resume."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def _wait(self) -> None:
        if self._device is not None and self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
