"""What is called after each epoch of a trial: it reports the monitor, and prunes."""

from __future__ import annotations

from typing import Any, Protocol

from hetgraph.tasks import Task
from hetgraph.train.callbacks import Epoch
from hetgraph.train.config import TrainConfig

__all__ = ["Pruned", "Watch"]


class Pruned(Exception):  # noqa: N818 (an outcome, no error)
    """Raised by a callback to end a trial that is worse than the median."""


class _Teller(Protocol):
    def epoch(self, done: int, of: int, value: float) -> None:
        """Notes how far a trial is."""


class Watch:
    """Reports the best value so far after each evaluation, and ends a trial below the median.

    The best value so far is compared and not the latest one, as the weights of the best epoch are
    those that are kept.

    Args:
        trial: The optuna trial.
        task: What is learned; it knows the sign of the monitor.
        train: The trainer's settings, without a search.
        teller: Told how far the trial is.
    """

    def __init__(self, trial: Any, task: Task, train: TrainConfig, teller: _Teller) -> None:
        self._trial = trial
        self._task = task
        self._train = train
        self._teller = teller
        self.best: float | None = None
        self.epochs = 0

    def __call__(self, epoch: Epoch) -> None:
        """Takes an epoch that is over.

        Raises:
            Pruned: If the trial is below the median of the earlier ones.
        """
        self.epochs = epoch.epochs
        if epoch.valid is None:
            return
        value = self._task.monitor_value(epoch.valid, self._train.monitor)
        self.best = value if self.best is None else max(self.best, value)
        self._teller.epoch(epoch.epoch, self._train.max_epochs, self.best)
        self._trial.report(self.best, step=epoch.epochs)
        # At the last epoch nothing is left to be saved.
        if epoch.epoch < self._train.max_epochs and self._trial.should_prune():
            raise Pruned
