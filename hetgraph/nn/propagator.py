"""The matrix of one view of the nodes, stored as it is multiplied fastest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hetgraph.data import CSR
from hetgraph.data.quotient import Quotient
from hetgraph.ops import spmm

__all__ = ["Propagator", "make_propagator"]

DENSE_FRACTION = 0.2
"""Matrices with a larger fraction of entries are multiplied as dense ones.

4,057 x 4,057 times 64 columns, forward and backward, two cores: sparse 12, 30, 60, 66 and 151 ms at
5, 10, 20, 30 and 43 %; dense 43 to 68 ms at any.
"""
_DENSE_BYTES = 2**28


@dataclass(frozen=True, eq=False)
class Propagator:
    """``P = D_r^-1/2 A D_c^-1/2``: means over the neighbours of a node along one view.

    Args:
        factors: Sparse or dense matrices whose product is ``P``, often ``P`` alone.

    Example:
        >>> swap = Propagator((torch.tensor([[0.0, 1.0], [1.0, 0.0]]),))
        >>> swap(torch.tensor([[1.0], [3.0]])).flatten().tolist(), swap.num_cols
        ([3.0, 1.0], 2)
    """

    factors: tuple[CSR | Tensor, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Returns ``P x``."""
        for factor in reversed(self.factors):
            x = _multiply(factor, x)
        return x

    def back(self, grad: Tensor) -> Tensor:
        """Returns ``P^T grad``."""
        for factor in self.factors:
            other = factor.t() if isinstance(factor, Tensor) else factor.transpose
            grad = _multiply(other, grad)
        return grad

    def rows(self, index: Tensor) -> Propagator:
        """Returns some of its rows.

        On Retail Rocket's views, forward and backward with a quarter of the rows, 10 ms against 20
        for the whole product.
        """
        first, *others = self.factors
        chosen = first[index] if isinstance(first, Tensor) else first.rows(index)
        return Propagator((chosen, *others))

    @property
    def num_cols(self) -> int:
        """Number of rows of what it is multiplied with."""
        return self.factors[-1].shape[1]

    @property
    def cost(self) -> int:
        """Multiply-adds for each column of ``x``."""
        return sum(f.nnz if isinstance(f, CSR) else f.numel() for f in self.factors)

    def power(self, hops: int) -> Propagator:
        """Returns ``P^hops`` where that is one dense matrix, so that a product costs one hop.

        Other propagators are repeated: the power of a sparse matrix has more entries. A square of
        ``n`` rows costs as much as ``n / dim`` products with ``dim`` columns.

        Args:
            hops: Number of steps; 0 is the identity.
        """
        first, *others = self.factors
        if hops > 1 and not others and isinstance(first, Tensor):
            return Propagator((torch.linalg.matrix_power(first, hops),))
        return Propagator(self.factors * hops)

    def to(self, device: torch.device | str) -> Propagator:
        """Returns it on ``device``."""
        return Propagator(tuple(factor.to(device) for factor in self.factors))


def make_propagator(pattern: CSR) -> Propagator:
    """Returns the propagator of a pattern; values of its entries do not count.

    Equal rows and columns are multiplied once where that halves the cost, and well-filled
    matrices as dense ones.

    Args:
        pattern: ``[num_nodes, num_nodes]``.

    Example:
        >>> full = CSR.from_dense(torch.ones(2, 2))
        >>> make_propagator(full)(torch.tensor([[1.0], [3.0]])).flatten().round().tolist()
        [2.0, 2.0]
    """
    plain = pattern.with_weight(None)
    short = Quotient.of(plain)
    if 2 * short.cost >= plain.nnz:
        return Propagator((_stored(plain.normalized("sym")),))
    by_row, by_col = (
        matrix.degree.clamp(min=1).to(torch.float32).rsqrt() for matrix in (plain, plain.transpose)
    )
    expand, collect = short.expand, short.collect
    return Propagator(
        (
            expand.with_weight(by_row[expand.row_ids]),
            _stored(short.core),
            collect.with_weight(by_col[collect.indices]),
        )
    )


def _stored(matrix: CSR) -> CSR | Tensor:
    cells = matrix.num_rows * matrix.num_cols
    dense = matrix.nnz > DENSE_FRACTION * cells and 4 * cells <= _DENSE_BYTES
    return matrix.to_dense(torch.float32) if dense else matrix


def _multiply(matrix: CSR | Tensor, x: Tensor) -> Tensor:
    return matrix @ x if isinstance(matrix, Tensor) else spmm(matrix, x)
