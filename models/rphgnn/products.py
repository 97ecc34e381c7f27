"""Products of sparse operators with dense or sparse matrices, block by block."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from hetgraph.data import CSR
from hetgraph.models.rphgnn.pool import Pool
from hetgraph.ops.dense import matmul_into
from hetgraph.ops.spmm import spmm

__all__ = [
    "Matrix",
    "dense_blocks",
    "product_into",
    "row_blocks",
    "row_slice",
    "stays_sparse",
    "take_hop",
    "to_dense",
]

Matrix = Tensor | CSR

BLOCK_BYTES = 32 * 2**20
"""Size of a block of float32 rows: large enough for BLAS, small beside whole messages."""

SPARSE_PRODUCT_COST = 200.0
"""Time of one multiply-add of sparse times sparse over one of sparse times dense (measured)."""


def row_blocks(num_rows: int, dim: int) -> Iterator[tuple[int, int]]:
    """Yields ``(start, stop)`` of blocks of rows of at most :data:`BLOCK_BYTES`."""
    size = block_rows(dim)
    for start in range(0, num_rows, size):
        yield start, min(start + size, num_rows)


def block_rows(dim: int) -> int:
    """Returns the number of rows in a block."""
    return max(BLOCK_BYTES // (4 * max(dim, 1)), 1)


def row_slice(matrix: CSR, start: int, stop: int) -> CSR:
    """Returns the rows ``start`` to ``stop`` without copying their entries."""
    indptr = matrix.indptr[start : stop + 1]
    low, high = int(indptr[0]), int(indptr[-1])
    weight = None if matrix.weight is None else matrix.weight[low:high]
    return CSR(indptr - low, matrix.indices[low:high], matrix.num_cols, weight)


def to_dense(matrix: Matrix) -> Tensor:
    """Returns a dense tensor; dense ones are passed through."""
    return matrix.to_dense() if isinstance(matrix, CSR) else matrix


def dense_blocks(matrix: Matrix) -> Iterator[tuple[int, Tensor]]:
    """Yields ``(start, rows)``: the whole matrix, dense, block by block."""
    for start, stop in row_blocks(*matrix.shape):
        if isinstance(matrix, CSR):
            yield start, row_slice(matrix, start, stop).to_dense()
        else:
            yield start, matrix[start:stop]


def product_into(matrix: Matrix, R: Tensor, out: Tensor) -> Tensor:  # noqa: N803
    """Writes ``matrix @ R`` to ``out`` and returns it."""
    if isinstance(matrix, CSR):
        return spmm(matrix, R, out=out)
    return matmul_into(matrix, R, out)


def stays_sparse(step: CSR, matrix: CSR) -> bool:
    """Whether a product of two sparse matrices is cheaper than with the second one dense."""
    per_row = matrix.nnz / max(matrix.num_rows, 1)
    return step.device.type == "cpu" and per_row * SPARSE_PRODUCT_COST < matrix.num_cols


def take_hop(
    step: CSR, before: Matrix, pool: Pool, *, whole: bool
) -> tuple[Matrix | None, Iterator[tuple[int, Matrix]]]:
    """Returns ``step @ before``, as a whole if asked for, and an iterator over its row blocks.

    The iterator does the work and must be exhausted; a block of a message that is not whole is
    overwritten by the next one.

    Args:
        step: Row-mean operator.
        before: What it is applied to.
        pool: Source of buffers; a whole dense message is given back to it by the caller.
        whole: Whether the complete message is needed afterwards.
    """
    if isinstance(before, CSR) and stays_sparse(step, before):
        message = CSR.from_scipy(step.to_scipy() @ before.to_scipy())
        blocks = row_blocks(*message.shape)
        return message, ((low, row_slice(message, low, high)) for low, high in blocks)
    size = step.num_rows if whole else min(block_rows(before.shape[1]), step.num_rows)
    buffer = pool.take(size, before.shape[1])
    return (buffer if whole else None), _fill(step, before, pool, buffer, whole)


def _fill(
    step: CSR, before: Matrix, pool: Pool, buffer: Tensor, whole: bool
) -> Iterator[tuple[int, Tensor]]:
    if isinstance(before, CSR):
        dense = pool.take(*before.shape)
        for start, rows in dense_blocks(before):
            dense[start : start + rows.shape[0]] = rows
    else:
        dense = before
    for start, stop in row_blocks(step.num_rows, before.shape[1]):
        rows = buffer[start:stop] if whole else buffer[: stop - start]
        spmm(row_slice(step, start, stop), dense, out=rows)
        yield start, rows
    if dense is not before:
        pool.give(dense)
    if not whole:
        pool.give(buffer)
