"""Sum, mean, minimum and maximum over the entries of each row."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hetgraph.errors import ConfigError, suggest
from hetgraph.ops._checks import check_indptr
from hetgraph.ops._chunks import entries_within, entry_chunks, row_chunks, row_index
from hetgraph.ops._dispatch import apply, compute_dtype, exact_precision
from hetgraph.ops._sparse import add_segments, segment_max

__all__ = ["Reduction", "expand_rows", "segment_reduce", "segment_sum"]

Reduction = Literal["sum", "mean", "min", "max"]

_WORKSPACE = 2**19  # numbers per run of entries: 2 MiB of float32


def segment_reduce(indptr: Tensor, values: Tensor, reduce: Reduction = "sum") -> Tensor:
    """Reduces ``values[indptr[i]:indptr[i + 1]]`` for each segment ``i``; 0 for empty segments.

    O(values). The order of additions is fixed. The gradient of ``min`` and ``max`` is divided
    equally among ties, as in `torch.amax`.

    Args:
        indptr: ``[num_segments + 1]`` int32 or int64 offsets, such as ``csr.indptr``.
        values: ``[nnz, ...]``; half precision is summed in float32.
        reduce: ``"sum"``, ``"mean"``, ``"min"`` or ``"max"``.

    Returns:
        ``[num_segments, ...]`` in the dtype of ``values``.

    Raises:
        DataError: If offsets and values do not match.
        ConfigError: If ``reduce`` is unknown.

    Example:
        >>> segment_reduce(torch.tensor([0, 2, 3]), torch.tensor([1.0, 5.0, 2.0]), "mean")
        tensor([3., 2.])
    """
    check_indptr(indptr, values, "values")
    known = ("sum", "mean", "min", "max")
    if reduce not in known:
        raise ConfigError(f"reduction {reduce!r} is unknown.{suggest(str(reduce), known)}")
    flat = values.reshape(values.shape[0], values.shape[1:].numel())
    with exact_precision(values.device):
        if reduce in ("min", "max"):
            result: Tensor = apply(_Extreme, indptr, flat, reduce)
        else:
            result = apply(_Sum, indptr, flat, reduce == "mean")
    return result.reshape(indptr.numel() - 1, *values.shape[1:])


def segment_sum(indptr: Tensor, values: Tensor) -> Tensor:
    """Returns the sums of ``[nnz, dim]`` values by segment, in float32 or float64."""
    dim, dtype = values.shape[1], compute_dtype(values.dtype)
    total = values.new_zeros(indptr.numel() - 1, dim, dtype=dtype)
    for chunk in entry_chunks(indptr, entries_within(_WORKSPACE, dim, values.device)):
        run = values[chunk.entries].to(dtype).contiguous()
        add_segments(chunk.indptr, run, total[chunk.rows])
    return total


def expand_rows(indptr: Tensor, rows: Tensor) -> Tensor:
    """Repeats the rows of ``[num_segments, dim]`` values for each entry of their segment."""
    return rows.index_select(0, row_index(indptr))


def _inverse_count(indptr: Tensor, dtype: torch.dtype) -> Tensor:
    return (indptr[1:] - indptr[:-1]).clamp(min=1).to(dtype).reciprocal_().unsqueeze(1)


class _Sum(Function):
    @staticmethod
    def forward(ctx: Any, indptr: Tensor, values: Tensor, mean: bool) -> Tensor:
        ctx.save_for_backward(indptr)
        ctx.mean = mean
        total = segment_sum(indptr, values)
        if mean:
            total *= _inverse_count(indptr, total.dtype)
        return total.to(values.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None]:
        (indptr,) = ctx.saved_tensors
        if ctx.mean:
            grad = grad * _inverse_count(indptr, grad.dtype)
        return None, expand_rows(indptr, grad), None


class _Extreme(Function):
    @staticmethod
    def forward(ctx: Any, indptr: Tensor, values: Tensor, reduce: str) -> Tensor:
        dtype, dim = compute_dtype(values.dtype), values.shape[1]
        result = values.new_empty(indptr.numel() - 1, dim)
        for chunk in row_chunks(indptr, entries_within(_WORKSPACE, dim, values.device)):
            run = values[chunk.entries].to(dtype).contiguous()
            result[chunk.rows] = segment_max(chunk.indptr, run, reduce).to(values.dtype)
        ctx.save_for_backward(indptr, values, result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None]:
        indptr, values, result = ctx.saved_tensors
        grad_values = torch.empty_like(values, memory_format=torch.contiguous_format)
        dim, index = values.shape[1], row_index(indptr)
        for chunk in row_chunks(indptr, entries_within(_WORKSPACE, dim, values.device)):
            local, run = chunk.local_rows(index), values[chunk.entries]
            reached = (run == result[chunk.rows][local]).to(compute_dtype(values.dtype))
            count = reached.new_zeros(chunk.indptr.numel() - 1, dim)
            add_segments(chunk.indptr, reached, count)
            per_tie = grad[chunk.rows] / count.clamp_(min=1)
            grad_values[chunk.entries] = reached.mul_(per_tie[local]).to(values.dtype)
        return None, grad_values, None
