"""What every kind of column encoder has: options, a fitted state, and how it is written down."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa

from hetgraph.errors import DataError

__all__ = ["Array", "Block", "ColumnKind", "Place", "Read", "bad_cell", "first_row"]

Array = np.ndarray[Any, Any]

Block: TypeAlias = Any
"""What a column becomes: ``[num_rows, dim]`` numbers, a numpy array or scipy's CSR."""

Read = Callable[[str, bool], pa.Array]
"""Returns a column by name; the second argument: as written in a text file."""


@dataclass(frozen=True)
class Place:
    """Where the values of a column come from.

    Args:
        where: Table and column in messages, such as ``table 'paper', column 'year'``.
        limit: Number of columns that one column becomes at most, unless its options say more.
        new: Whether these are new rows for an encoder that was fitted before.
        tell: Gets what a user should know of new rows, one line each; ``None``: it is logged.
    """

    where: str
    limit: int = 1000
    new: bool = False
    tell: Callable[[str], None] | None = None


class ColumnKind(ABC):
    """An encoder of one column, fitted: a frozen dataclass of plain values.

    To add a kind, write ``hetgraph/features/columns/<kind>.py`` with one subclass, or register a
    class under the entry point group ``hetgraph.columns``.
    """

    kind: ClassVar[str]
    """Name in ``encode: <kind>``, and of the module."""

    as_written: ClassVar[bool] = False
    """Whether a column of a text file is read as written, so that ``007`` and ``NA`` stay texts."""

    class Options(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
        """What a user may choose."""

    @classmethod
    @abstractmethod
    def claim(cls, values: pa.Array) -> int:
        """Returns how well a column suits the kind if none is declared: 0 (not) to 3 (surely)."""

    @classmethod
    @abstractmethod
    def fit(cls, values: pa.Array, options: Any, place: Place) -> Self:
        """Returns the encoder for a column.

        Args:
            values: ``[num_rows]``, any Arrow type.
            options: An instance of ``Options``.
            place: Where the values come from.

        Raises:
            DataError: If a value cannot be encoded; naming row, value and cure.
        """

    @abstractmethod
    def encode(self, values: pa.Array, place: Place) -> Block:
        """Returns a column as ``[num_rows, dim]``, in the same way for old and new rows.

        Raises:
            DataError: As for :meth:`fit`.
        """

    @abstractmethod
    def names(self, column: str) -> list[str]:
        """Returns the names of the ``dim`` columns that a column becomes."""

    @abstractmethod
    def describe(self) -> str:
        """Returns what is done with the column, in a few words."""

    def codes(self, values: pa.Array, place: Place) -> Array | None:
        """Returns ``[num_rows]`` int64 codes, if a column that stands alone is kept as codes."""
        return None

    @property
    def num_codes(self) -> int:
        """Number of codes, of a kind that has them."""
        return 0

    def code_names(self, column: str) -> list[str]:
        """Returns the names of the codes, of a kind that has them."""
        return self.names(column)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fitted state as plain values."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]


def first_row(bad: Array | pa.Array) -> int | None:
    """Returns the first row in which ``bad`` is true."""
    rows = np.flatnonzero(np.asarray(bad))
    return int(rows[0]) if rows.size else None


def bad_cell(place: Place, row: int, what: str) -> DataError:
    """Returns the error of a cell: ``table 't', column 'c', row 3 (from 0): <what>``."""
    return DataError(f"{place.where}, row {row} (from 0): {what}")
