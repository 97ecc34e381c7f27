"""The arrays of a sparse matrix: sorted, offset and checked, as plain arrays and tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from hetgraph.errors import ConfigError, DataError, suggest

__all__ = [
    "INT32_LIMIT",
    "check_length",
    "check_pattern",
    "check_sign",
    "check_weight",
    "checked_shape",
    "index_array",
    "inverse_sum",
    "is_weighted",
    "node_count",
    "node_counts",
    "offsets",
    "scaled_weight",
    "sort_entries",
]

INT32_LIMIT = 2**31 - 1
_MOST = 2**40  # of nodes: their offsets alone take 8 TiB

Array = np.ndarray[Any, Any]


def sort_entries(rows: Array, cols: Array, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Sorts entries by row, then column, then arrival: two stable counting sorts in C.

    A matrix with one row per entry, converted to CSC, is sorted by column. Dropping its column
    ids and converting it once more, with the row ids that it carries as columns, sorts by row and
    keeps the column order within each row.

    Returns:
        ``indptr``, ``indices`` and the arrival number of each entry, all of one integer dtype.
    """
    num_rows, num_cols = shape
    size = rows.size
    dtype = np.int32 if max(num_rows, num_cols, size) < INT32_LIMIT else np.int64
    arrival = np.arange(size + 1, dtype=dtype)
    carried = rows.astype(dtype, copy=False)
    first = sp.csr_array((carried, cols.astype(dtype, copy=False), arrival), (size, num_cols))
    by_col = first.tocsc()
    del first, arrival, carried
    second = sp.csr_array((by_col.indices, by_col.data, by_col.indptr), (num_cols, num_rows))
    by_row = second.tocsc()
    sorted_arrays = (by_row.indptr, by_row.indices, by_row.data)
    indptr, indices, perm = (array.astype(dtype, copy=False) for array in sorted_arrays)
    return indptr, indices, perm


def node_count(what: str, number: Any) -> int:
    """Returns a number of nodes, rows or columns as an integer.

    Args:
        what: What is counted, for messages.
        number: A whole number of any type.

    Raises:
        DataError: If it is no whole number, negative or beyond any memory.

    Example:
        >>> node_count("node type 'paper'", torch.tensor(3))
        3
    """
    try:
        count = int(number)
        whole = bool(count == number)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        count, whole = 0, False
    if not whole or not 0 <= count <= _MOST:
        raise DataError(f"{what}: {number} nodes; expected a whole number from 0 to 2^40.")
    return count


def node_counts(num_nodes: Mapping[str, Any]) -> dict[str, int]:
    """Returns numbers of nodes by type as integers, see :func:`node_count`."""
    return {str(key): node_count(f"node type {key!r}", n) for key, n in num_nodes.items()}


