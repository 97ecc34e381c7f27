"""The CSR product and segment sums that all kernels build on, without gradients."""

from __future__ import annotations

import warnings
from functools import cache

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.ops._chunks import Chunk, row_chunks

__all__ = [
    "add_segments",
    "index32",
    "matmul",
    "segment_max",
    "sparse_tensor",
    "sub_matrix",
    "transposed_entries",
]

_INT32_LIMIT = 2**31 - 1
_SHARED_ROWS = 2**20
_BLOCK_COLS = 512


def index32(csr: CSR) -> tuple[Tensor, Tensor]:
    """Returns ``indptr`` and ``indices`` as int32 if they fit, converted once.

    Torch's MKL build uses int32 and would convert int64 at every call: 0.86 instead of 1.17 ms on
    200 k entries x 64, 480 instead of 600 ms on 7 M x 256.
    """
    if csr.indptr.dtype == torch.int32 or max(csr.nnz, *csr.shape) > _INT32_LIMIT:
        return csr.indptr, csr.indices
    if "ops_index32" not in csr._cache:
        csr._cache["ops_index32"] = (csr.indptr.int(), csr.indices.int())
    narrow: tuple[Tensor, Tensor] = csr._cache["ops_index32"]
    return narrow


def ones_of(csr: CSR, dtype: torch.dtype) -> Tensor:
    """Returns ``[nnz]`` ones, cached with the matrix: the values of an unweighted matrix."""
    key = f"ops_ones_{dtype}"
    if key not in csr._cache:
        csr._cache[key] = torch.ones(csr.nnz, dtype=dtype, device=csr.device)
    ones: Tensor = csr._cache[key]
    return ones


def transposed_entries(csr: CSR, values: Tensor) -> Tensor:
    """Permutes values of the entries (``[nnz, ...]``) to the order of the transpose."""
    return values.index_select(0, csr.transpose_perm)


