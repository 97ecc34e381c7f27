"""Sparse matrix times dense features (SpMM): the message-passing step of every model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError
from hetgraph.ops._checks import check_entries, check_features
from hetgraph.ops._dispatch import apply, exact_precision
from hetgraph.ops._kernels import sddmm_kernel, spmm_kernel
from hetgraph.ops._sparse import transposed_entries

__all__ = ["spmm"]


def spmm(csr: CSR, x: Tensor, weight: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """Returns ``A @ x``: each row sums the features of its columns, times the entry's weight.

    O(nnz * heads * dim) time; nothing of size ``[nnz, dim]`` is allocated. The gradient of ``x`` is
    a product with the transpose (cached by ``csr``), that of ``weight`` a sampled product
    (:func:`~hetgraph.ops.sddmm`); neither can be differentiated again.

    Half precision is summed in float32 and returned in the dtype of ``x``.

    Args:
        csr: ``[num_rows, num_cols]``; parallel entries are added.
        x: ``[num_cols]``, ``[num_cols, dim]`` or ``[num_cols, heads, dim]``, any strides.
        weight: ``[nnz]``, or ``[nnz, heads]`` for 3-D ``x``; default ``csr.weight``, where ``None``
            means all ones.
        out: Output of any float dtype and row stride; the result then has no gradient.

    Returns:
        ``[num_rows, ...]`` in the dtype of ``x``, or ``out``.

    Raises:
        DataError: If shapes, dtypes or devices do not match.

    Example:
        >>> import torch
        >>> from hetgraph.data import CSR
        >>> matrix = CSR.from_coo(torch.tensor([0, 0]), torch.tensor([0, 1]), (1, 2))
        >>> spmm(matrix, torch.tensor([[1.0], [2.0]]))
        tensor([[3.]])
    """
    check_features("x", x, csr.num_cols, csr)
    if x.dim() > 3:
        raise DataError(f"x has shape {list(x.shape)}, expected at most [num_cols, heads, dim].")
    entries = csr.weight if weight is None else weight
    heads = x.shape[1] if x.dim() == 3 else 1
    if entries is not None:
        check_entries("weight", entries, csr.nnz, csr)
        if entries.dim() == 2 and entries.shape[1] != heads:
            raise DataError(
                f"weight has shape {list(entries.shape)} and x has {heads} heads; pass "
                f"[{csr.nnz}], [{csr.nnz}, {heads}] or x as [num_cols, heads, dim]."
            )
    per_head = entries is not None and entries.dim() == 2
    features = _three_dim(x, per_head)
    with exact_precision(x.device):
        if out is not None:
            return _into(csr, features, entries, out, x)
        learned = entries is not None and entries.requires_grad
        result: Tensor = apply(_SpMM, features, entries if learned else None, csr, entries)
    return result.reshape(csr.num_rows, *x.shape[1:])


def _three_dim(x: Tensor, per_head: bool) -> Tensor:
    """Views ``x`` as ``[rows, heads, dim]``, with one head where all heads share the weight."""
    if x.dim() == 3 and per_head:
        return x
    return x.reshape(x.shape[0], 1, x.shape[1:].numel())


def _into(csr: CSR, features: Tensor, entries: Tensor | None, out: Tensor, x: Tensor) -> Tensor:
    expected = torch.Size([csr.num_rows, *x.shape[1:]])
    if out.shape != expected or not out.is_floating_point() or out.device != x.device:
        raise DataError(
            f"out is {out.dtype} {list(out.shape)} on {out.device}, expected a floating-point "
            f"tensor {list(expected)} on {x.device}."
        )
    learned = x.requires_grad or (entries is not None and entries.requires_grad)
    if torch.is_grad_enabled() and learned:
        raise DataError("spmm(out=...) has no gradient; call it under `torch.no_grad()`.")
    shape = (csr.num_rows, *features.shape[1:])
    try:
        target = out.view(shape)
    except RuntimeError:
        return out.copy_(spmm_kernel(csr, entries, features).view(out.shape))
    spmm_kernel(csr, entries, features, target)
    return out


class _SpMM(Function):
    """``weight`` is a learned weight or ``None``; ``entries`` are the values in either case."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, csr: CSR, entries: Tensor | None
    ) -> Tensor:
        ctx.csr = csr
        # The transpose has cached the fixed weights of the matrix in its own order; learned ones
        # are changed in place by the optimiser.
        ctx.fixed = weight is None and entries is csr.weight
        ctx.save_for_backward(x if weight is not None else None, entries)
        return spmm_kernel(csr, entries, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        csr: CSR = ctx.csr
        x, entries = ctx.saved_tensors
        grad_x = grad_weight = None
        with exact_precision(grad.device):
            if ctx.needs_input_grad[0]:
                back = csr.transpose
                values = back.weight if ctx.fixed else transposed_entries(csr, entries)
                grad_x = spmm_kernel(back, values, grad)
            if ctx.needs_input_grad[1]:
                values = sddmm_kernel(csr, grad, x)
                grad_weight = values.reshape(entries.shape).to(entries.dtype)
        return grad_x, grad_weight, None, None
