"""What a person sees while a model trains: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["BarProgress", "LineProgress", "Progress", "SilentProgress", "make_progress"]


class Progress(Protocol):
    """Phases of a run, each with a number of epochs, or ``None`` if it has no such measure."""

    def begin(self, name: str, total: int | None = None, done: int = 0) -> None:
        """Starts a phase; the one before it is over."""

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

    def begin(self, name: str, total: int | None = None, done: int = 0) -> None:
        """Shows nothing."""

    def batch(self, number: int) -> None:
        """Shows nothing."""

    def epoch(self, done: int, note: str) -> None:
        """Shows nothing."""

    def close(self) -> None:
        """Shows nothing."""


class LineProgress:
    """Plain lines, at most one in ``seconds``, for logs and pipes.

    Args:
        console: Where to write.
        seconds: Least time between two lines.
    """

    def __init__(self, console: Console, seconds: float = 10.0) -> None:
        self._console = console
        self._seconds = seconds
        self._name, self._note = "", ""
        self._total: int | None = None
        self._done = self._shown = self._first = 0
        self._start = self._last = time.monotonic()

    def begin(self, name: str, total: int | None = None, done: int = 0) -> None:
        """Starts a phase."""
        self.close()
        self._name, self._total, self._note = name, total, ""
        self._done = self._shown = self._first = done
        self._start = self._last = time.monotonic()

    def batch(self, number: int) -> None:
        """Shows nothing: lines are for epochs."""

    def epoch(self, done: int, note: str) -> None:
        """Writes a line if the last one is old enough."""
        self._done, self._note = done, note
        if time.monotonic() - self._last >= self._seconds:
            self._write()

    def close(self) -> None:
        """Writes the last epoch of the phase."""
        if self._done > self._shown:
            self._write()

    def _write(self) -> None:
        self._last, self._shown = time.monotonic(), self._done
        spent = self._last - self._start
        text = f"{self._name}: epoch {self._done}/{self._total}, {self._note}, {spent:.0f} s"
        left = (self._total or 0) - self._done
        if left > 0:
            text += f", at most {spent / max(self._done - self._first, 1) * left:.0f} s left"
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


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

    def begin(self, name: str, total: int | None = None, done: int = 0) -> None:
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
            *columns, console=self._console, refresh_per_second=4
        )
        self._task = self._progress.add_task(name, total=total, completed=done, note="")
        self._note, self._last = "", time.monotonic()
        self._progress.start()

    def batch(self, number: int) -> None:
        """Shows the batch when an epoch takes long."""
        now = time.monotonic()
        if now - self._last >= 1.0:
            self._last = now
            self._update(note=f"batch {number} {self._note}")

    def epoch(self, done: int, note: str) -> None:
        """Moves the bar."""
        self._note, self._last = note, time.monotonic()
        self._update(completed=done, note=note)

    def close(self) -> None:
        """Leaves the finished bar on the screen."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _update(self, *, note: str, completed: int | None = None) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=completed, note=note)
