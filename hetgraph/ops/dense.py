"""Dense products by the faster of two BLAS libraries: that of torch and that of numpy."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

__all__ = ["matmul_into"]

_SMALLEST = 2**24
"""Multiply-adds below which a product takes about a millisecond in either library."""


def matmul_into(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """Writes ``a @ b`` to ``out`` and returns it; without gradients.

    Torch uses MKL, which takes a slow path on other processors than Intel's; numpy's wheels contain
    OpenBLAS. Float32 on two cores of an AMD EPYC (Zen 3), 14,328 x 4,231 x 4,231: 80 GFLOP/s with
    MKL, 149 with OpenBLAS; 3,025 x 1,902 x 1,902: 80 and 105.

    Args:
        a: ``[rows, inner]``.
        b: ``[inner, cols]``.
        out: ``[rows, cols]`` output.
    """
    on_cpu = a.device.type == "cpu" and a.dtype in (torch.float32, torch.float64)
    if on_cpu and a.numel() * b.shape[1] >= _SMALLEST and _prefers_numpy():
        np.matmul(a.detach().numpy(), b.detach().numpy(), out=out.detach().numpy())
        return out
    return torch.mm(a, b, out=out)


def _prefers_numpy() -> bool:
    """Whether numpy is faster; it ignores torch's thread limit, so only if there is none."""
    return _is_amd() and torch.get_num_threads() >= _num_cores()


@cache
def _num_cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@cache
def _is_amd() -> bool:
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
