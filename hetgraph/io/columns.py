"""Columns of numbers as tensors, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import ConfigError, DataError
from hetgraph.io.ids import missing_row
from hetgraph.io.sources import Source

__all__ = [
    "categories",
    "dense_columns",
    "sparse_column",
    "sparse_to_column",
    "tensor_to_column",
    "times",
    "torch_dtype",
]

Array = np.ndarray[Any, Any]


def torch_dtype(name: str) -> torch.dtype:
    """Returns the floating-point dtype with a name such as ``"float32"``."""
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ConfigError(f"dtype {name!r} is unknown; expected 'float32', 'float64' or 'float16'.")
    return dtype


def dense_columns(source: Source, names: Sequence[str], dtype: str) -> Tensor:
    """Returns columns side by side as ``[num_rows, dim]``.

    A column of numbers or booleans gives one feature; a column of lists of equal length, such as
    embeddings, gives one feature per element.

    Raises:
        DataError: Naming the table, the column and the row of a missing, infinite or non-numeric
            value.
    """
    target = torch_dtype(dtype)
    if isinstance(names, str):
        names = [names]
    blocks = [_numeric(source, name).to(target) for name in names]
    if len(blocks) == 1:
        return blocks[0]
    return torch.cat(blocks, dim=1) if blocks else torch.zeros(source.num_rows, 0, dtype=target)


def sparse_column(source: Source, name: str, dim: int | None, dtype: str) -> CSR:
    """Returns a column of maps ``{feature: value}`` as a ``[num_rows, dim]`` matrix.

    Args:
        source: The table.
        name: A column of Arrow maps from integers to numbers.
        dim: Number of columns; ``None``: one more than the largest feature.
        dtype: Floating-point dtype of the values.
    """
    column, where = source.column(name), _where(source, name)
    if not pa.types.is_map(column.type):
        raise DataError(f"{where} holds {column.type}; expected Arrow maps from integer to number.")
    row = missing_row(column)
    if row is not None:
        raise DataError(f"{where}, row {row} (from 0): missing; use an empty map.")
    offsets = column.offsets.to_numpy()
    span = slice(int(offsets[0]), int(offsets[-1])) if offsets.size else slice(0, 0)
    keys = column.keys.to_numpy(zero_copy_only=False)[span]
    values = column.items.to_numpy(zero_copy_only=False)[span]
    rows = np.repeat(np.arange(source.num_rows), np.diff(offsets))
    num_cols = dim if dim is not None else int(keys.max(initial=-1)) + 1
    try:
        weight = torch.from_numpy(values.copy()).to(torch_dtype(dtype))
        matrix = CSR.from_coo(rows, keys, (source.num_rows, num_cols), weight)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    return matrix.with_weight(None) if bool((weight == 1).all()) else matrix


def categories(source: Source, name: str) -> Tensor:
    """Returns a column as int64 codes ``[num_rows]``.

    Integers are the codes; texts are numbered in sorted order, independent of the row order.
    """
    column, where = source.column(name), _where(source, name)
    row = missing_row(column)
    if row is not None:
        raise DataError(f"{where}, row {row} (from 0): the category is missing; fill it in.")
    if pa.types.is_integer(column.type):
        return torch.from_numpy(column.cast(pa.int64()).to_numpy().copy())
    if not pa.types.is_large_string(column.type):
        raise DataError(f"{where} holds {column.type}; expected integers or text as categories.")
    known = pc.unique(column).sort()
    return torch.from_numpy(pc.index_in(column, value_set=known).to_numpy().astype(np.int64))


def times(source: Source, name: str) -> Tensor:
    """Returns a column of times ``[num_rows]``; dates and timestamps as int64 in their unit."""
    column, where = source.column(name), _where(source, name)
    row = missing_row(column)
    if row is not None:
        raise DataError(f"{where}, row {row} (from 0): the time is missing; fill it in.")
    kind = column.type
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        column = column.cast(pa.int32())
    if pa.types.is_temporal(kind):
        column = column.cast(pa.int64())
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise DataError(f"{where} holds {kind}; expected numbers, dates or timestamps as times.")
    if pa.types.is_integer(column.type):
        column = column.cast(pa.int64())
    return torch.from_numpy(column.to_numpy(zero_copy_only=False).copy())


def tensor_to_column(values: Tensor) -> pa.Array:
    """Returns ``[n]`` or ``[n, dim]`` values as a column of numbers or of fixed-size lists."""
    values = values.detach().cpu()
    if values.dtype == torch.bfloat16:
        values = values.float()  # Arrow has no bfloat16; float32 represents it exactly.
    flat = pa.array(values.contiguous().view(-1).numpy())
    if values.dim() == 1:
        return flat
    if values.shape[1] == 0:
        return pa.array([[]] * len(values), pa.list_(flat.type))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def sparse_to_column(matrix: CSR) -> pa.Array:
    """Returns a column of maps ``{feature: value}``; :func:`sparse_column` reads it."""
    weight = matrix.weight if matrix.weight is not None else torch.ones(matrix.nnz)
    keys = pa.array(matrix.indices.cpu().numpy().astype(np.int32))
    offsets = pa.array(matrix.indptr.cpu().numpy().astype(np.int32))
    return pa.MapArray.from_arrays(offsets, keys, tensor_to_column(weight))


def _numeric(source: Source, name: str) -> Tensor:
    """Returns one column as ``[num_rows, dim]``."""
    column, where = source.column(name), _where(source, name)
    row = missing_row(column)
    if row is not None:
        raise DataError(
            f"{where}, row {row} (from 0): the value is missing; fill it in or leave the column "
            "out of the features."
        )
    dim = 1
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        dim = _list_size(column, where)
        column = column.flatten()
    if pa.types.is_boolean(column.type) or not len(column):
        column = column.cast(pa.uint8())  # A column without rows may have no type.
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        hint = "declare it as text or category" if pa.types.is_large_string(kind) else "convert it"
        raise DataError(f"{where} holds {kind}, expected numbers as features; {hint}.")
    values = column.to_numpy(zero_copy_only=False).reshape(source.num_rows, dim)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        value = values[bad][~np.isfinite(values[bad])][0]
        raise DataError(f"{where}, row {bad} (from 0): {value} is not finite; replace or drop it.")
    return torch.from_numpy(values if values.flags.writeable else values.copy())


def _list_size(column: pa.Array, where: str) -> int:
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    if not lengths.size:
        fixed = pa.types.is_fixed_size_list(column.type)
        return int(column.type.list_size) if fixed else 0
    odd = np.flatnonzero(lengths != lengths[0])
    if odd.size:
        raise DataError(
            f"{where}, row {odd[0]} (from 0): the list has {lengths[odd[0]]} values, "
            f"{lengths[0]} in row 0; all lists must have the same length."
        )
    return int(lengths[0])


def _where(source: Source, name: str) -> str:
    return f"{source.label}, column {name!r}"
