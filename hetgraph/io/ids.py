"""The user's node ids and their row numbers."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.errors import DataError

__all__ = ["IdMap", "check_ids", "missing_row", "show"]

Array = np.ndarray[Any, Any]

_EXAMPLES = 5
_SLICE = 1 << 16
"""The fewest ids that are worth a thread."""
_LONGEST_TABLE = 4
"""A table of all numbers between two ids is used if it is at most this often the ids."""


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
    """Checks the ids of a node table and converts integers to int64, or uint64 beyond it.

    Args:
        column: The ids.
        where: Name of the column in messages.
        text_file: Whether the column is read from a text file: then whole numbers in canonical
            form (``7``, not ``007``) become integers.

    Raises:
        DataError: If ids are missing or repeated, with their number and up to five of them.
    """
    missing = _missing_rows(column)
    if missing.size:
        raise DataError(
            f"{where}, {_rows(missing)} (from 0): the id is missing; every node needs one."
        )
    if text_file:
        column = _numbers(column)
    column = _wide(column)
    try:
        codes = column.dictionary_encode()
    except pa.ArrowNotImplementedError as error:
        raise DataError(f"{where}: ids cannot be of type {column.type}; use text.") from error
    if len(codes.dictionary) < len(column):
        raise _repeated(column, codes.indices.to_numpy(), where)
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
        self._first = 0
        self._row_of: Array | None = None  # Row numbers by id, from the smallest id on.
        if self._ids is not None and pa.types.is_int64(self._ids.type) and len(self._ids):
            self._index(self._ids.to_numpy())

    def _index(self, values: Array) -> None:
        """Chooses how integers are looked up: not at all, in a table, or by hashing."""
        if np.array_equal(values, np.arange(len(values))):
            self._ids = None  # The ids are the row numbers: no look-up is needed.
            return
        first, last = int(values.min()), int(values.max())
        if last - first < _LONGEST_TABLE * len(values):
            self._first = first
            self._row_of = np.full(last - first + 1, -1, dtype=np.int64)
            self._row_of[values - first] = np.arange(len(values))

    def rows(self, column: pa.Array, where: str) -> Array:
        """Returns the row number of every id in ``column``.

        Raises:
            DataError: If ids are missing or unknown, with their number and up to five of them.
        """
        missing = _missing_rows(column)
        if missing.size:
            raise DataError(
                f"{where}, {_rows(missing)} (from 0): the {self.node_type!r} id is missing; "
                "fill it in or drop the edge."
            )
        rows = self.find(column, where)
        unknown = np.flatnonzero(rows < 0)
        if unknown.size:
            raise self._dangling(column, unknown, where)
        return rows

    @property
    def type(self) -> pa.DataType:
        """Type of the ids."""
        return pa.int64() if self._ids is None else self._ids.type

    def find(self, column: pa.Array, where: str) -> Array:
        """Returns the row number of every id in ``column``, -1 for unknown and missing ones.

        Raises:
            DataError: If they are of another type, which no id is.
        """
        if not len(column):
            return np.zeros(0, dtype=np.int64)
        return self._find(self._cast(column, self.type, where))

    def _find(self, values: pa.Array) -> Array:
        """Returns the row numbers of values of the type of the ids, -1 for unknown ones."""
        rows: Array
        if self._ids is not None and self._row_of is None:
            return _positions(values, self._ids)
        rows = values.fill_null(0).to_numpy() - self._first
        size = self.num_nodes if self._row_of is None else len(self._row_of)
        outside = (rows < 0) | (rows >= size)
        if values.null_count:
            outside |= np.asarray(values.is_null())
        if outside.any():
            rows[outside] = 0
        if self._row_of is not None:
            rows = self._row_of[rows] if size else rows
        rows[outside] = -1
        return rows

    def _cast(self, column: pa.Array, wanted: pa.DataType, where: str) -> pa.Array:
        """Returns the column in the type of the ids; null where a value has none in it."""
        column = _wide(column)
        if column.type == wanted:
            return column
        is_number = pa.types.is_integer(wanted) or pa.types.is_floating(wanted)
        if is_number and pa.types.is_large_string(column.type):
            return _canonical(column, wanted)
        if is_number and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            try:
                return column.cast(wanted)
            except pa.ArrowInvalid:
                return _representable(column, wanted)
        raise DataError(
            f"{where} holds {column.type}, but the ids of {self.node_type!r} are {wanted}; "
            "convert one of them, for example with .astype(str)."
        )

    def _dangling(self, column: pa.Array, rows: Array, where: str) -> DataError:
        """Returns the error of unknown ids."""
        known = f"0..{self.num_nodes - 1}" if self._ids is None else f"its {self.num_nodes:,} ids"
        values = [(show(column, int(row)), int(row)) for row in rows[:_EXAMPLES]]
        hint = self.near(column[int(rows[0])].as_py())
        if len(rows) == 1:
            text = f"row {values[0][1]} (from 0): {values[0][0]} is not a {self.node_type!r} node"
        else:
            text = (
                f"{len(rows):,} rows hold ids that are not {self.node_type!r} nodes: "
                f"{', '.join(f'{value} in row {row}' for value, row in values)}"
                f"{', ...' if len(rows) > _EXAMPLES else ''} (rows from 0)"
            )
        return DataError(
            f"{where}, {text}, not among {known}.{hint} Add the nodes to their table or drop the "
            "edges."
        )

    def near(self, value: Any) -> str:
        """Returns a sentence about an id that looks like a value but is another one."""
        if not isinstance(value, str):
            return ""
        forms = {
            "by spaces": value.strip(),
            "by leading zeros": value.lstrip("0") or "0",
            "by upper and lower case": value.lower(),
            "by the form of its Unicode letters": unicodedata.normalize("NFC", value),
            "by decomposed Unicode letters": unicodedata.normalize("NFD", value),
        }
        for how, form in forms.items():
            if form != value:
                given = pa.array([form], pa.large_string())
                wanted = self.type
                known = pa.types.is_large_string(wanted) or pa.types.is_integer(wanted)
                if known and int(self._find(self._cast(given, wanted, ""))[0]) >= 0:
                    return f" There is {form!r}, which differs {how}; ids must be equal."
        return ""


# ----------------------------------------------------------------------------- internals


def _positions(values: pa.Array, known: pa.Array) -> Array:
    """Returns the position of every value among the known ones, or -1; one slice per core."""

    def look_up(start: int) -> Array:
        places = pc.index_in(values.slice(start, size), value_set=known)
        positions: Array = places.fill_null(-1).to_numpy()
        return positions

    # Every slice hashes the known values again, so a slice must be worth it.
    size = max(-(-len(values) // pa.cpu_count()), len(known), _SLICE)
    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        return np.concatenate([*pool.map(look_up, range(0, len(values), size))])


def _missing_rows(column: pa.Array) -> Array:
    """Returns the rows that are null or NaN."""
    if pa.types.is_floating(column.type):
        return np.flatnonzero(np.asarray(pc.is_null(column, nan_is_null=True)))
    if not column.null_count:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.asarray(column.is_null()))


def _rows(rows: Array) -> str:
    """Returns row numbers as written in messages: all of a few, else their number, too."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    more = f", ... ({len(rows):,} in all)" if len(rows) > _EXAMPLES else ""
    return f"rows {', '.join(map(str, rows[:_EXAMPLES]))}{more}"


