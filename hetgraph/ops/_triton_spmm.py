"""SpMM on CUDA: one program per row, so that sums have a fixed order without atomics."""

# Triton reads annotations as types of its own, so the arguments of a kernel have none.
# ruff: noqa: ANN001, ANN202
# mypy: allow-untyped-defs, allow-incomplete-defs

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from hetgraph.data.csr import CSR

__all__ = ["spmm_triton"]

_BLOCK_ENTRIES = 8  # gathers in flight per program
_MAX_BLOCK_FEATURES = 128


def _spmm_source(
    indptr,
    indices,
    values,
    x,
    out,
    num_features,
    heads,
    out_stride,
    mode: tl.constexpr,
    block_entries: tl.constexpr,
    block_features: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    feature = tl.program_id(1) * block_features + tl.arange(0, block_features)
    inside = feature < num_features
    head = feature // (num_features // heads)
    start = tl.load(indptr + row).to(tl.int64)
    stop = tl.load(indptr + row + 1).to(tl.int64)
    total = tl.zeros([block_features], dtype=tl.float32)
    for at in range(start, stop, block_entries):
        entry = at + tl.arange(0, block_entries)
        live = entry < stop
        column = tl.load(indices + entry, mask=live, other=0).to(tl.int64)
        mask = live[:, None] & inside[None, :]
        place = x + column[:, None] * num_features + feature[None, :]
        gathered = tl.load(place, mask=mask, other=0.0).to(tl.float32)
        if mode == 1:  # one value per entry
            gathered *= tl.load(values + entry, mask=live, other=0.0).to(tl.float32)[:, None]
        if mode == 2:  # one value per entry and head
            place = values + entry[:, None] * heads + head[None, :]
            gathered *= tl.load(place, mask=mask, other=0.0).to(tl.float32)
        total += tl.sum(gathered, axis=0)
    tl.store(out + row * out_stride + feature, total, mask=inside)


_spmm_jit = triton.jit(_spmm_source)


def spmm_triton(csr: CSR, values: Tensor | None, x: Tensor, out: Tensor) -> None:
    """Writes the product to ``out``; shapes as in :func:`hetgraph.ops._kernels.spmm_kernel`."""
    rows, heads, dim = csr.num_rows, x.shape[1], x.shape[2]
    num_features = heads * dim
    if out.numel() == 0:
        return
    packed = out.stride(2) == 1 and (heads == 1 or out.stride(1) == dim)
    target = out if packed else torch.empty(out.shape, dtype=out.dtype, device=out.device)
    mode = 0 if values is None else min(values.dim(), 2)
    block = min(triton.next_power_of_2(num_features), _MAX_BLOCK_FEATURES)
    source = x.contiguous()
    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]
        _spmm_jit[(rows, triton.cdiv(num_features, block))](
            csr.indptr,
            csr.indices,
            source if values is None else values.contiguous(),
            source,
            target,
            num_features,
            heads,
            target.stride(0),
            mode=mode,
            block_entries=_BLOCK_ENTRIES,
            block_features=block,
        )
    if target is not out:
        out.copy_(target)
