"""Every operation on a GPU equals the same one on CPU, result and gradients."""

from __future__ import annotations

import pytest
import torch

from hetgraph.ops import (
    edge_attention,
    random_projection,
    sddmm,
    segment_reduce,
    segment_softmax,
    spgemm,
    spmm,
    typed_linear,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

HEADS, DIM = 4, 24


def tensors(csr):
    return {
        "x": torch.randn(csr.num_cols, HEADS, DIM),
        "a": torch.randn(csr.num_rows, HEADS, DIM),
        "w": torch.randn(csr.nnz, HEADS),
        "r": torch.randn(csr.num_rows, HEADS),
        "c": torch.randn(csr.num_cols, HEADS),
    }


OPERATIONS = {
    "spmm": lambda m, t: spmm(m, t["x"], t["w"]),
    "spmm_entry": lambda m, t: spmm(m, t["x"], t["w"][:, 0]),
    "sddmm": lambda m, t: sddmm(m, t["a"], t["x"]),
    "softmax": lambda m, t: segment_softmax(m.indptr, t["w"]),
    "sum": lambda m, t: segment_reduce(m.indptr, t["w"], "sum"),
    "mean": lambda m, t: segment_reduce(m.indptr, t["w"], "mean"),
    "max": lambda m, t: segment_reduce(m.indptr, t["w"], "max"),
    "min": lambda m, t: segment_reduce(m.indptr, t["w"], "min"),
    "dot": lambda m, t: edge_attention(m, t["a"], t["x"], t["x"]),
    "additive": lambda m, t: edge_attention(
        m, None, None, t["x"], row_score=t["r"], col_score=t["c"], edge_score=t["w"]
    ),
    "lse": lambda m, t: edge_attention(m, t["a"], t["x"], t["x"], return_logsumexp=True)[1][
        m.degree > 0
    ],
    "spgemm": lambda m, t: spgemm(m.with_weight(t["w"][:, 0]), m.transpose).weight,
    "linear": lambda m, t: typed_linear(t["r"], [0, 30, m.num_rows], t["c"][:8].view(2, 4, 4)),
    "projection": lambda m, t: random_projection(t["r"], 8, 1),
}


def on(device, csr, values, operation, dtype):
    moved = {n: v.to(device, dtype).requires_grad_() for n, v in values.items()}
    result = OPERATIONS[operation](csr.to(device), moved)
    used = list(moved.values())
    upstream = torch.linspace(-1, 1, result.numel()).view(result.shape).to(result)
    grads = torch.autograd.grad(result, used, upstream, allow_unused=True)
    return [t.detach().cpu() for t in (result, *grads) if t is not None]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_cpu(make_csr, index_dtype, operation, dtype):
    csr = make_csr(70, 50, 900, index_dtype=index_dtype)
    values = tensors(csr)
    expected = on("cpu", csr, values, operation, dtype)
    for actual, want in zip(on("cuda", csr, values, operation, dtype), expected, strict=True):
        torch.testing.assert_close(actual, want, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("operation", ["spmm", "sddmm", "softmax", "dot", "additive", "linear"])
def test_bfloat16_and_same_bits_twice(make_csr, operation):
    csr = make_csr(70, 50, 900)
    values = tensors(csr)
    runs = (on("cuda", csr, values, operation, torch.bfloat16) for _ in range(2))
    expected = on("cpu", csr, values, operation, torch.float32)
    for first, second, want in zip(*runs, expected, strict=True):
        assert torch.equal(first, second)
        torch.testing.assert_close(first.float(), want, atol=0.3, rtol=0.1)


def test_the_torch_fallback_gives_the_same(make_csr, monkeypatch):
    csr = make_csr(70, 50, 900)
    values = tensors(csr)
    monkeypatch.setattr("hetgraph.ops._dispatch.triton_available", lambda: False)
    for operation in OPERATIONS:
        expected = on("cpu", csr, values, operation, torch.float32)
        for actual, want in zip(
            on("cuda", csr, values, operation, torch.float32), expected, strict=True
        ):
            torch.testing.assert_close(actual, want, atol=1e-3, rtol=1e-3)
