"""Ctrl-C and TERM that wait for the end of a step, so that a checkpoint can be written."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

__all__ = ["DeferredInterrupt", "term_as_interrupt"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class DeferredInterrupt:
    """Context manager that turns the first Ctrl-C or TERM into a flag; the second acts at once.

    TERM is what batch systems send before they kill a job. Outside the main thread Python allows
    no handlers, and a process in the background is started with Ctrl-C ignored: both are left as
    they are, and the flag stays down.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> DeferredInterrupt:
        self.requested = False
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                # None: a handler that is not Python's, which could not be put back.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exc: object) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextlib.contextmanager
def term_as_interrupt() -> Iterator[None]:
    """Runs the block with TERM raising ``KeyboardInterrupt``, as Ctrl-C does.

    A handler that somebody has installed, and an ignored TERM, are left as they are.
    """
    usual = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
