"""The user's node ids and their row numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.errors import DataError

__all__ = ["IdMap", "check_ids", "missing_row", "show"]

Array = np.ndarray[Any, Any]

_NUMBER = r"^-?[0-9]+$"


def show(column: pa.Array, row: int) -> str:
    """Returns a value as quoted in messages."""
    value = column[row].as_py()
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def missing_row(column: pa.Array) -> int | None:
    """Returns the first row that is null, or ``None``."""
    if not column.null_count:
        return None
    return int(np.flatnonzero(np.asarray(column.is_null()))[0])


def check_ids(column: pa.Array, where: str, *, text_file: bool = False) -> pa.Array:
    """Checks the ids of a node table and converts integers to int64.

    Args:
        column: The ids.
        where: Name of the column in messages.
        text_file: Whether the column is read from a text file: then whole numbers in canonical
            form (``7``, not ``007``) become integers.

    Raises:
        DataError: If an id is missing or repeated.
    """
    row = missing_row(column)
    if row is not None:
        raise DataError(f"{where}, row {row} (from 0): the id is missing; every node needs one.")
    if text_file:
        column = _numbers(column)
    column = _wide(column)
    try:
        codes = column.dictionary_encode()
    except pa.ArrowNotImplementedError as error:
        raise DataError(f"{where}: ids cannot be of type {column.type}; use text.") from error
    if len(codes.dictionary) < len(column):
        first = codes.indices.to_numpy()
        seen, at = np.unique(first, return_index=True)
        again = np.setdiff1d(np.arange(len(first)), at, assume_unique=True)[0]
        original = at[np.searchsorted(seen, first[again])]
        raise DataError(
            f"{where}: the id {show(column, int(again))} occurs twice, in rows {original} and "
            f"{again} (from 0); ids must be unique, drop or rename one."
        )
    return column


class IdMap:
    """Row numbers by id, for one node type.

    Args:
        node_type: Name of the node type, for messages.
        ids: ``[num_nodes]`` unique ids, or the number of nodes if row numbers are the ids.
    """

    def __init__(self, node_type: str, ids: pa.Array | int) -> None:
        self.node_type = node_type
        self._ids = None if isinstance(ids, int) else ids
        self.num_nodes = ids if isinstance(ids, int) else len(ids)
        if self._ids is not None and pa.types.is_int64(self._ids.type):
            values = self._ids.to_numpy()
            if np.array_equal(values, np.arange(len(values))):
                self._ids = None  # The ids are the row numbers: no look-up is needed.

    def rows(self, column: pa.Array, where: str) -> Array:
        """Returns the row number of every id in ``column``.

        Raises:
            DataError: Naming the first row with a missing or unknown id.
        """
        row = missing_row(column)
        if row is not None:
            raise DataError(
                f"{where}, row {row} (from 0): the {self.node_type!r} id is missing; "
                "fill it in or drop the edge."
            )
        wanted = pa.int64() if self._ids is None else self._ids.type
        if not len(column):
            return np.zeros(0, dtype=np.int64)
        values = self._cast(column, wanted, where)
        if self._ids is None:
            rows: Array = values.to_numpy()
            unknown = (rows < 0) | (rows >= self.num_nodes)
        else:
            positions = pc.index_in(values, value_set=self._ids)
            unknown = np.asarray(positions.is_null())
            rows = positions.fill_null(0).to_numpy()
        if unknown.any():
            self._dangling(column, np.flatnonzero(unknown), where)
        return rows

    def _cast(self, column: pa.Array, wanted: pa.DataType, where: str) -> pa.Array:
        column = _wide(column)
        if column.type == wanted:
            return column
        from_text = pa.types.is_large_string(column.type)
        if pa.types.is_integer(wanted) or pa.types.is_floating(wanted):
            try:
                return column.cast(wanted)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                if from_text:
                    readable = np.asarray(pc.match_substring_regex(column, _NUMBER))
                    if not readable.all():
                        self._dangling(column, np.flatnonzero(~readable), where)
        raise DataError(
            f"{where} holds {column.type}, but the ids of {self.node_type!r} are {wanted}; "
            "convert one of them, for example with .astype(str)."
        )

    def _dangling(self, column: pa.Array, rows: Array, where: str) -> None:
        more = f" ({len(rows):,} such rows in all)" if len(rows) > 1 else ""
        known = f"0..{self.num_nodes - 1}" if self._ids is None else f"its {self.num_nodes:,} ids"
        raise DataError(
            f"{where}, row {rows[0]} (from 0): {show(column, int(rows[0]))} is not a "
            f"{self.node_type!r} node, not among {known}{more}; add the node to its table or "
            "drop the edge."
        )


def _wide(column: pa.Array) -> pa.Array:
    """Converts integers to int64, so that int32 and int64 tables fit together."""
    kind = column.type
    if pa.types.is_null(kind):  # An empty column has no type.
        return column.cast(pa.int64())
    if pa.types.is_integer(kind) and not pa.types.is_int64(kind):
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:
            return column  # uint64 beyond int64
    return column


def _numbers(column: pa.Array) -> pa.Array:
    """Returns texts as int64 if that is lossless, otherwise unchanged."""
    try:
        numbers = column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column
    return numbers if numbers.cast(column.type).equals(column) else column
