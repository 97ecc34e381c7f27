"""Input dropout and the filter over iterations in one pass over the stored tensors.

Training spends most of its time here: every stored value of a batch is read once, dropped with a
probability of up to 0.8, and weighed by two filters. On the CPU the pass runs block by block in
buffers that stay in cache: gather half-precision rows, clear the dropped ones by a bit mask of the
same size, convert, multiply. No float32 copy of a batch is ever made.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.models.rphgnn.workers import run_blocks
from hetgraph.ops.dropout import random_words

__all__ = ["HalfBuffers", "dropout_filter"]

BLOCK_VALUES = 1 << 19
"""Values of a block; its buffers (8 bytes per value) stay in the caches of one core."""

_LEVELS = 1 << 15


class HalfBuffers:
    """Float16 buffers that go from the backward pass of one step to the forward of the next.

    Fresh memory costs as much in page faults as the arithmetic done on it.
    """

    def __init__(self) -> None:
        self._free: dict[tuple[int, ...], list[Tensor]] = {}

    def take(self, *shape: int) -> Tensor:
        """Returns a buffer of arbitrary content."""
        free = self._free.get(shape)
        return free.pop() if free else torch.empty(shape, dtype=torch.float16)

    def give(self, buffer: Tensor) -> None:
        """Takes a buffer back; of each shape as many are kept as one step uses."""
        self._free.setdefault(tuple(buffer.shape), []).append(buffer)

    def __reduce__(self) -> tuple[type[HalfBuffers], tuple[()]]:
        return HalfBuffers, ()  # Copies and pickles start empty.


def dropout_filter(
    slab: Tensor,
    rows: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    *,
    dropout: float = 0.0,
    buffers: HalfBuffers | None = None,
) -> Tensor:
    """Returns ``weight @ dropout(slab[rows]) + bias`` for every row.

    The dropout draws its seed from torch's default generator; on the CPU its probability is
    rounded to a multiple of 2⁻¹⁵ and the survivors are scaled by exactly its inverse.

    Args:
        slab: ``[num_rows, slots, dim]`` float16 or float32, never changed; needs no gradient.
        rows: ``[batch]`` rows to take; ``None`` takes all.
        weight: ``[filters, slots]``.
        bias: ``[filters]``, one scalar for all columns of a filter.
        dropout: Probability to clear a value.
        buffers: Where the backward pass leaves its buffer for the next step.

    Returns:
        ``[batch, filters, dim]`` in the type of ``weight``.
    """
    if slab.device.type == "cpu" and slab.dtype == torch.float16 and weight.dtype == torch.float32:
        seed = int(torch.randint(2**62, ()).item()) if dropout else 0
        index = torch.arange(slab.shape[0]) if rows is None else rows
        keep = (buffers or HalfBuffers()) if torch.is_grad_enabled() else None
        filtered: Tensor = _DropoutFilter.apply(  # type: ignore[no-untyped-call]
            slab, index, weight, bias, dropout, seed, keep
        )
        return filtered
    values = slab if rows is None else slab[rows]
    values = F.dropout(values.to(weight.dtype), dropout)
    return torch.matmul(weight, values) + bias.unsqueeze(1)


class _DropoutFilter(torch.autograd.Function):
    """The blocked CPU form; gradients for the filter and its bias only."""

    @staticmethod
    def forward(
        ctx: Any,
        slab: Tensor,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor,
        dropout: float,
        seed: int,
        buffers: HalfBuffers | None,
    ) -> Tensor:
        batch, (_, slots, dim) = rows.numel(), slab.shape
        mask = _Mask(dropout, seed) if dropout else None
        scale = mask.scale if mask is not None else 1.0
        size = _block_rows(slots, dim)
        filters = (weight.detach() * scale).expand(size, -1, -1)
        offset = bias.detach().view(1, -1, 1)
        result = weight.new_empty(batch, weight.shape[0], dim)
        kept: Tensor | None = None
        if buffers is not None and ctx.needs_input_grad[2]:
            kept = buffers.take(batch, slots, dim)

        def work(blocks: Iterable[tuple[int, int]]) -> None:
            half = slab.new_empty(size if kept is None else 0, slots, dim)
            single = weight.new_empty(size, slots, dim)
            for start, stop in blocks:
                count = stop - start
                values = half[:count] if kept is None else kept[start:stop]
                torch.index_select(slab, 0, rows[start:stop], out=values)
                if mask is not None:
                    mask.clear_(values, start)
                out = result[start:stop].copy_(offset.expand(count, -1, dim))
                out.baddbmm_(filters[:count], single[:count].copy_(values))

        run_blocks(work, _blocks(batch, size))
        if kept is not None:
            # Not through save_for_backward: the buffer is nobody's input or output.
            ctx.kept, ctx.scale, ctx.buffers = kept, scale, buffers
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        kept: Tensor | None = ctx.kept
        if kept is None:
            raise RuntimeError("backward ran twice; its buffer has been given back.")
        batch, slots, dim = kept.shape
        grad = grad.contiguous()
        size = _block_rows(slots, dim)
        sums = grad.new_zeros(-(-batch // size), grad.shape[1], slots)

        def work(blocks: Iterable[tuple[int, int]]) -> None:
            single = grad.new_empty(size, slots, dim)
            for start, stop in blocks:
                values = single[: stop - start].copy_(kept[start:stop])
                products = torch.bmm(grad[start:stop], values.transpose(1, 2))
                torch.sum(products, dim=0, out=sums[start // size])

        run_blocks(work, _blocks(batch, size))
        ctx.buffers.give(kept)
        ctx.kept = None
        weight_grad = sums.sum(dim=0).mul_(ctx.scale)
        return None, None, weight_grad, grad.sum(dim=(0, 2)), None, None, None


class _Mask:
    """Random bit masks, one 16-bit word per value; each block of rows has a stream of its own.

    Args:
        dropout: Probability to clear a value.
        seed: Seed of all streams.
    """

    def __init__(self, dropout: float, seed: int) -> None:
        kept = min(max(round(_LEVELS * (1 - dropout)), 1), _LEVELS - 1)
        self.scale = _LEVELS / kept
        self._threshold = kept - _LEVELS // 2
        self._seed = seed

    def clear_(self, values: Tensor, start: int) -> None:
        """Sets dropped float16 values to zero in place; ``start`` names the block."""
        words = random_words(values.numel(), self._seed, start)
        # 15 random bits below the threshold are negative after the subtraction, and the sign
        # spread over the word keeps every bit of the value: three passes without a comparison.
        words.__irshift__(1)
        words.sub_(self._threshold)
        words.__irshift__(15)
        values.view(torch.int16).view(-1).bitwise_and_(words)


def _block_rows(slots: int, dim: int) -> int:
    return max(BLOCK_VALUES // max(slots * dim, 1), 1)


def _blocks(batch: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, batch)) for start in range(0, batch, size)]
