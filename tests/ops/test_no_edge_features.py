"""No kernel ever allocates a tensor of [num_edges, dim], forward or backward."""

from __future__ import annotations

import importlib

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hetgraph.ops import edge_attention, sddmm, segment_softmax, spmm

ROWS, COLS, NNZ, HEADS = 50, 40, 4000, 4


class Largest(TorchDispatchMode):
    """Records the largest tensor that any operation returns."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided:
                self.numel = max(self.numel, tensor.numel())
        return result


@pytest.mark.parametrize("dim", [8, 16, 64])
@pytest.mark.parametrize("kernel", ["spmm", "spmm_heads", "sddmm", "additive", "dot"])
def test_largest_tensor(make_csr, monkeypatch, kernel, dim):
    for name in ("_attention", "_kernels", "segment_reduce", "segment_softmax"):
        module = importlib.import_module(f"hetgraph.ops.{name}")
        monkeypatch.setattr(module, "entries_within", lambda *_: 100)
    csr = make_csr(ROWS, COLS, NNZ)
    value = torch.randn(COLS, HEADS, dim, requires_grad=True)
    query = torch.randn(ROWS, HEADS, dim, requires_grad=True)
    row, col = (torch.randn(n, HEADS, requires_grad=True) for n in (ROWS, COLS))
    weight = torch.randn(NNZ, requires_grad=True)
    heads = torch.randn(NNZ, HEADS, requires_grad=True)
    run = {
        "spmm": lambda: spmm(csr, value, weight),
        "spmm_heads": lambda: spmm(csr, value, segment_softmax(csr.indptr, heads)),
        "sddmm": lambda: sddmm(csr, query, value),
        "additive": lambda: edge_attention(csr, None, None, value, row_score=row, col_score=col),
        "dot": lambda: edge_attention(csr, query, value, value),
    }[kernel]
    with Largest() as largest:
        run().sum().backward()
    bound = max(NNZ * HEADS, max(ROWS, COLS) * HEADS * dim, 400 * HEADS * dim)
    assert 0 < largest.numel <= bound < NNZ * HEADS * dim
