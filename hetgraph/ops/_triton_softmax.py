"""Segment softmax on CUDA: one program per row and block of heads, in three passes."""

# Triton reads annotations as types of its own, so the arguments of a kernel have none.
# ruff: noqa: ANN001, ANN202
# mypy: allow-untyped-defs, allow-incomplete-defs

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["softmax_backward_triton", "softmax_triton"]

_BLOCK_ENTRIES = 32
_MAX_BLOCK_HEADS = 16
_TINY: tl.constexpr = tl.constexpr(1.1754943508222875e-38)


def _softmax_source(
    indptr,
    scores,
    weights,
    heads,
    block_entries: tl.constexpr,
    block_heads: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1) * block_heads + tl.arange(0, block_heads)
    inside = head < heads
    start = tl.load(indptr + row).to(tl.int64)
    stop = tl.load(indptr + row + 1).to(tl.int64)
    top = tl.full([block_heads], -float("inf"), dtype=tl.float32)
    for at in range(start, stop, block_entries):
        entry = at + tl.arange(0, block_entries)
        mask = (entry < stop)[:, None] & inside[None, :]
        place = entry[:, None] * heads + head[None, :]
        score = tl.load(scores + place, mask=mask, other=-float("inf")).to(tl.float32)
        top = tl.maximum(top, tl.max(score, axis=0))
    top = tl.where(top == -float("inf"), 0.0, top)
    total = tl.zeros([block_heads], dtype=tl.float32)
    for at in range(start, stop, block_entries):
        entry = at + tl.arange(0, block_entries)
        mask = (entry < stop)[:, None] & inside[None, :]
        place = entry[:, None] * heads + head[None, :]
        score = tl.load(scores + place, mask=mask, other=-float("inf")).to(tl.float32)
        total += tl.sum(tl.exp(score - top[None, :]), axis=0)
    scale = 1.0 / tl.maximum(total, _TINY)
    for at in range(start, stop, block_entries):
        entry = at + tl.arange(0, block_entries)
        mask = (entry < stop)[:, None] & inside[None, :]
        place = entry[:, None] * heads + head[None, :]
        score = tl.load(scores + place, mask=mask, other=-float("inf")).to(tl.float32)
        tl.store(weights + place, tl.exp(score - top[None, :]) * scale[None, :], mask=mask)


def _backward_source(
    indptr,
    weights,
    grad,
    result,
    heads,
    block_entries: tl.constexpr,
    block_heads: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1) * block_heads + tl.arange(0, block_heads)
    inside = head < heads
    start = tl.load(indptr + row).to(tl.int64)
    stop = tl.load(indptr + row + 1).to(tl.int64)
    total = tl.zeros([block_heads], dtype=tl.float32)
    for at in range(start, stop, block_entries):
        entry = at + tl.arange(0, block_entries)
        mask = (entry < stop)[:, None] & inside[None, :]
        place = entry[:, None] * heads + head[None, :]
        weight = tl.load(weights + place, mask=mask, other=0.0).to(tl.float32)
        total += tl.sum(weight * tl.load(grad + place, mask=mask, other=0.0).to(tl.float32), axis=0)
    for at in range(start, stop, block_entries):
        entry = at + tl.arange(0, block_entries)
        mask = (entry < stop)[:, None] & inside[None, :]
        place = entry[:, None] * heads + head[None, :]
        weight = tl.load(weights + place, mask=mask, other=0.0).to(tl.float32)
        slope = tl.load(grad + place, mask=mask, other=0.0).to(tl.float32)
        tl.store(result + place, weight * (slope - total[None, :]), mask=mask)


_softmax_jit = triton.jit(_softmax_source)
_backward_jit = triton.jit(_backward_source)


def softmax_triton(indptr: Tensor, scores: Tensor, weights: Tensor) -> None:
    """Writes the softmax of ``scores`` (``[nnz, heads]``) over each segment to ``weights``."""
    _launch(_softmax_jit, indptr, (scores.contiguous(), weights))


def softmax_backward_triton(indptr: Tensor, weights: Tensor, grad: Tensor, result: Tensor) -> None:
    """Writes ``weights * (grad - sum of weights * grad over the segment)`` to ``result``."""
    _launch(_backward_jit, indptr, (weights, grad.contiguous(), result))


def _launch(kernel: Any, indptr: Tensor, tensors: tuple[Tensor, ...]) -> None:
    heads, segments = tensors[0].shape[1], indptr.numel() - 1
    if tensors[0].numel() == 0 or segments == 0:
        return
    block = min(triton.next_power_of_2(heads), _MAX_BLOCK_HEADS)
    with torch.cuda.device_of(indptr):  # type: ignore[no-untyped-call]
        kernel[(segments, triton.cdiv(heads, block))](
            indptr, *tensors, heads, block_entries=_BLOCK_ENTRIES, block_heads=block
        )
