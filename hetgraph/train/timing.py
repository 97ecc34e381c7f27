"""Seconds per phase."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping

import torch

__all__ = ["Clock"]


class Clock:
    """Adds up the wall-clock seconds of named phases.

    Args:
        device: The device to wait for at the ends of a phase, so that queued work is counted.

    Example:
        >>> clock = Clock()
        >>> with clock.phase("load"):
        ...     pass
        >>> list(clock.seconds)
        ['load']
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._started: dict[str, float] = {}

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measures the block, also when it fails."""
        self._wait()
        self._started[name] = time.perf_counter()
        try:
            yield
        finally:
            self._wait()
            spent = time.perf_counter() - self._started.pop(name)
            self.seconds[name] = self.seconds.get(name, 0.0) + spent

    def read(self) -> dict[str, float]:
        """Returns the seconds up to now, those of running phases included."""
        now = time.perf_counter()
        running = {name: now - start for name, start in self._started.items()}
        names = dict.fromkeys((*self.seconds, *running))
        return {name: self.seconds.get(name, 0.0) + running.get(name, 0.0) for name in names}

    def restore(self, seconds: Mapping[str, float]) -> None:
        """Goes on from what :meth:`read` returned in an earlier session.

        What was measured in this session is forgotten: it repeated what is counted already.
        """
        self.seconds = dict(seconds)
        self._started = dict.fromkeys(self._started, time.perf_counter())

    def _wait(self) -> None:
        if self._device is not None and self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