def checked_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Returns the numbers of rows and columns of a matrix, see :func:`node_count`."""
    return node_count("rows", shape[0]), node_count("columns", shape[1])


def index_array(ids: Tensor | Array, name: str) -> Array:
    """Returns ids as a one-dimensional integer array.

    Raises:
        DataError: If they have another shape or dtype.
    """
    array = ids.detach().cpu().numpy() if isinstance(ids, Tensor) else np.asarray(ids)
    if array.ndim != 1:
        raise DataError(f"{name} has shape {list(array.shape)}, expected one dimension.")
    if array.dtype.kind not in "iu" and array.size:
        raise DataError(f"{name} are {array.dtype}, expected integers.")
    return array


def inverse_sum(value: Tensor, ids: Tensor, size: int, power: float) -> Tensor:
    """Returns the sums of ``value`` by id, ``[size]``, raised to a power; zero stays zero."""
    total = value.new_zeros(size).index_add_(0, ids, value)
    return torch.where(total > 0, total, 1.0).pow(power) * (total > 0)


def scaled_weight(
    weight: Tensor, rows: Tensor, cols: Tensor, shape: tuple[int, int], kind: str
) -> Tensor:
    """Returns weights divided by the sums of absolute weights; zero where these are zero.

    Args:
        weight: ``[nnz]``.
        rows: ``[nnz]`` int64 row of each entry.
        cols: ``[nnz]`` int64 column.
        shape: ``(num_rows, num_cols)``.
        kind: ``"row"``, ``"col"``, or ``"sym"`` for the roots of both.

    Raises:
        ConfigError: If ``kind`` is unknown.
    """
    if kind not in ("row", "col", "sym"):
        raise ConfigError(
            f"normalization {kind!r} is unknown.{suggest(str(kind), ['row', 'col', 'sym'])}"
        )
    size, power = weight.abs(), -0.5 if kind == "sym" else -1.0
    if kind in ("row", "sym"):
        weight = weight * inverse_sum(size, rows, shape[0], power)[rows]
    if kind in ("col", "sym"):
        weight = weight * inverse_sum(size, cols, shape[1], power)[cols]
    return weight


def offsets(counts: Tensor) -> Tensor:
    """Returns the int64 offsets ``[n + 1]`` of segments with the given counts, ``[n]``."""
    return torch.cat([counts.new_zeros(1, dtype=torch.int64), counts.long().cumsum(0)])


def check_length(weight: Tensor, nnz: int) -> None:
    """Checks that there is one weight per entry.

    Raises:
        DataError: If the shape is not ``[nnz]``.
    """
    if weight.shape != (nnz,):
        raise DataError(
            f"weight has shape {list(weight.shape)}, expected [{nnz}]: one value per entry."
        )


def check_pattern(indptr: Tensor, indices: Tensor, num_cols: int, name: str) -> None:
    """Checks dtypes, offsets and the range of the column ids.

    Raises:
        DataError: Naming ``name``, the value found and the one expected.
    """
    if indptr.dtype not in (torch.int32, torch.int64):
        raise DataError(f"{name}: indptr is {indptr.dtype}, expected int32 or int64.")
    if indices.dtype != indptr.dtype:
        raise DataError(
            f"{name}: indices are {indices.dtype} and indptr is {indptr.dtype}; "
            "both must have the same dtype."
        )
    if indptr.dim() != 1 or indices.dim() != 1 or indptr.numel() == 0:
        raise DataError(f"{name}: indptr must be [num_rows + 1] and indices [nnz].")
    nnz = indices.numel()
    if int(indptr[0]) != 0 or int(indptr[-1]) != nnz:
        raise DataError(
            f"{name}: indptr runs from {int(indptr[0])} to {int(indptr[-1])}, expected 0 to {nnz}."
        )
    if bool((indptr[1:] < indptr[:-1]).any()):
        raise DataError(f"{name}: indptr decreases; offsets must be sorted.")
    if nnz:
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or high >= num_cols:
            bad = low if low < 0 else high
            raise DataError(f"{name}: index {bad} is outside 0..{num_cols - 1}.")


def check_weight(weight: Tensor, nnz: int, name: str) -> None:
    """Checks the shape, dtype and values of the weights of ``nnz`` entries.

    Raises:
        DataError: Naming ``name``, the value found and the one expected.
    """
    if weight.shape != (nnz,):
        raise DataError(f"{name}: weight has shape {list(weight.shape)}, expected [{nnz}].")
    if not weight.is_floating_point():
        raise DataError(f"{name}: weight is {weight.dtype}, expected a float dtype.")
    if not bool(torch.isfinite(weight).all()):
        raise DataError(f"{name}: weight holds NaN or infinite values; remove or fill them.")


def is_weighted(weight: Tensor | None) -> bool:
    """Returns whether a weight differs from one."""
    return weight is not None and bool((weight != 1).any())


def check_sign(weight: Tensor | None, rows: Tensor, cols: Tensor, name: str, cure: str) -> None:
    """Checks that no weight is negative, for whoever divides by sums of weights.

    Args:
        weight: ``[nnz]``; ``None`` for ones.
        rows: ``[nnz]`` row of each entry.
        cols: ``[nnz]`` column.
        name: What the matrix is called in the error.
        cure: What can be done besides changing the weights: the last words of a sentence.

    Raises:
        DataError: Naming the first negative weight.
    """
    if weight is None:
        return
    negative = (weight < 0).nonzero().squeeze(1)
    if negative.numel() == 0:
        return
    first, others = negative[0], negative.numel() - 1
    row, col = int(rows[first]), int(cols[first])
    more = f" and {others:,} more are negative" if others else ""
    raise DataError(
        f"{name}: the weight in row {row}, column {col} (edge {col} -> {row}) is "
        f"{float(weight[first]):g}{more}; expected 0 or more, since sums of weights are divided "
        f"by. Give other weights, {cure}."
    )