def _repeated(column: pa.Array, codes: Array, where: str) -> DataError:
    """Returns the error of ids that occur several times; ``codes`` number them by appearance."""
    again = np.flatnonzero(np.bincount(codes) > 1)
    texts = []
    for code in again[:_EXAMPLES]:
        rows = np.flatnonzero(codes == code)
        times = "twice" if len(rows) == 2 else f"{len(rows):,} times"
        texts.append(f"{show(column, int(rows[0]))} occurs {times}, in {_rows(rows)}")
    more = "; ..." if len(again) > _EXAMPLES else ""
    count = f"{len(again):,} ids are repeated: " if len(again) > 1 else "the id "
    return DataError(
        f"{where}: {count}{'; '.join(texts)}{more} (from 0); ids must be unique, drop or rename "
        "the others."
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
    """Returns texts as int64 or uint64 if that is lossless, otherwise unchanged."""
    for kind in (pa.int64(), pa.uint64()):
        try:
            numbers = column.cast(kind)
        except pa.ArrowInvalid:
            continue
        return numbers if numbers.cast(column.type).equals(column) else column
    return column


def _canonical(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Returns texts as numbers; null where a text is none, or is not how the number is written.

    So ``007`` and ``0x7`` are not 7. But ``7.0`` is, as programs write a column of integers in
    which a value is missing.
    """
    if pa.types.is_floating(wanted):
        readable = pc.match_substring_regex(column, r"^[+-]?[0-9.]+(e[+-]?[0-9]+)?$")
        return pc.if_else(readable, column, None).cast(wanted)
    try:
        numbers = column.cast(wanted)
        if numbers.cast(column.type).equals(column):
            return numbers
    except pa.ArrowInvalid:
        pass
    texts = pc.replace_substring_regex(column, r"^(-?[0-9]+)\.0+$", r"\1")
    plain = pc.match_substring_regex(texts, r"^(0|-?[1-9][0-9]{0,19})$")
    texts = pc.if_else(plain, texts, None)
    try:
        return texts.cast(wanted)
    except pa.ArrowInvalid:  # Some have 19 or 20 digits and do not fit.
        values = [None if text is None else int(text) for text in texts.to_pylist()]
        low, high = _limits(wanted)
        fitting = [v if v is not None and low <= v <= high else None for v in values]
        return pa.array(fitting, wanted)


def _limits(kind: pa.DataType) -> tuple[int, int]:
    """Returns the smallest and the largest number of an integer type."""
    limits = np.iinfo(kind.to_pandas_dtype())
    return int(limits.min), int(limits.max)


def _representable(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Returns numbers in another type; null where one has none in it, such as 1.5 or -1."""
    values = column.to_numpy(zero_copy_only=False)
    if pa.types.is_floating(wanted):  # Integers that no float equals.
        converted = column.cast(wanted, safe=False)
        exact = pc.equal(converted.cast(column.type, safe=False), column)
        return pc.if_else(exact, converted, None)
    low, high = _limits(wanted)
    # The largest integer is no float, so floats must be below the next power of two.
    fits = (values >= low) & ((values < high + 1.0) if values.dtype.kind == "f" else values <= high)
    fits &= np.floor(values) == values if values.dtype.kind == "f" else True
    return pc.if_else(pa.array(fits), column, None).cast(wanted)
