"""The sum of a row score and a column score at each entry of a sparse matrix."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError
from hetgraph.ops._checks import check_features
from hetgraph.ops._dispatch import apply
from hetgraph.ops._sparse import transposed_entries
from hetgraph.ops.segment_reduce import segment_sum

__all__ = ["pair_sum"]


def pair_sum(csr: CSR, row: Tensor | None, col: Tensor | None) -> Tensor:
    """Returns ``row[i] + col[j]`` for each entry ``(i, j)``: the raw score of additive attention.

    O(nnz * heads). The gradients are segment sums over the matrix and its transpose, in a fixed
    order. Weights of ``csr`` are ignored.

    Args:
        csr: ``[num_rows, num_cols]`` pattern; parallel entries get one score each.
        row: ``[num_rows, heads]``, or ``None`` for zeros.
        col: ``[num_cols, heads]``, or ``None`` for zeros.

    Returns:
        ``[nnz, heads]`` in the order of the entries.

    Raises:
        DataError: If both are missing, or shapes, dtypes or devices do not match.

    Example:
        >>> import torch
        >>> matrix = CSR.from_coo(torch.tensor([0, 0]), torch.tensor([0, 1]), (1, 2))
        >>> pair_sum(matrix, torch.tensor([[1.0]]), torch.tensor([[2.0], [3.0]]))
        tensor([[3.],
                [4.]])
    """
    for name, score, size in (("row", row, csr.num_rows), ("col", col, csr.num_cols)):
        if score is not None:
            check_features(name, score, size, csr)
            if score.dim() != 2:
                raise DataError(f"{name} has shape {list(score.shape)}, expected [{size}, heads].")
    if row is None and col is None:
        raise DataError("no score is given; pass row, col or both.")
    if row is not None and col is not None and row.shape[1] != col.shape[1]:
        raise DataError(f"row has {row.shape[1]} heads and col {col.shape[1]}; make them equal.")
    result: Tensor = apply(_PairSum, row, col, csr)
    return result


class _PairSum(Function):
    @staticmethod
    def forward(ctx: Any, row: Tensor | None, col: Tensor | None, csr: CSR) -> Tensor:
        ctx.csr = csr
        terms = []
        if row is not None:
            terms.append(row.index_select(0, csr.row_ids))
        if col is not None:
            terms.append(col.index_select(0, csr.indices))
        return terms[0] if len(terms) == 1 else terms[0].add_(terms[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        csr: CSR = ctx.csr
        row = col = None
        if ctx.needs_input_grad[0]:
            row = segment_sum(csr.indptr, grad).to(grad.dtype)
        if ctx.needs_input_grad[1]:
            col = segment_sum(csr.transpose.indptr, transposed_entries(csr, grad)).to(grad.dtype)
        return row, col, None
