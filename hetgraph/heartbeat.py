"""A sign of life while something takes long, from a thread of its own."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

__all__ = ["Heartbeat", "told"]


class Heartbeat:
    """Calls a function at regular intervals until it is closed.

    Args:
        beat: What is called, in a thread of its own.
        seconds: Time between two calls, and before the first.

    Example:
        >>> beats = []
        >>> heart = Heartbeat(lambda: beats.append(1), seconds=0.01)
        >>> time.sleep(0.5)
        >>> heart.close()
        >>> len(beats) > 1
        True
    """

    def __init__(self, beat: Callable[[], None], seconds: float = 1.0) -> None:
        self._beat = beat
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hetgraph-heartbeat", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the calls; none comes after this returns."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            try:
                self._beat()
            except (OSError, ValueError):  # Nobody reads the output any more; the work goes on.
                return


@contextlib.contextmanager
def told(
    what: str, *, wanted: bool = True, first: float = 1.0, every: float = 10.0
) -> Iterator[None]:
    """Tells on stderr what is being done in the block, if it takes long.

    Args:
        what: For example ``"loading hgb/DBLP"``.
        wanted: Whether to tell anything.
        first: Seconds before the first line.
        every: Seconds between two lines.

    Example:
        >>> with told("reading a small file"):
        ...     pass
    """
    if not wanted:
        yield
        return
    start = time.monotonic()
    due = [first]

    def beat() -> None:
        spent = time.monotonic() - start
        if spent >= due[0]:
            sys.stderr.write(f"{what}, {spent:.0f} s\n" if due[0] > first else f"{what}\n")
            sys.stderr.flush()
            due[0] = spent + every

    heart = Heartbeat(beat, min(first, every, 1.0))
    try:
        yield
    finally:
        heart.close()
