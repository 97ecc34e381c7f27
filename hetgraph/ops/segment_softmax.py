"""Softmax over the entries of each row: the step that makes scores attention weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hetgraph.ops._checks import check_entries, check_indptr
from hetgraph.ops._chunks import Chunk, entries_within, row_chunks
from hetgraph.ops._dispatch import apply, backend_of, compute_dtype, exact_precision
from hetgraph.ops._sparse import add_segments, segment_max

__all__ = ["segment_softmax", "softmax_rows_"]

_WORKSPACE = 2**18  # numbers a run of entries may hold: 1 MiB of float32


def segment_softmax(indptr: Tensor, scores: Tensor) -> Tensor:
    """Returns ``exp(score) / sum exp(score)`` over the entries of each segment.

    O(nnz * heads) time. Whole rows are taken a cache full at a time, so the maximum, the sum and
    the quotient read each score from memory once. Exact for any range of scores; a segment whose
    scores are all minus infinity gets zeros.

    Args:
        indptr: ``[num_segments + 1]`` int32 or int64 offsets, such as ``csr.indptr``.
        scores: ``[nnz]`` or ``[nnz, heads]``; half precision is summed in float32.

    Returns:
        The shape and dtype of ``scores``.

    Raises:
        DataError: If offsets and scores do not fit.

    Example:
        >>> segment_softmax(torch.tensor([0, 2, 3]), torch.zeros(3))
        tensor([0.5000, 0.5000, 1.0000])
    """
    check_indptr(indptr, scores, "scores")
    check_entries("scores", scores, scores.shape[0], indptr)
    flat = scores if scores.dim() == 2 else scores.unsqueeze(1)
    with exact_precision(scores.device):
        weights: Tensor = apply(_Softmax, indptr, flat)
    return weights.reshape(scores.shape)


def softmax_rows_(chunk: Chunk, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Replaces the scores of whole rows by ``exp(score - maximum)``, not yet divided.

    Args:
        chunk: The rows.
        scores: ``[entries, heads]`` float32 or float64, contiguous; overwritten.

    Returns:
        The maximum (0 where there is none) and the sum of each row, both ``[rows, heads]``.
    """
    top = segment_max(chunk.indptr, scores)
    top.masked_fill_(top == -torch.inf, 0.0)
    scores.sub_(top.index_select(0, chunk.local_rows())).exp_()
    total = torch.zeros_like(top)
    add_segments(chunk.indptr, scores, total)
    return top, total


class _Softmax(Function):
    @staticmethod
    def forward(ctx: Any, indptr: Tensor, scores: Tensor) -> Tensor:
        weights = torch.empty_like(scores, memory_format=torch.contiguous_format)
        if backend_of(scores) == "triton":
            from hetgraph.ops._triton_softmax import softmax_triton

            softmax_triton(indptr, scores, weights)
        else:
            for chunk in _chunks(indptr, scores):
                part = torch.empty(
                    chunk.entries.stop - chunk.entries.start,
                    scores.shape[1],
                    dtype=compute_dtype(scores.dtype),
                    device=scores.device,
                ).copy_(scores[chunk.entries])
                _, total = softmax_rows_(chunk, part)
                scale = total.clamp_(min=torch.finfo(total.dtype).tiny).reciprocal_()
                weights[chunk.entries] = part.mul_(scale.index_select(0, chunk.local_rows()))
        ctx.save_for_backward(indptr, weights)
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        indptr, weights = ctx.saved_tensors
        result = torch.empty_like(weights)
        if backend_of(grad) == "triton":
            from hetgraph.ops._triton_softmax import softmax_backward_triton

            softmax_backward_triton(indptr, weights, grad, result)
            return None, result
        for chunk in _chunks(indptr, weights):
            weight = weights[chunk.entries].to(compute_dtype(weights.dtype))
            part = weight * grad[chunk.entries]
            total = part.new_zeros(chunk.indptr.numel() - 1, part.shape[1])
            add_segments(chunk.indptr, part, total)
            shift = total.index_select(0, chunk.local_rows())
            result[chunk.entries] = part.sub_(shift.mul_(weight))
        return None, result


def _chunks(indptr: Tensor, values: Tensor) -> Any:
    return row_chunks(indptr, entries_within(_WORKSPACE, values.shape[1], values.device))
