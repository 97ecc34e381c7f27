"""Columns of lists of numbers of equal length, such as embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.features.columns.base import Array, Block, ColumnKind, Place, bad_cell, first_row
from hetgraph.features.columns.number import is_number
from hetgraph.features.columns.scaling import (
    Scale,
    all_finite,
    bad_cell_type,
    center_and_scale,
    fill_value,
    refuse,
    refuse_infinite,
)

__all__ = ["NumberList", "is_list"]


def is_list(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one of lists, of fixed size or not."""
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)


@dataclass(frozen=True)
class NumberList(ColumnKind):
    """Lists of numbers of one length, each element a column of its own.

    Args:
        rows: Number of rows when fitted.
        missing: How many of them had no list, or an element without a value.
        dim: Length of the lists.
        fill: What stands for missing elements, ``[dim]``; ``None``: they are an error.
        filled: How ``fill`` was chosen.
        center: What is subtracted, ``[dim]``; empty: nothing.
        scale: What the difference is divided by, ``[dim]``; empty: 1.
        scaled: Name of the scale.
        indicator: Whether a last column is 1 where an element is missing.
    """

    kind: ClassVar[str] = "list"
    rows: int
    missing: int
    dim: int
    fill: list[float] | None
    filled: str
    center: list[float]
    scale: list[float]
    scaled: str
    indicator: bool

    class Options(ColumnKind.Options, frozen=True):
        """What a user may choose.

        Args:
            fill: Per element: ``mean`` (default), ``median``, ``most_frequent``, a number, or
                ``error``.
            scale: Per element: ``none`` (default), ``standard`` or ``robust``.
            indicator: ``auto``: if a value was missing when fitted.
        """

        fill: str | float = "mean"
        scale: Scale = "none"
        indicator: bool | Literal["auto"] = "auto"

    @classmethod
    def claim(cls, values: pa.Array) -> int:
        """Lists of numbers."""
        return 2 if is_list(values.type) and is_number(values.type.value_type) else 0

    @classmethod
    def fit(cls, values: pa.Array, options: Any, place: Place) -> Self:
        """Fits fill values and scales, element by element."""
        numbers = _matrix(values, None, place)
        missing = _missing_rows(numbers)
        refuse(missing, options.fill, place)
        elements = range(numbers.shape[1])
        pairs = []
        if options.scale != "none":
            pairs = [center_and_scale(_known(numbers, i), options.scale) for i in elements]
        return cls(
            rows=len(numbers),
            missing=int(missing.sum()),
            dim=numbers.shape[1],
            fill=_fill(numbers, options.fill, place),
            filled="value" if isinstance(options.fill, (int, float)) else options.fill,
            center=[center for center, _ in pairs],
            scale=[scale for _, scale in pairs],
            scaled=options.scale,
            indicator=bool(missing.any()) if options.indicator == "auto" else options.indicator,
        )

    def encode(self, values: pa.Array, place: Place) -> Block:
        """Returns ``[num_rows, dim]``, and one more column with the indicator."""
        numbers = _matrix(values, self.dim, place)
        missing = _missing_rows(numbers)
        if missing.any():
            refuse(missing, self.fill, place)
            numbers = np.where(np.isnan(numbers), np.asarray(self.fill), numbers)
        if self.center:
            numbers = (numbers - np.asarray(self.center)) / np.asarray(self.scale)
        return np.column_stack([numbers, missing]) if self.indicator else numbers

    def names(self, column: str) -> list[str]:
        """The elements, and the indicator."""
        names = [f"{column}[{index}]" for index in range(self.dim)]
        return [*names, f"{column} (missing)"] if self.indicator else names

    def describe(self) -> str:
        """Such as ``lists of 384 numbers, not scaled``."""
        parts = [f"lists of {self.dim} numbers"]
        if self.missing:
            added = " + indicator" if self.indicator else ""
            parts.append(f"{self.missing} of {self.rows} missing → {self.filled}{added}")
        parts.append("not scaled" if self.scaled == "none" else f"{self.scaled} scale")
        return ", ".join(parts)


def _known(numbers: Array, index: int) -> Array:
    column: Array = numbers[:, index].astype(np.float64)
    return column[~np.isnan(column)]


def _fill(numbers: Array, fill: Any, place: Place) -> list[float] | None:
    if fill == "error":
        return None
    if fill == "mean" and len(numbers):
        with np.errstate(over="ignore", invalid="ignore"):
            means = numbers.mean(axis=0, dtype=np.float64)  # One pass over a large table.
        if np.isfinite(means).all():
            return [float(mean) for mean in means]
    return [fill_value(_known(numbers, i), fill, place) for i in range(numbers.shape[1])]


def _missing_rows(numbers: Array) -> Array:
    missing: Array = np.zeros(len(numbers), dtype=bool)
    if not all_finite(numbers):
        missing |= np.isnan(numbers).any(axis=1)
    return missing


def _matrix(values: pa.Array, dim: int | None, place: Place) -> Array:
    """Returns ``[num_rows, dim]`` numbers of their own dtype, or float64 with NaN."""
    kind = values.type
    if pa.types.is_null(kind):
        return np.full((len(values), dim or 0), np.nan)
    if not (is_list(kind) and is_number(kind.value_type)):
        raise bad_cell_type(place, values, "lists of numbers")
    length = _length(values, place, dim)
    flat = values.flatten() if not values.null_count else values.drop_null().flatten()
    if pa.types.is_boolean(flat.type) or pa.types.is_null(flat.type):
        flat = flat.cast(pa.uint8())
    if pa.types.is_decimal(flat.type):
        flat = flat.cast(pa.float64())
    numbers: Array = flat.to_numpy(zero_copy_only=False).reshape(
        len(values) - values.null_count, length
    )
    refuse_infinite(numbers, place)
    if values.null_count:
        known = np.asarray(values.is_valid())
        whole = np.full((len(values), length), np.nan)
        whole[known] = numbers
        return whole
    return numbers


def _length(values: pa.Array, place: Place, dim: int | None) -> int:
    lengths = pc.list_value_length(values)
    if len(lengths) == lengths.null_count:
        fixed = pa.types.is_fixed_size_list(values.type)
        return dim if dim is not None else int(values.type.list_size) if fixed else 0
    expected = dim if dim is not None else lengths.drop_null()[0].as_py()
    row = first_row(pc.fill_null(pc.not_equal(lengths, expected), False))
    if row is not None:
        raise bad_cell(
            place,
            row,
            f"the list has {lengths[row].as_py()} values, others {expected}; all lists must have "
            "the same length. Declare the column as bag if they are sets.",
        )
    return int(expected)
