"""The arrays of a sparse matrix: sorted, offset and checked, as plain arrays and tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from hetgraph.errors import DataError

__all__ = [
    "INT32_LIMIT",
    "check_length",
    "check_pattern",
    "check_weight",
    "index_array",
    "inverse_sum",
    "offsets",
    "sort_entries",
]

INT32_LIMIT = 2**31 - 1

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
