"""Times that can be compared: microseconds since 1970, or plain numbers."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.errors import ConfigError, DataError
from hetgraph.io.values import normal, parsed_times, since_1970

__all__ = ["NEVER", "Clock", "moment", "period", "shown"]

NEVER = 2**62
"""Time of a row whose time is missing: it is never visible."""

_SECOND = 1_000_000
_UNITS = {
    "second": _SECOND,
    "minute": 60 * _SECOND,
    "hour": 3_600 * _SECOND,
    "day": 86_400 * _SECOND,
    "week": 7 * 86_400 * _SECOND,
}
_PERIOD = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?\s*")


@dataclass(frozen=True)
class Clock:
    """A column of times.

    Args:
        times: ``[num_rows]`` int64 microseconds since 1970, or int64 or float64 numbers; missing
            ones are null.
        calendar: Whether they are dates or timestamps rather than numbers.

    Example:
        >>> Clock.read(pa.array(["1970-01-02", None]), "column 'day'").tensor().tolist()[0]
        86400000000
    """

    times: pa.Array
    calendar: bool

    @classmethod
    def read(cls, column: pa.Array, where: str) -> Clock:
        """Reads dates, timestamps, texts of them, or numbers.

        Raises:
            DataError: If the column holds something else.
        """
        column = normal(column)
        if pa.types.is_large_string(column.type):
            column = parsed_times(column, where)
        calendar = pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)
        return cls(since_1970(column, where), calendar)

    def tensor(self) -> Tensor:
        """Returns the times ``[num_rows]``; missing ones are :data:`NEVER`."""
        filled = self.times.fill_null(NEVER)
        return torch.from_numpy(filled.to_numpy(zero_copy_only=False).copy())


def moment(value: Any, where: str) -> float:
    """Returns a moment of a declaration on the scale of :class:`Clock`.

    Args:
        value: A number, a date, or a text such as ``2024-05-01``.
        where: Name of the entry in messages.

    Raises:
        ConfigError: If it is something else.

    Example:
        >>> moment("1970-01-01 00:00:01", "valid")
        1000000
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, datetime.date):  # As YAML reads it.
        value = value.isoformat()
    try:
        return int(since_1970(pa.array([str(value)], pa.large_string()), where)[0].as_py())
    except DataError:
        raise ConfigError(
            f"{where} is {value!r}, expected a date such as 2024-05-01, or a number."
        ) from None


def period(value: Any, where: str) -> float:
    """Returns the length of a period on the scale of :class:`Clock`.

    Args:
        value: A text such as ``30 days``, or a number for times that are numbers.
        where: Name of the entry in messages.

    Raises:
        ConfigError: If it is something else, or not positive.

    Example:
        >>> period("2 hours", "window")
        7200000000
    """
    length: float = 0
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        length = value
    elif matched := _PERIOD.fullmatch(str(value)):
        length = int(float(matched[1]) * _UNITS[matched[2]])
    if length <= 0:
        units = ", ".join(f"{unit}s" for unit in _UNITS)
        raise ConfigError(
            f"{where} is {value!r}, expected a number and one of {units}, such as '30 days'."
        )
    return length


def shown(time: float, calendar: bool) -> str:
    """Returns a time as a text.

    Example:
        >>> shown(86_400_000_000, True), shown(2020, False)
        ('1970-01-02', '2020')
    """
    if not calendar:
        return f"{time:g}" if isinstance(time, float) else str(time)
    text = str(np.datetime64(int(time), "us")).replace("T", " ")
    return text.removesuffix(".000000").removesuffix(" 00:00:00")
