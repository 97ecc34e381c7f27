"""Columns of numbers with a decimal comma: ``2,50`` or ``1.204,50``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.features.columns.base import Block, Place, bad_cell, first_row
from hetgraph.features.columns.number import Number

__all__ = ["DecimalComma"]

_NUMBER = r"^-?(\d+|[1-9]\d{0,2}(\.\d{3})+)(,\d*)?$"
_MISSING = pa.array(["NA", "N/A", "NaN", "nan", "NULL", "null"], pa.large_string())


@dataclass(frozen=True)
class DecimalComma(Number):
    """Texts of numbers with a decimal comma, and points between thousands if there are any.

    Never chosen by itself, as ``1,204`` may be a number of either form. Otherwise as
    :class:`Number`, with the same options.
    """

    kind: ClassVar[str] = "decimal-comma"
    as_written: ClassVar[bool] = True  # ``1.204`` is more than a thousand, not 1.204

    @classmethod
    def claim(cls, values: pa.Array) -> int:
        """No column that is not declared."""
        return 0

    @classmethod
    def fit(cls, values: pa.Array, options: Any, place: Place) -> Self:
        """Fits fill value and scale on the known values."""
        return super().fit(_with_points(values, place), options, place)

    def encode(self, values: pa.Array, place: Place) -> Block:
        """Returns ``[num_rows, 1]``, or ``[num_rows, 2]`` with the indicator."""
        return super().encode(_with_points(values, place), place)

    def describe(self) -> str:
        """As that of a number."""
        return super().describe().replace("number", "number with a decimal comma", 1)


def _with_points(values: pa.Array, place: Place) -> pa.Array:
    """Returns texts with a decimal point and without points between thousands.

    Raises:
        DataError: If a text is no such number.
    """
    if not pa.types.is_large_string(values.type):
        return values  # These are numbers already.
    texts = pc.utf8_trim_whitespace(values)
    texts = pc.if_else(pc.is_in(texts, value_set=_MISSING), pa.scalar(None, texts.type), texts)
    fits = pc.match_substring_regex(texts, _NUMBER)
    row = first_row(pc.fill_null(pc.invert(fits), False))
    if row is not None:
        raise bad_cell(
            place,
            row,
            f"{values[row].as_py()!r} is not a number with a decimal comma, such as 1.204,50; mend "
            "it or leave it empty.",
        )
    return pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", ".")
