"""Dense products with either BLAS library."""

from __future__ import annotations

import pytest
import torch

from hetgraph.ops import dense
from hetgraph.ops.dense import matmul_into


@pytest.mark.parametrize("numpy", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_libraries_write_in_place(monkeypatch, numpy, dtype):
    monkeypatch.setattr(dense, "_SMALLEST", 1)
    monkeypatch.setattr(dense, "_prefers_numpy", lambda: numpy)
    a, b = torch.randn(9, 5, dtype=dtype), torch.randn(5, 7, dtype=dtype)
    out = torch.full((12, 7), torch.nan, dtype=dtype)
    made = matmul_into(a, b, out[2:11])
    assert made.data_ptr() == out[2:11].data_ptr()
    torch.testing.assert_close(made, torch.einsum("ij,jk->ik", a, b))
    assert bool(out[:2].isnan().all() & out[11:].isnan().all())


def test_torch_is_used_when_it_may_not_use_all_cores(monkeypatch):
    monkeypatch.setattr(dense, "_is_amd", lambda: True)
    monkeypatch.setattr(dense, "_num_cores", lambda: torch.get_num_threads() + 1)
    assert not dense._prefers_numpy()
    monkeypatch.setattr(dense, "_num_cores", torch.get_num_threads)
    assert dense._prefers_numpy()
