"""Fill values and scales of numbers, fitted on the values that are known."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.errors import ConfigError, DataError
from hetgraph.features.columns.base import Array, Place, bad_cell, first_row

__all__ = [
    "Scale",
    "all_finite",
    "as_numbers",
    "bad_cell_type",
    "center_and_scale",
    "fill_value",
    "looks_like_number",
    "refuse",
    "refuse_infinite",
]

Scale = Literal["standard", "robust", "none"]

_FILLS = ("median", "mean", "most_frequent", "error")
_NUMBER = r"^-?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?$"
_CODE = r"^-?0[0-9]"
"""A text with a leading zero, such as 007, is a code and no number."""


def as_numbers(values: pa.Array, place: Place) -> Array:
    """Returns ``[num_rows]`` numbers of their own dtype, or float64 with NaN for missing ones.

    Raises:
        DataError: If a value is no number, or infinite.
    """
    kind = values.type
    if pa.types.is_large_string(kind):
        values = _parsed(values, place)
    elif pa.types.is_boolean(kind) or pa.types.is_null(kind):
        values = values.cast(pa.uint8())
    elif pa.types.is_decimal(kind):
        values = values.cast(pa.float64())
    elif pa.types.is_duration(kind):
        seconds = values.cast(pa.duration("us"), safe=False).cast(pa.int64())
        values = pc.divide(seconds.cast(pa.float64(), safe=False), 1e6)
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise bad_cell_type(place, values, "numbers")
    numbers: Array = values.to_numpy(zero_copy_only=False)
    refuse_infinite(numbers, place)
    return numbers


def bad_cell_type(place: Place, values: pa.Array, expected: str) -> DataError:
    """Returns the error of a column of another type, with its first value."""
    known = values.drop_null()
    value = f" such as {known[0].as_py()!r}" if len(known) else ""
    row = first_row(values.is_valid()) or 0
    return bad_cell(
        place,
        row,
        f"the column holds {values.type}{value}; expected {expected}. Declare another encoder, "
        "convert it, or leave it out of the features.",
    )


def _parsed(values: pa.Array, place: Place) -> pa.Array:
    texts = pc.utf8_trim_whitespace(values)
    fits = pc.match_substring_regex(texts, _NUMBER)
    row = first_row(pc.fill_null(pc.invert(fits), False))
    if row is not None:
        raise bad_cell(
            place,
            row,
            f"{values[row].as_py()!r} is not a number; correct it, leave the cell empty if it is "
            "missing, or declare the column as onehot, hash or text.",
        )
    return texts.cast(pa.float64())


def looks_like_number(values: pa.Array) -> bool:
    """Whether most of the distinct texts are numbers: the others are taken for mistakes."""
    distinct = pc.unique(pc.utf8_trim_whitespace(values.drop_null()))
    if not len(distinct):
        return False
    numbers = distinct.filter(pc.match_substring_regex(distinct, _NUMBER))
    if len(numbers) < 0.9 * len(distinct):
        return False
    return not pc.any(pc.match_substring_regex(numbers, _CODE)).as_py()


def all_finite(numbers: Array) -> bool:
    """Whether no number is NaN or infinite; may be false for huge numbers, too."""
    # The sum is finite only if every entry is: one pass, and no mask of the size of the data.
    with np.errstate(over="ignore", invalid="ignore"):
        return numbers.dtype.kind != "f" or bool(np.isfinite(numbers.sum(dtype=np.float64)))


def refuse_infinite(numbers: Array, place: Place) -> None:
    """Refuses infinite numbers, of ``[num_rows]`` or ``[num_rows, dim]``."""
    if all_finite(numbers):
        return
    infinite = np.isinf(numbers)
    row = first_row(infinite if infinite.ndim == 1 else infinite.any(axis=1))
    if row is not None:
        value = numbers[row][infinite[row]][0] if numbers.ndim > 1 else numbers[row]
        raise bad_cell(
            place,
            row,
            f"{value} is not finite; replace it by a number, or leave the cell empty if it is "
            "missing.",
        )


def refuse(missing: Array, fill: object, place: Place) -> None:
    """Refuses missing cells if they are not to be filled."""
    row = first_row(missing) if fill in ("error", None) else None
    if row is not None:
        raise bad_cell(
            place,
            row,
            "the value is missing; fill it in, or declare how: fill: median, mean, most_frequent "
            "or a value.",
        )


def fill_value(known: Array, fill: Any, place: Place) -> float:
    """Returns the value for missing cells.

    Args:
        known: ``[n]`` known values, float64.
        fill: ``"median"``, ``"mean"``, ``"most_frequent"`` (of several the smallest), or a number.
        place: For messages.

    Raises:
        ConfigError: If ``fill`` is none of these.
    """
    if isinstance(fill, (int, float)):
        if not np.isfinite(fill):
            raise ConfigError(f"{place.where}: fill is {fill}, expected a finite number.")
        return float(fill)
    if fill not in _FILLS:
        raise ConfigError(
            f"{place.where}: fill is {fill!r}, expected {', '.join(_FILLS)} or a number."
        )
    if not known.size:
        return 0.0
    if fill == "mean":
        return _mean(known)
    if fill == "most_frequent":
        distinct, counts = np.unique(known, return_counts=True)
        return float(distinct[counts.argmax()])
    return float(np.median(known / 2) * 2)  # Halved: the sum of the two in the middle is finite.


def _mean(known: Array) -> float:
    size = float(np.abs(known).max()) or 1.0
    return float((known / size).mean() * size)  # The sum of huge values would overflow.


def center_and_scale(known: Array, scale: Scale) -> tuple[float, float]:
    """Returns what is subtracted from a column, and what it is divided by.

    ``standard`` is mean and std (of the population), ``robust`` median and interquartile range. A
    constant column is divided by 1, as in scikit-learn.

    Args:
        known: ``[n]`` known values, float64.
        scale: The kind of scale.
    """
    if scale == "none" or not known.size:
        return 0.0, 1.0
    if scale == "robust":
        low, center, high = (float(x) for x in np.quantile(known / 2, (0.25, 0.5, 0.75)) * 2)
        rounding = high - low <= 10 * np.finfo(np.float64).eps * abs(center)
        return center, 1.0 if rounding else _divisor(high - low)
    center = _mean(known)
    size = float(np.abs(known).max()) or 1.0
    variance = float(np.square(known / size - center / size).mean())
    # Below this bound the variance is a rounding error of the mean.
    error = known.size * np.finfo(np.float64).eps
    constant = variance <= error * variance + (error * center / size) ** 2
    return center, 1.0 if constant else _divisor(variance**0.5 * size)


def _divisor(value: float) -> float:
    return value if np.isfinite(value) and value > 0 else 1.0
