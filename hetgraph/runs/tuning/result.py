"""What a search found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pyarrow as pa

from hetgraph.errors import ConfigError

__all__ = ["Outcome", "Trial", "Tuning", "best_trial", "value_text"]

Outcome: TypeAlias = Literal["complete", "pruned", "diverged", "failed"]
"""How a trial ended; ``failed``: the values do not go together, or memory was too small."""


@dataclass(frozen=True)
class Trial:
    """One training with drawn settings.

    Args:
        number: Its number, from 1.
        outcome: How it ended.
        values: The searched settings by name, such as ``"train.lr"``.
        value: Best value of the monitor on the validation split, larger is better (errors and the
            loss are negated); ``None`` if it was never validated.
        metrics: Metrics of the kept weights on the validation split; empty unless ``complete``.
        epochs: Epochs that were trained.
        seconds: Time that it took.
        note: Why it did not complete.
    """

    number: int
    outcome: Outcome
    values: Mapping[str, Any]
    value: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 0
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Tuning:
    """The outcome of a search.

    Args:
        model: Name of the model.
        dataset: Name of the data set.
        settings: The best settings by section, ready for ``hetgraph.run(..., settings=...)``:
            what all trials share, and the values that were found.
        monitor: What trials were compared by.
        value: Its value for the best settings, larger is better (errors and the loss are negated).
        trials: All trials in their order.
        start: The settings without a search by name: those of the experiment file, else defaults.
        importance: How much each setting mattered, by name, the most important first; the numbers
            add up to 1. Empty with fewer than four complete trials, or if all are equally good.
        out: Folder with ``best.yaml`` and ``trials.csv``; ``None`` if nothing was written.
        is_error: Whether the monitor is an error or a loss, so that its values were negated.
    """

    model: str
    dataset: str
    settings: Mapping[str, Any]
    monitor: str
    value: float
    trials: tuple[Trial, ...]
    start: Mapping[str, Any]
    importance: Mapping[str, float]
    out: Path | None = None
    is_error: bool = False

    @property
    def best(self) -> Trial:
        """The complete trial with the best value, the first of equal ones."""
        best = best_trial(self.trials)
        if best is None:
            raise ConfigError("no trial is complete.")
        return best

    @property
    def seconds(self) -> float:
        """Time of all trials."""
        return sum(trial.seconds for trial in self.trials)

    def shown(self, value: float | None) -> float | None:
        """Returns a value of the monitor with the sign that it has in records."""
        return -value if self.is_error and value is not None else value

    def to_table(self) -> pa.Table:
        """Returns a row for each trial: how it ended, the searched settings, the metrics.

        The column of the monitor has the sign that it has in records.

        Example:
            >>> trial = Trial(1, "complete", {"train.lr": 0.1}, -0.5, {"loss": 0.5}, epochs=3)
            >>> tuning = Tuning(
            ...     "mlp", "toy", {}, "loss", -0.5, (trial,), {"train.lr": 0.1}, {}, is_error=True
            ... )
            >>> tuning.to_table().select(["trial", "outcome", "loss", "train.lr"]).to_pylist()
            [{'trial': 1, 'outcome': 'complete', 'loss': 0.5, 'train.lr': 0.1}]
        """
        names = dict.fromkeys(name for trial in self.trials for name in trial.values)
        metrics = dict.fromkeys(name for trial in self.trials for name in trial.metrics)
        columns: dict[str, list[Any]] = {
            "trial": [trial.number for trial in self.trials],
            "outcome": [trial.outcome for trial in self.trials],
            self.monitor: [self.shown(trial.value) for trial in self.trials],
            "epochs": [trial.epochs for trial in self.trials],
            "seconds": [round(trial.seconds, 2) for trial in self.trials],
        }
        columns |= {name: _plain([t.values.get(name) for t in self.trials]) for name in names}
        for name in metrics:
            columns[f"valid.{name}"] = [trial.metrics.get(name) for trial in self.trials]
        columns["note"] = [trial.note for trial in self.trials]
        return pa.table(columns)


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """Returns the complete trial with the best value, the first of equal ones, if there is any."""
    complete = [trial for trial in trials if trial.outcome == "complete"]
    return max(complete, key=lambda trial: (trial.value, -trial.number), default=None)


def value_text(value: Any, digits: int = 4) -> str:
    """Returns a value as a user would type it, numbers with a few digits.

    Example:
        >>> [value_text(value) for value in (None, False, 0.123456, [8, 4], "mean")]
        ['null', 'false', '0.1235', '[8, 4]', 'mean']
    """
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return value if isinstance(value, str) else json.dumps(value)


def _plain(values: list[Any]) -> list[Any]:
    """Returns a column of one type: text where the choices are lists or of several types."""
    types = {type(value) for value in values if value is not None}
    if types <= {int, float} or (len(types) <= 1 and not types & {list, tuple, dict}):
        return values
    return [value if isinstance(value, str) else json.dumps(value) for value in values]
