"""What a search tells on stderr: when a trial starts, when it ends, and now and then between."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from hetgraph.heartbeat import Heartbeat
from hetgraph.runs.tuning.budget import Budget
from hetgraph.runs.tuning.question import Question
from hetgraph.runs.tuning.result import Trial, best_trial, value_text
from hetgraph.tasks import Task

__all__ = ["Teller"]

_SECONDS = 10.0
"""Time between two lines about the same trial."""


class Teller:
    """Tells, or is silent.

    Args:
        wanted: Whether to tell.
        budget: Limits of the search.
        task: What is learned; it knows the sign of the monitor.
        console: Where to write; default stderr.
    """

    def __init__(
        self, wanted: bool, budget: Budget, task: Task, console: Console | None = None
    ) -> None:
        self._console = (console or Console(stderr=True)) if wanted else None
        self._budget = budget
        self._task = task
        self._monitor = ""
        self._head = self._state = ""

    def begin(self, question: Question, trials: Sequence[Trial], folder: Path | None) -> None:
        """Tells what is searched, by what, and where it goes on from."""
        base = question.base
        self._monitor = base.train.monitor
        self._say(
            f"tune: {base.model.name} on {base.dataset}, {self._budget}, seed {base.seed}, "
            f"by {self._monitor} on the validation split"
        )
        self._say(f"searched: {', '.join(question.space.names)}")
        if trials:
            done = f"{len(trials)} trials" if len(trials) > 1 else "1 trial"
            self._say(f"going on: {folder} holds {done} already")

    def trial(self, number: int) -> None:
        """Tells that a trial starts."""
        of = f"/{self._budget.trials}" if self._budget.trials is not None else ""
        self._head, self._state = f"trial {number}{of}", "preparing"

    def values(self, values: Mapping[str, Any]) -> None:
        """Tells the values of the trial."""
        words = (
            f"{name.partition('.')[2]}={value_text(value, 3)}" for name, value in values.items()
        )
        self._say(f"{self._head}: {' '.join(words)}")

    def epoch(self, done: int, of: int, value: float) -> None:
        """Notes how far the trial is."""
        self._state = f"epoch {done}/{of}, best {self._shown(value)}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Tells now and then how far the trial is, until the block is over."""
        if self._console is None:
            yield
            return
        begin = time.monotonic()
        heart = Heartbeat(
            lambda: self._say(f"{self._head}: {self._state}, {time.monotonic() - begin:.0f} s"),
            seconds=_SECONDS,
        )
        try:
            yield
        finally:
            heart.close()

    def result(self, trials: Sequence[Trial]) -> None:
        """Tells how the last trial ended, and which one is the best."""
        last = trials[-1]
        best = best_trial(trials)
        text = f"{self._head}: {last.outcome}"
        if last.value is not None:
            text += f", {self._monitor} {self._shown(last.value)}"
        text += f", {last.epochs} epochs, {last.seconds:.1f} s"
        if last.outcome in ("failed", "diverged"):
            text += f" ({last.note})"
        if best is not None:
            text += f"; best {self._shown(best.value)} in trial {best.number}"
        self._say(text)

    def stopped(self, trials: Sequence[Trial], folder: Path | None) -> None:
        """Tells how to go on after Ctrl-C or TERM."""
        if folder is not None:
            self._say(
                f"stopped: {len(trials)} trials are kept in {folder}; the running one is lost. "
                "Give the same command again to go on."
            )

    def _shown(self, value: float | None) -> str:
        if value is None:
            return ""
        return f"{-value if self._monitor in self._task.errors else value:.4f}"

    def _say(self, text: str) -> None:
        if self._console is not None:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
