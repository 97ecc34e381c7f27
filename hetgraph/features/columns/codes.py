"""Columns of integers that are codes of categories already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from hetgraph.features.columns.base import Array, Block, ColumnKind, Place, bad_cell, first_row
from hetgraph.features.columns.onehot import indicators
from hetgraph.features.columns.scaling import bad_cell_type

__all__ = ["Codes"]

_FEW = 1_000_000
"""So many codes are never too many."""


@dataclass(frozen=True)
class Codes(ColumnKind):
    """Codes 0, 1, ...: alone the categorical features of the nodes, else a one-hot column.

    Args:
        size: Number of codes.
    """

    kind: ClassVar[str] = "codes"
    size: int

    class Options(ColumnKind.Options, frozen=True):
        """What a user may choose.

        Args:
            size: Number of codes; default: one more than the largest.
        """

        size: int | None = None

    @classmethod
    def claim(cls, values: pa.Array) -> int:
        """Never chosen unless declared."""
        return 0

    @classmethod
    def fit(cls, values: pa.Array, options: Any, place: Place) -> Self:
        """Counts the codes."""
        if options.size is not None:
            return cls(options.size)
        numbers = _integers(values, place)
        row = int(numbers.argmax()) if numbers.size else 0
        largest = int(numbers[row]) if numbers.size else -1
        if largest >= max(_FEW, 10 * numbers.size):
            raise bad_cell(
                place,
                row,
                f"{largest} is far more than {numbers.size} rows have categories; declare ids and "
                "other large numbers as embedding, or say how many codes there are: size.",
            )
        return cls(largest + 1)

    def codes(self, values: pa.Array, place: Place) -> Array | None:
        """Returns ``[num_rows]`` codes."""
        numbers = _integers(values, place)
        row = first_row((numbers < 0) | (numbers >= self.size))
        if row is not None:
            raise bad_cell(
                place,
                row,
                f"the code {numbers[row]} is outside 0..{self.size - 1}; declare the column as "
                "embedding, which has a place for other categories.",
            )
        return numbers.astype(np.int64)

    @property
    def num_codes(self) -> int:
        """Number of codes."""
        return self.size

    def encode(self, values: pa.Array, place: Place) -> Block:
        """Returns sparse ``[num_rows, size]``."""
        numbers = self.codes(values, place)
        assert numbers is not None
        return indicators(numbers, self.size)

    def names(self, column: str) -> list[str]:
        """``column=code``."""
        return [f"{column}={code}" for code in range(self.size)]

    def describe(self) -> str:
        """Such as ``categories 0..6, as they are``."""
        return f"categories 0..{self.size - 1}, as they are"


def _integers(values: pa.Array, place: Place) -> Array:
    if pa.types.is_null(values.type) and not len(values):
        values = values.cast(pa.int64())
    if not pa.types.is_integer(values.type):
        raise bad_cell_type(place, values, "whole numbers as codes")
    row = first_row(values.is_null())
    if row is not None:
        raise bad_cell(
            place,
            row,
            "the category is missing; fill it in, or declare the column as embedding, which has a "
            "place for missing cells.",
        )
    numbers: Array = values.to_numpy(zero_copy_only=False)
    return numbers
