"""The product of two sparse matrices (SpGEMM)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError
from hetgraph.ops._chunks import row_chunks, row_index
from hetgraph.ops._dispatch import apply
from hetgraph.ops._sparse import add_segments, transposed_entries

__all__ = ["spgemm"]

_BLOCK_TERMS = 2**20  # multiply-adds per block of rows, an upper bound of its entries
_INT32_LIMIT = 2**31 - 1

Array = np.ndarray[Any, Any]


def spgemm(a: CSR, b: CSR, *, block_rows: int | None = None) -> CSR:
    """Returns ``a @ b`` in canonical form: sorted columns, no duplicate entries.

    O(sum over the entries (i, k) of a of the degree of row k of b), in blocks of rows, one per
    thread, so that only a few blocks need memory beyond the result. The pattern depends on the
    patterns alone: entries that cancel to zero remain. Values are summed in float64 and stored as
    float32 (float64 if a weight is); without weights they count paths.

    Differentiable in the weights of both. CUDA matrices are multiplied on the CPU.

    Args:
        a: ``[num_rows, inner]``.
        b: ``[inner, num_cols]``.
        block_rows: Rows per block; default: blocks of about a million terms.

    Returns:
        ``[num_rows, num_cols]`` with a weight.

    Raises:
        DataError: If the inner sizes or the devices differ.

    Example:
        >>> writes = CSR.from_coo(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), (2, 2))
        >>> spgemm(writes, writes.transpose).to_dense()
        tensor([[2., 1.],
                [1., 1.]])
    """
    if a.num_cols != b.num_rows or a.device != b.device:
        raise DataError(
            f"a is {a.num_rows} x {a.num_cols} on {a.device} and b {b.num_rows} x {b.num_cols} on "
            f"{b.device}; the inner sizes and the devices must be the same."
        )
    pattern, values = _multiply(a, b, block_rows)
    weights = [w for w in (a.weight, b.weight) if w is not None]
    double = any(w.dtype == torch.float64 for w in weights)
    values = values.to(torch.float64 if double else torch.float32)
    if torch.is_grad_enabled() and any(w.requires_grad for w in weights):
        values = apply(_Values, a.weight, b.weight, values, a, b, pattern)
    return pattern.with_weight(values)


def _multiply(a: CSR, b: CSR, block_rows: int | None) -> tuple[CSR, Tensor]:
    left, right = (_scipy(m, weighted=False) for m in (a, b))
    weighted = a.weight is not None or b.weight is not None
    left_values, right_values = (_scipy(m, weighted=True) if weighted else None for m in (a, b))

    def block(rows: tuple[int, int]) -> tuple[Array, Array, Array]:
        start, stop = rows
        product = left[start:stop] @ right  # of ones, so that nothing cancels
        product.sort_indices()
        values = product.data
        if left_values is not None:
            values = _aligned(product, left_values[start:stop] @ right_values)
        return np.diff(product.indptr), product.indices, values

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:  # scipy releases the GIL
        blocks = list(pool.map(block, _blocks(left, right, block_rows)))
    degree = np.concatenate([np.zeros(1, np.int64), *(degrees for degrees, _, _ in blocks)])
    indptr = np.cumsum(degree, dtype=np.int64)
    fits = max(a.num_rows, b.num_cols, int(indptr[-1])) <= _INT32_LIMIT
    index = np.int32 if fits else np.int64
    indices = np.concatenate([np.zeros(0, index), *(cols.astype(index) for _, cols, _ in blocks)])
    values = np.concatenate([np.zeros(0), *(data for _, _, data in blocks)])
    pattern = CSR(
        indptr=torch.from_numpy(indptr.astype(index)),
        indices=torch.from_numpy(indices),
        num_cols=b.num_cols,
    )
    return pattern.to(a.device), torch.from_numpy(values).to(a.device)


def _scipy(matrix: CSR, *, weighted: bool) -> sp.csr_array:
    source = matrix if weighted else CSR(matrix.indptr, matrix.indices, matrix.num_cols)
    return source.to_scipy(np.float64)


def _aligned(pattern: sp.csr_array, product: sp.csr_array) -> Array:
    """Returns the values of a product in its full pattern; scipy drops exact zeros."""
    product.sort_indices()
    data: Array = product.data
    if product.nnz == pattern.nnz:
        return data
    values = np.zeros(pattern.nnz)
    values[np.searchsorted(_keys(pattern), _keys(product))] = data
    return values


def _keys(matrix: sp.csr_array) -> Array:
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    keys: Array = rows * matrix.shape[1] + matrix.indices
    return keys


def _blocks(
    left: sp.csr_array, right: sp.csr_array, block_rows: int | None
) -> Iterator[tuple[int, int]]:
    num_rows = left.shape[0]
    if block_rows is not None:
        starts = range(0, num_rows, max(block_rows, 1))
        yield from ((start, min(start + block_rows, num_rows)) for start in starts)
        return
    terms = np.diff(right.indptr)[left.indices]
    ends = np.concatenate([[0], np.cumsum(terms, dtype=np.int64)])[left.indptr]
    start = 0
    while start < num_rows:
        stop = int(np.searchsorted(ends, ends[start] + _BLOCK_TERMS, side="right")) - 1
        stop = min(max(stop, start + 1), num_rows)
        yield start, stop
        start = stop


class _Values(Function):
    """The values of the product, unchanged; the gradients are two masked products."""

    @staticmethod
    def forward(
        ctx: Any, a_weight: Tensor | None, b_weight: Tensor | None, values: Tensor,
        a: CSR, b: CSR, c: CSR,
    ) -> Tensor:  # fmt: skip
        ctx.matrices = a, b, c
        ctx.save_for_backward(a_weight, b_weight)
        return values.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        a, b, c = ctx.matrices
        a_weight, b_weight = ctx.saved_tensors
        grad_a = grad_b = None
        if ctx.needs_input_grad[0]:
            grad_a = _left_gradient(a, b, b_weight, c, grad).to(a_weight.dtype)
        if ctx.needs_input_grad[1]:  # the same for b' a' = c'
            across = None if a_weight is None else transposed_entries(a, a_weight)
            turned = _left_gradient(
                b.transpose, a.transpose, across, c.transpose, transposed_entries(c, grad)
            )
            grad_b = torch.empty_like(turned)
            grad_b[b.transpose_perm] = turned
            grad_b = grad_b.to(b_weight.dtype)
        return grad_a, grad_b, None, None, None, None


def _left_gradient(a: CSR, b: CSR, b_weight: Tensor | None, c: CSR, grad: Tensor) -> Tensor:
    """Returns ``sum_j grad[i, j] b[k, j]`` for each entry (i, k) of ``a``, in runs of entries."""
    columns = a.indices.long()
    terms = b.degree[columns]
    ends = torch.cat([terms.new_zeros(1), terms.cumsum(0)])
    c_keys = c.row_ids * c.num_cols + c.indices.long()
    result = grad.new_zeros(a.nnz, 1)
    owner = row_index(ends)
    for chunk in row_chunks(ends, _BLOCK_TERMS):
        entry = chunk.local_rows(owner)
        count = torch.arange(entry.numel(), device=grad.device)
        within = count - chunk.indptr.long()[entry]
        b_entry = b.indptr.long()[columns[chunk.rows]][entry] + within
        keys = a.row_ids[chunk.rows][entry] * c.num_cols + b.indices[b_entry].long()
        products = grad[torch.searchsorted(c_keys, keys)]
        if b_weight is not None:
            products = products * b_weight[b_entry].to(grad.dtype)
        add_segments(chunk.indptr, products.unsqueeze(1), result[chunk.rows])
    return result.squeeze(1)
