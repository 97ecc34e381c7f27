"""Sampled dense-dense matrix product (SDDMM): a dot product per entry of a sparse matrix."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError
from hetgraph.ops._checks import check_features
from hetgraph.ops._dispatch import apply, exact_precision
from hetgraph.ops._kernels import sddmm_kernel, spmm_kernel
from hetgraph.ops._sparse import transposed_entries

__all__ = ["sddmm"]


def sddmm(csr: CSR, a_rows: Tensor, b_cols: Tensor) -> Tensor:
    """Returns ``<a_rows[i], b_cols[j]>`` for each entry ``(i, j)`` and head.

    O(nnz * heads * dim) time, O(nnz * heads) memory. The gradients are two sparse products, with
    the matrix and with its transpose; they cannot be differentiated again. Weights of ``csr`` are
    ignored.

    Args:
        csr: ``[num_rows, num_cols]`` pattern; parallel entries get one score each.
        a_rows: ``[num_rows, dim]`` or ``[num_rows, heads, dim]``.
        b_cols: ``[num_cols, dim]`` or ``[num_cols, heads, dim]``.

    Returns:
        ``[nnz]`` or ``[nnz, heads]``, in the order of the entries and the promoted dtype of the
        two (half precision is summed in float32).

    Raises:
        DataError: If shapes, dtypes or devices do not match.

    Example:
        >>> import torch
        >>> from hetgraph.data import CSR
        >>> matrix = CSR.from_coo(torch.tensor([0, 0]), torch.tensor([0, 1]), (1, 2))
        >>> sddmm(matrix, torch.tensor([[2.0, 1.0]]), torch.eye(2))
        tensor([2., 1.])
    """
    check_features("a_rows", a_rows, csr.num_rows, csr)
    check_features("b_cols", b_cols, csr.num_cols, csr)
    if a_rows.shape[1:] != b_cols.shape[1:] or a_rows.dim() not in (2, 3):
        raise DataError(
            f"a_rows has shape {list(a_rows.shape)} and b_cols {list(b_cols.shape)}; expected "
            "[rows, dim] or [rows, heads, dim] with the same heads and dim."
        )
    dtype = torch.promote_types(a_rows.dtype, b_cols.dtype)
    a, b = (t.to(dtype) if t.dim() == 3 else t.to(dtype).unsqueeze(1) for t in (a_rows, b_cols))
    with exact_precision(csr.device):
        values: Tensor = apply(_SDDMM, a, b, csr)
    return values if a_rows.dim() == 3 else values.squeeze(1)


class _SDDMM(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, csr: CSR) -> Tensor:
        ctx.csr = csr
        ctx.save_for_backward(a, b)
        return sddmm_kernel(csr, a, b).to(a.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        csr: CSR = ctx.csr
        a, b = ctx.saved_tensors
        grad_a = grad_b = None
        with exact_precision(grad.device):
            if ctx.needs_input_grad[0]:
                grad_a = spmm_kernel(csr, grad, b)
            if ctx.needs_input_grad[1]:
                grad_b = spmm_kernel(csr.transpose, transposed_entries(csr, grad), a)
        return grad_a, grad_b, None