def matmul(csr: CSR, values: Tensor | None, x: Tensor, out: Tensor) -> None:
    """Writes ``A @ x`` to ``out`` with the platform's CSR product (MKL, cuSPARSE).

    O(nnz * dim). Writing to ``out`` with ``beta=0`` saves a zero-filled temporary and a copy: 0.93
    instead of 1.50 ms on 200 k entries x 64, 800 instead of 1370 ms on 7 M x 256.

    Args:
        csr: The pattern.
        values: ``[nnz]`` in the dtype of ``x``; ``None`` for ones.
        x: ``[num_cols, dim]`` float32 or float64, unit column stride.
        out: ``[num_rows, dim]`` output, unit column stride.
    """
    if out.numel() == 0 or csr.nnz == 0:
        out.zero_()
        return
    if csr.nnz > _INT32_LIMIT:
        for chunk in row_chunks(csr.indptr, _INT32_LIMIT // 2):
            run_values = None if values is None else values[chunk.entries]
            matmul(sub_matrix(csr, chunk), run_values, x, out[chunk.rows])
        return
    matrix, dim = sparse_tensor(csr, values, x.dtype), x.shape[1]
    step = _BLOCK_COLS if dim > _BLOCK_COLS and _reuses_rows(csr) else dim
    for start in range(0, dim, step):
        cols = slice(start, start + step)
        torch.addmm(out[:, cols], matrix, x[:, cols], beta=0, out=out[:, cols])


def _reuses_rows(csr: CSR) -> bool:
    """Whether rows of ``x`` are read so often that blocks of columns should stay in the cache.

    3,025 x 1,902 with 256 k entries, on 1,902 columns: 400 ms whole, 93 ms in blocks of 512; the
    transpose: 141 and 82 ms. With two entries per column, blocks are slower: 6 and 12 ms.
    """
    return csr.device.type == "cpu" and csr.nnz >= 16 * csr.num_cols


def sub_matrix(csr: CSR, chunk: Chunk) -> CSR:
    """Returns a run of whole rows as a matrix on shared indices."""
    _, indices = index32(csr)
    columns = indices[chunk.entries]
    if csr.num_cols <= _INT32_LIMIT:
        columns = columns.int()
    return CSR(chunk.indptr.to(columns.dtype), columns, csr.num_cols)


def sparse_tensor(csr: CSR, values: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Returns the matrix as a torch CSR tensor on shared memory, in 6 microseconds."""
    indptr, indices = index32(csr)
    values = ones_of(csr, dtype) if values is None else values.contiguous()
    return _sparse_tensor(indptr.contiguous(), indices.contiguous(), values, csr.num_cols)


def add_segments(indptr: Tensor, values: Tensor, out: Tensor) -> None:
    """Adds the sum of each segment of rows to ``out``, in a fixed order.

    On CPU this is the CSR product with a matrix whose column indices count up: 0.22 ms on
    [200 k, 8], where `torch.segment_reduce` takes 1.8 ms and `index_add_` 1.6 ms.

    Args:
        indptr: ``[segments + 1]`` int32 offsets into the rows of ``values``, from 0.
        values: ``[rows, dim]`` float32 or float64, contiguous.
        out: ``[segments, dim]``.
    """
    rows = values.shape[0]
    if out.numel() == 0 or rows == 0:
        return
    if values.device.type != "cpu":
        offsets = indptr.long()
        out += torch.segment_reduce(values, "sum", offsets=offsets, axis=0, unsafe=True)
        return
    torch.addmm(out, _runs(indptr, rows, values.dtype), values, out=out)


def segment_max(indptr: Tensor, values: Tensor, reduce: str = "max") -> Tensor:
    """Returns the maximum (or ``"min"``) of each segment; 0 for empty segments.

    On CPU this is torch's reducing CSR product: 0.81 ms on [200 k, 8], where
    `torch.segment_reduce` takes 2.3 ms and `scatter_reduce_` 5.0 ms. On one column
    `segment_reduce` is faster: 0.53 instead of 1.2 ms on 200 k rows, 17 instead of 43 ms on 7 M.

    Args:
        indptr: ``[segments + 1]`` offsets into the rows of ``values``, from 0.
        values: ``[rows, dim]`` float32 or float64.
        reduce: ``"max"`` or ``"min"``.

    Returns:
        ``[segments, dim]``.
    """
    segments, rows, dim = indptr.numel() - 1, values.shape[0], values.shape[1]
    if rows == 0 or segments == 0 or dim == 0:
        return values.new_zeros(segments, dim)
    if values.device.type != "cpu" or dim == 1:
        result = torch.segment_reduce(
            values, reduce, offsets=indptr.long(), axis=0, unsafe=True, initial=None
        )
        return result.masked_fill((indptr[1:] == indptr[:-1])[:, None], 0.0)
    matrix = _runs(indptr, rows, values.dtype)
    extreme: Tensor = torch.sparse.mm(matrix, values, "amax" if reduce == "max" else "amin")
    return extreme


def _sparse_tensor(indptr: Tensor, indices: Tensor, values: Tensor, num_cols: int) -> Tensor:
    _silence_beta_warning()
    shape = (indptr.numel() - 1, num_cols)
    return torch.sparse_csr_tensor(indptr, indices, values, shape, check_invariants=False)


def _runs(indptr: Tensor, rows: int, dtype: torch.dtype) -> Tensor:
    """Returns the matrix that sums runs of rows: column indices count up, values are ones."""
    if rows <= _SHARED_ROWS and indptr.dtype == torch.int32:
        counter, ones = _counter(dtype)
        counter, ones = counter[:rows], ones[:rows]
    else:
        counter, ones = torch.arange(rows, dtype=indptr.dtype), torch.ones(rows, dtype=dtype)
    return _sparse_tensor(indptr, counter, ones, rows)


@cache
def _counter(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Returns the column indices and values of the largest shared matrix of :func:`_runs`."""
    return torch.arange(_SHARED_ROWS, dtype=torch.int32), torch.ones(_SHARED_ROWS, dtype=dtype)


@cache
def _silence_beta_warning() -> None:
    """Makes the first CSR tensor of the process, which torch warns about, without the warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zero = torch.zeros(1, dtype=torch.int32)
        torch.sparse_csr_tensor(zero, zero[:0], torch.zeros(0), (0, 0), check_invariants=False)
