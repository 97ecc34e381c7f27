"""Columns of classes and numbers as arrays, for node and edge targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.catalog.targets.base import Table
from hetgraph.errors import DataError, suggest

__all__ = ["class_codes", "numbers"]

Array = np.ndarray[Any, Any]


def numbers(table: Table, name: str, what: str) -> tuple[Tensor, Tensor]:
    """Reads a column of numbers in which values may be missing.

    Args:
        table: The table.
        name: The column.
        what: What a row stands for in messages, such as ``"node"``.

    Returns:
        ``[n]`` int64 row numbers of the known values, and ``[n]`` float64 values.

    Raises:
        DataError: If the column has another type, no value at all, or an infinite value.
    """
    column = table.column(name)
    where = f"{table.label}, column {name!r}"
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise DataError(f"{where} holds {kind}; expected numbers, left empty where unknown.")
    given = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    known = np.flatnonzero(~np.isnan(given))
    if not known.size:
        raise DataError(f"{where}: no {what} has a value; every one is missing.")
    odd = known[~np.isfinite(given[known])]
    if odd.size:
        raise DataError(f"{where}, row {odd[0]} (from 0): {given[odd[0]]}; expected a number.")
    return torch.from_numpy(known), torch.from_numpy(given[known])


def class_codes(
    column: pa.Array, classes: Sequence[str | int], where: str
) -> tuple[Array, int, tuple[str, ...]]:
    """Returns the classes of a column as codes 0, 1, ...

    Args:
        column: One class per row.
        classes: The classes in the order of their codes; empty: sorted.
        where: Name of the column in messages.

    Returns:
        ``[num_rows]`` int64 codes, the number of classes, and their names; no names if the
        classes are the numbers 0, 1, ...

    Raises:
        DataError: If a class is not in ``classes``, or is not a whole number.
    """
    if pa.types.is_floating(column.type):
        column = _whole(column, where)
    known = pa.array(list(classes)) if classes else pc.unique(column.drop_null()).sort()
    values = known.to_pylist()
    numbered = pa.types.is_integer(known.type) and values == list(range(len(values)))
    names = () if numbered else tuple(map(str, values))
    return _codes(column, known, where), len(values), names


def _whole(column: pa.Array, where: str) -> pa.Array:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise DataError(f"{where} holds numbers that are not whole; expected classes.") from error


def _codes(column: pa.Array, known: pa.Array, where: str) -> Array:
    if pa.types.is_null(column.type):  # All lists of classes are empty.
        column = column.cast(known.type)
    if column.type != known.type:
        known = known.cast(column.type)
    codes = pc.index_in(column, value_set=known)
    if codes.null_count:
        unknown = column.filter(codes.is_null())[0].as_py()
        raise DataError(
            f"{where}: class {unknown!r} is not declared."
            f"{suggest(str(unknown), map(str, known.to_pylist()))}"
        )
    result: Array = codes.to_numpy().astype(np.int64)
    return result
