"""What a person sees while a model trains: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from rich.console import Console

from hetgraph.heartbeat import Heartbeat

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["BarProgress", "LineProgress", "Progress", "SilentProgress", "make_progress"]


class Progress(Protocol):
    """Phases of a run, each with a number of epochs, or ``None`` if it has no such measure."""

    def begin(self, name: str, total: int | None = None, done: int = 0, batches: int = 0) -> None:
        """Starts a phase; the one before it is over.

        Args:
            name: What is done.
            total: Epochs of the phase, ``None`` if it has no such measure.
            done: Epochs that were over before.
            batches: Batches that an epoch is expected to have; 0 if that is unknown.
        """

    def batch(self, number: int) -> None:
        """Notes that ``number`` batches of the running epoch are done."""

    def epoch(self, done: int, note: str) -> None:
        """Notes that ``done`` epochs are over; ``note`` holds the latest numbers."""

    def close(self) -> None:
        """Ends the last phase."""


def make_progress(wanted: bool, console: Console | None = None) -> Progress:
    """Returns a bar if stderr is a terminal, else lines; silence if not wanted."""
    if not wanted:
        return SilentProgress()
    console = console or Console(stderr=True)
    return BarProgress(console) if console.is_terminal else LineProgress(console)


class SilentProgress:
    """Shows nothing."""

    def begin(self, name: str, total: int | None = None, done: int = 0, batches: int = 0) -> None:
        """Shows nothing."""

    def batch(self, number: int) -> None:
        """Shows nothing."""

    def epoch(self, done: int, note: str) -> None:
        """Shows nothing."""

    def close(self) -> None:
        """Shows nothing."""


class LineProgress:
    """Plain lines for logs and pipes: one after a second, then one per ``seconds`` at most.

    A phase that takes long tells so without an epoch being over, from a thread of its own.

    Args:
        console: Where to write.
        seconds: Least time between two lines.
        first: Time before the first line of a phase.
    """

    def __init__(self, console: Console, seconds: float = 10.0, first: float = 1.0) -> None:
        self._console = console
        self._seconds, self._first_line = seconds, first
        self._lock = threading.Lock()
        self._heart: Heartbeat | None = None
        self._name, self._note = "", ""
        self._total: int | None = None
        self._batches = _Batches()
        self._done = self._shown = self._before = self._lines = 0
        self._start, self._due = 0.0, 0.0

    def begin(self, name: str, total: int | None = None, done: int = 0, batches: int = 0) -> None:
        """Starts a phase."""
        self.close()
        self._name, self._total, self._note = name, total, ""
        self._done = self._shown = self._before = done
        self._lines, self._batches = 0, _Batches(batches)
        self._start = time.monotonic()
        self._due = self._start + self._first_line
        self._heart = Heartbeat(self.beat, min(self._first_line, self._seconds))

    def batch(self, number: int) -> None:
        """Notes the batch, which the next line may tell."""
        self._batches.running = number

    def epoch(self, done: int, note: str) -> None:
        """Writes a line if the last one is old enough."""
        with self._lock:
            self._done, self._note = done, note
            self._batches.end_epoch()
            if time.monotonic() >= self._due:
                self._write()

    def beat(self) -> None:
        """Writes a line if the last one is old enough, whatever is going on."""
        with self._lock:
            if time.monotonic() >= self._due:
                self._write()

    def close(self) -> None:
        """Writes the last epoch of the phase."""
        if self._heart is not None:
            self._heart.close()
            self._heart = None
        if self._done > self._shown:
            self._write()

    def _write(self) -> None:
        now = time.monotonic()
        text = self._text(now - self._start)
        self._due, self._shown, self._lines = now + self._seconds, self._done, self._lines + 1
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _text(self, spent: float) -> str:
        if self._total is None:
            return f"{self._name}, {spent:.0f} s" if self._lines else self._name
        if self._done > self._shown:
            parts = [f"{self._name}: epoch {self._done}/{self._total}", self._note]
        else:  # The running epoch takes long.
            parts = [f"{self._name}: epoch {self._done + 1}/{self._total}", str(self._batches)]
            parts += [self._note] if self._note else []
        parts.append(f"{spent:.0f} s")
        left, done = self._total - self._done, self._done - self._before
        if left > 0 and done > 0:
            parts.append(f"at most {spent / done * left:.0f} s left")
        return ", ".join(parts)


class _Batches:
    """How many batches of the running epoch are over, and of how many.

    Args:
        expected: Batches of an epoch; 0 if unknown.
    """

    def __init__(self, expected: int = 0) -> None:
        self.expected = expected
        self.running = 0

    def end_epoch(self) -> None:
        """Expects as many batches of the next epoch as there were in this one."""
        self.expected = self.running or self.expected
        self.running = 0

    def __str__(self) -> str:
        known = self.expected >= max(self.running, 1)
        return f"batch {self.running} of {self.expected}" if known else f"batch {self.running}"


class BarProgress:
    """A bar with the latest numbers, time spent and time left at most.

    Args:
        console: A terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: RichProgress | None = None
        self._task: TaskID | None = None
        self._note, self._last = "", 0.0
        self._batches = _Batches()

    def begin(self, name: str, total: int | None = None, done: int = 0, batches: int = 0) -> None:
        """Starts a phase and shows its bar, which pulses if there is nothing to count."""
        self.close()
        from rich import progress as rich_progress

        columns: list[rich_progress.ProgressColumn] = [
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(bar_width=24),
        ]
        if total is not None:
            columns.append(rich_progress.MofNCompleteColumn())
        columns += [
            rich_progress.TextColumn("{task.fields[note]}", style="dim"),
            rich_progress.TimeElapsedColumn(),
        ]
        if total is not None:
            columns += [rich_progress.TextColumn("left"), rich_progress.TimeRemainingColumn()]
        self._progress = rich_progress.Progress(
            *columns, console=self._console, refresh_per_second=4, transient=total is None
        )
        self._task = self._progress.add_task(name, total=total, completed=done, note="")
        self._note, self._last = "", time.monotonic()
        self._batches = _Batches(batches)
        self._progress.start()

    def batch(self, number: int) -> None:
        """Shows the batch when an epoch takes long."""
        now = time.monotonic()
        self._batches.running = number
        if now - self._last >= 1.0:
            self._last = now
            self._update(note=f"{self._batches}  {self._note}".rstrip())

    def epoch(self, done: int, note: str) -> None:
        """Moves the bar."""
        self._note, self._last = note, time.monotonic()
        self._batches.end_epoch()
        self._update(completed=done, note=note)

    def close(self) -> None:
        """Leaves the finished bar on the screen."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _update(self, *, note: str, completed: int | None = None) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=completed, note=note)
