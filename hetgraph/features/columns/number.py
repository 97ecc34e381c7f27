"""Columns of numbers: filled, scaled, with a column that says where a value was missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa

from hetgraph.features.columns.base import Array, Block, ColumnKind, Place
from hetgraph.features.columns.scaling import (
    Scale,
    as_numbers,
    center_and_scale,
    fill_value,
    looks_like_number,
    refuse,
)

__all__ = ["Number", "is_number"]


def is_number(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one of numbers, booleans among them."""
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    more = (pa.types.is_decimal, pa.types.is_duration, pa.types.is_null)
    return any(test(kind) for test in (*tests, *more))


@dataclass(frozen=True)
class Number(ColumnKind):
    """Integers, floats, booleans, decimals, durations (in seconds), or texts of numbers.

    Args:
        rows: Number of rows when fitted.
        missing: How many of them had no value.
        fill: What stands for a missing value; ``None``: a missing value is an error.
        filled: How ``fill`` was chosen.
        center: What is subtracted.
        scale: What the difference is divided by.
        scaled: Name of the scale.
        indicator: Whether a second column is 1 where the value is missing.
    """

    kind: ClassVar[str] = "number"
    rows: int
    missing: int
    fill: float | None
    filled: str
    center: float
    scale: float
    scaled: str
    indicator: bool

    class Options(ColumnKind.Options, frozen=True):
        """What a user may choose.

        Args:
            fill: ``median`` (default), ``mean``, ``most_frequent`` (default of booleans), a number,
                or ``error``.
            scale: ``standard`` (default), ``robust`` or ``none`` (default of booleans).
            indicator: ``auto``: if a value was missing when fitted.
        """

        fill: str | float | None = None
        scale: Scale | None = None
        indicator: bool | Literal["auto"] = "auto"

    @classmethod
    def claim(cls, values: pa.Array) -> int:
        """Numbers of any type, and texts of which most are numbers."""
        if is_number(values.type):
            return 2
        return 3 if pa.types.is_large_string(values.type) and looks_like_number(values) else 0

    @classmethod
    def fit(cls, values: pa.Array, options: Any, place: Place) -> Self:
        """Fits fill value and scale on the known values."""
        boolean = pa.types.is_boolean(values.type)
        fill = (
            options.fill if options.fill is not None else "most_frequent" if boolean else "median"
        )
        scaled: Scale = options.scale or ("none" if boolean else "standard")
        numbers = as_numbers(values, place)
        missing = np.isnan(numbers)
        refuse(missing, fill, place)
        known = numbers[~missing].astype(np.float64)
        center, scale = center_and_scale(known, scaled)
        return cls(
            rows=numbers.size,
            missing=int(missing.sum()),
            fill=None if fill == "error" else fill_value(known, fill, place),
            filled="value" if isinstance(fill, (int, float)) else fill,
            center=center,
            scale=scale,
            scaled=scaled,
            indicator=bool(missing.any()) if options.indicator == "auto" else options.indicator,
        )

    def encode(self, values: pa.Array, place: Place) -> Block:
        """Returns ``[num_rows, 1]``, or ``[num_rows, 2]`` with the indicator."""
        numbers = as_numbers(values, place)
        missing = np.isnan(numbers)
        if missing.any():
            refuse(missing, self.fill, place)
            numbers = np.where(missing, self.fill or 0.0, numbers)
        if self.missing == self.rows and self.scaled != "none":
            # No scale is known: a value of any size would reach the model as it is.
            numbers = np.zeros(numbers.shape)
        if self.scaled != "none":
            numbers = (numbers.astype(np.float64) - self.center) / self.scale
        if not self.indicator:
            return numbers[:, np.newaxis]
        both: Array = np.column_stack([numbers, missing])
        return both

    def names(self, column: str) -> list[str]:
        """The column, and its indicator."""
        return [column, f"{column} (missing)"] if self.indicator else [column]

    def describe(self) -> str:
        """Such as ``number, 12 of 400 missing → median 9.5 + indicator, standard scale``."""
        parts = ["number"]
        if self.missing:
            value = "" if self.fill is None else f"{self.filled} {self.fill:.6g}"
            shown = value if self.missing < self.rows else "0"
            added = " + indicator" if self.indicator else ""
            parts.append(f"{self.missing} of {self.rows} missing → {shown}{added}")
        elif self.indicator:
            parts.append("none missing, indicator")
        parts.append("not scaled" if self.scaled == "none" else f"{self.scaled} scale")
        return ", ".join(parts)
