"""Values in the few Arrow types that the readers of tables expect, and texts as times.

The same table gives the same types from SQLite, DuckDB and Parquet: decimals become numbers, all
timestamps count microseconds in UTC, dates count days.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.errors import DataError
from hetgraph.io.ids import show
from hetgraph.io.sources import plain

__all__ = ["joined", "normal", "parsed_times", "row_numbers", "since_1970"]

_MICROSECONDS = pa.timestamp("us")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def normal(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Returns a column as one array of the usual type for its values.

    Example:
        >>> normal(pa.array([0], pa.timestamp("ns", "Europe/Berlin"))).type
        TimestampType(timestamp[us])
    """
    column = plain(column)
    kind = column.type
    if pa.types.is_decimal(kind):
        whole = kind.scale == 0
        try:
            return column.cast(pa.int64() if whole else pa.float64())
        except pa.ArrowInvalid:  # A whole number beyond int64.
            return column.cast(pa.float64())
    if pa.types.is_timestamp(kind) and kind != _MICROSECONDS:
        # Without its zone the number stays: microseconds since 1970 in UTC.
        in_unit = column.cast(pa.timestamp("us", kind.tz), safe=False)
        return in_unit.cast(pa.int64()).cast(_MICROSECONDS)
    if pa.types.is_date64(kind):
        return column.cast(pa.date32())
    return column


def parsed_times(column: pa.Array, where: str) -> pa.Array:
    """Returns texts such as ``2024-05-01`` or ``2024-05-01 17:30:00`` as dates or timestamps.

    Args:
        column: The texts.
        where: Name of the column in messages.

    Raises:
        DataError: Naming the first text that is no time.

    Example:
        >>> parsed_times(pa.array(["2024-05-01", None]), "column 'day'").type
        DataType(date32[day])
    """
    texts = column.cast(pa.large_string())
    lengths = pc.min_max(pc.utf8_length(texts)).as_py()
    if lengths["max"] is not None and lengths == {"min": 10, "max": 10}:
        dates = _cast(texts, pa.date32())
        if dates is not None:
            return dates
    for target in (_MICROSECONDS, pa.timestamp("us", "UTC")):
        times = _cast(texts, target)
        if times is not None:
            return normal(times)
    values = texts.to_pylist()
    bad = next(row for row, text in enumerate(values) if text is not None and not _is_time(text))
    raise DataError(
        f"{where}, row {bad} (from 0): {show(texts, bad)} is no time; expected a date such as "
        "2024-05-01 or a time such as 2024-05-01 17:30:00, all with a zone or all without."
    )


def _cast(texts: pa.Array, target: pa.DataType) -> pa.Array | None:
    try:
        return texts.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _is_time(text: str) -> bool:
    return _cast(pa.array([text], pa.large_string()), _MICROSECONDS) is not None


def since_1970(column: pa.Array, where: str) -> pa.Array:
    """Returns times as int64 microseconds since 1970, or numbers as they are; both may have nulls.

    Args:
        column: Dates, timestamps, texts of them, or numbers.
        where: Name of the column in messages.

    Raises:
        DataError: If the column holds something else.

    Example:
        >>> since_1970(pa.array([1], pa.date32()), "column 'day'").to_pylist()
        [86400000000]
    """
    column = normal(column)
    if pa.types.is_null(column.type):
        return column.cast(pa.int64())
    if pa.types.is_large_string(column.type):
        column = parsed_times(column, where)
    if pa.types.is_date(column.type):
        column = column.cast(_MICROSECONDS)
    if pa.types.is_timestamp(column.type) or pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    if pa.types.is_floating(column.type):
        return column.cast(pa.float64())
    raise DataError(f"{where} holds {column.type}; expected dates, timestamps or numbers as times.")


def row_numbers(count: int) -> pa.Array:
    """Returns the numbers of the rows, from 0."""
    return pa.array(np.arange(count, dtype=np.int64))


def joined(columns: Sequence[pa.Array]) -> pa.Array:
    r"""Returns the values of a key of several columns as one text, such as ``17|3``.

    A ``|`` inside a value is written ``\|``, so that two keys never give the same text; a key with
    a missing value is missing.

    Example:
        >>> joined([pa.array([17, 18]), pa.array(["a|b", None])]).to_pylist()
        ['17|a\\|b', None]
    """
    texts = []
    for column in columns:
        text = normal(column).cast(pa.large_string())
        text = pc.replace_substring(text, "\\", "\\\\")
        texts.append(pc.replace_substring(text, "|", "\\|"))
    return pc.binary_join_element_wise(*texts, pa.scalar("|", pa.large_string()))
