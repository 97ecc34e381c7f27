"""SDDMM on CUDA: one program per block of entries and head."""

# Triton reads annotations as types of its own, so the arguments of a kernel have none.
# ruff: noqa: ANN001, ANN202
# mypy: allow-untyped-defs, allow-incomplete-defs

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from hetgraph.data.csr import CSR

__all__ = ["sddmm_triton"]

_BLOCK_ENTRIES = 32
_MAX_BLOCK_DIM = 64


def _sddmm_source(
    row_ids,
    indices,
    a,
    b,
    out,
    nnz,
    heads,
    dim,
    block_entries: tl.constexpr,
    block_dim: tl.constexpr,
):
    entry = tl.program_id(0).to(tl.int64) * block_entries + tl.arange(0, block_entries)
    head = tl.program_id(1)
    live = entry < nnz
    row = tl.load(row_ids + entry, mask=live, other=0).to(tl.int64)
    column = tl.load(indices + entry, mask=live, other=0).to(tl.int64)
    left = a + (row * heads + head)[:, None] * dim
    right = b + (column * heads + head)[:, None] * dim
    total = tl.zeros([block_entries], dtype=tl.float32)
    for start in range(0, dim, block_dim):
        place = start + tl.arange(0, block_dim)
        mask = live[:, None] & (place < dim)[None, :]
        a_values = tl.load(left + place[None, :], mask=mask, other=0.0).to(tl.float32)
        b_values = tl.load(right + place[None, :], mask=mask, other=0.0).to(tl.float32)
        total += tl.sum(a_values * b_values, axis=1)
    tl.store(out + entry * heads + head, total, mask=live)


_sddmm_jit = triton.jit(_sddmm_source)


def sddmm_triton(csr: CSR, a: Tensor, b: Tensor) -> Tensor:
    """Returns float32 ``[nnz, heads]``; see :func:`hetgraph.ops._kernels.sddmm_kernel`."""
    heads, dim = a.shape[1:]
    out = torch.zeros(csr.nnz, heads, dtype=torch.float32, device=a.device)
    if out.numel() == 0 or dim == 0:
        return out
    with torch.cuda.device_of(a):  # type: ignore[no-untyped-call]
        _sddmm_jit[(triton.cdiv(csr.nnz, _BLOCK_ENTRIES), heads)](
            csr.row_ids,
            csr.indices,
            a.contiguous(),
            b.contiguous(),
            out,
            csr.nnz,
            heads,
            dim,
            block_entries=_BLOCK_ENTRIES,
            block_dim=min(triton.next_power_of_2(dim), _MAX_BLOCK_DIM),
        )
    return out
