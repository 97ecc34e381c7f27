"""How much a search may cost: a number of trials, a time, or both."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hetgraph.errors import ConfigError

__all__ = ["DEFAULT_TRIALS", "Budget", "parse_seconds"]

DEFAULT_TRIALS = 20

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smh])")


@dataclass(frozen=True)
class Budget:
    """Limits of a search; all commands that worked on it count together.

    Args:
        trials: Number of trials; ``None``: no limit.
        seconds: Time of all trials together; the trial that runs when it is over is finished.
            ``None``: no limit.

    Example:
        >>> Budget.of(trials=5, time="1h30m")
        Budget(trials=5, seconds=5400.0)
        >>> Budget.of().trials, Budget.of(time=60).trials
        (20, None)
    """

    trials: int | None
    seconds: float | None

    @classmethod
    def of(cls, trials: int | None = None, time: str | float | None = None) -> Budget:
        """Returns the limits that a user asked for; with neither there are 20 trials.

        Raises:
            ConfigError: If a limit is no positive number, or a time cannot be read.
        """
        if trials is not None and trials < 1:
            raise ConfigError(f"the number of trials is {trials}, expected at least 1.")
        seconds = None if time is None else parse_seconds(time)
        if trials is None and seconds is None:
            trials = DEFAULT_TRIALS
        return cls(trials, seconds)

    def is_spent(self, trials: int, seconds: float) -> bool:
        """Whether no further trial may start.

        Args:
            trials: Trials that are over.
            seconds: Time that they took.
        """
        over = self.trials is not None and trials >= self.trials
        return over or (self.seconds is not None and seconds >= self.seconds)

    def __str__(self) -> str:
        words = [] if self.trials is None else [f"{self.trials} trials"]
        words += [] if self.seconds is None else [f"{self.seconds:.0f} s"]
        return " and ".join(words)


def parse_seconds(time: str | float) -> float:
    """Returns seconds from ``"90s"``, ``"30m"``, ``"2h"``, ``"1h30m"`` or a number of seconds.

    Raises:
        ConfigError: If the text is none of these, or not positive.

    Example:
        >>> parse_seconds("30m"), parse_seconds("1h30m"), parse_seconds(20)
        (1800.0, 5400.0, 20.0)
    """
    text = str(time).strip().lower()
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    else:
        try:
            seconds = float(text)
        except ValueError:
            seconds = float("nan")
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"the time is {time!r}, expected for example 90s, 30m or 2h.")
    return seconds
