"""Random projection of dense and sparse features by a matrix that is never stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError
from hetgraph.ops._dispatch import apply, compute_dtype, exact_precision
from hetgraph.ops.random_matrix import Key, ProjectionKind, projection_matrix
from hetgraph.ops.spmm import spmm

__all__ = ["random_projection"]

_BLOCK_BYTES = 2**26  # bytes of the random matrix held at a time


def random_projection(
    x: Tensor | CSR,
    out_dim: int,
    key: Key,
    *,
    kind: ProjectionKind = "sparse",
    s: float = 3.0,
) -> Tensor:
    """Returns ``x @ R`` for a random ``R`` with independent entries of variance one.

    A dense ``x`` is multiplied by blocks of rows of ``R`` with BLAS (two thirds of the factors are
    zero, but the dense product is still faster on CPU): O(num_rows * dim * out_dim) operations with
    64 MiB of ``R`` at a time. A sparse ``x`` takes O(nnz * out_dim) and the whole ``R``.

    Differentiable in a dense ``x`` and in the weights of a sparse one.

    Args:
        x: ``[num_rows, dim]`` floating-point tensor or sparse matrix.
        out_dim: Dimension of the result.
        key: Key of ``R``; see :func:`~hetgraph.ops.random_matrix.sign_matrix`.
        kind: ``"sparse"`` signs times ``sqrt(s)``, or ``"gaussian"``.
        s: Inverse of the fraction of non-zero signs.

    Returns:
        ``[num_rows, out_dim]`` in the dtype of ``x`` (float32 for a sparse ``x``).

    Raises:
        DataError: If ``x`` is not a floating-point matrix.
        ConfigError: If ``kind``, ``s`` or the key is out of range.

    Example:
        >>> import torch
        >>> matrix = projection_matrix(0, 4, 2)
        >>> torch.equal(random_projection(torch.eye(4), 2, key=0), matrix)
        True
    """
    if isinstance(x, CSR):
        return spmm(x, projection_matrix(key, x.num_cols, out_dim, kind=kind, s=s, device=x.device))
    if x.dim() != 2 or not x.is_floating_point():
        raise DataError(
            f"x is {x.dtype} {list(x.shape)}, expected a floating-point [num_rows, dim] tensor."
        )
    with exact_precision(x.device):
        product: Tensor = apply(_Project, x, _Matrix(key, x.shape[1], out_dim, kind, s))
    return product


@dataclass(frozen=True)
class _Matrix:
    """The arguments that determine the random matrix."""

    key: Key
    rows: int
    cols: int
    kind: ProjectionKind
    s: float

    def blocks(self, like: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yields the matrix in blocks of rows, in the dtype and on the device of ``like``."""
        step = max(_BLOCK_BYTES // (4 * max(self.cols, 1)), 1)
        for start in range(0, self.rows, step):
            count = min(step, self.rows - start)
            block = projection_matrix(
                self.key, count, self.cols, kind=self.kind, s=self.s, start=start
            )
            yield slice(start, start + count), block.to(like)


class _Project(Function):
    """The product; the matrix is drawn again for the gradient instead of being stored."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: _Matrix) -> Tensor:
        ctx.matrix = matrix
        product = x.new_zeros(x.shape[0], matrix.cols, dtype=compute_dtype(x.dtype))
        for rows, block in matrix.blocks(product):
            product.addmm_(x[:, rows].to(product.dtype), block)
        return product.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        matrix: _Matrix = ctx.matrix
        result = grad.new_empty(grad.shape[0], matrix.rows)
        with exact_precision(grad.device):
            exact = grad.to(compute_dtype(grad.dtype))
            for rows, block in matrix.blocks(exact):
                result[:, rows] = exact @ block.t()
        return result, None
