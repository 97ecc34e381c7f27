"""Which backend runs an operation, decided on facts: device, dtype, what is installed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd import Function

__all__ = ["Backend", "apply", "backend_of", "compute_dtype", "exact_precision", "triton_available"]

Backend = Literal["cpu", "triton", "torch"]

_HALF = (torch.float16, torch.bfloat16)


@cache
def triton_available() -> bool:
    """Whether triton can be imported; looked up once, and only when a CUDA tensor arrives."""
    return find_spec("triton") is not None


def backend_of(tensor: Tensor) -> Backend:
    """Returns who computes on this tensor.

    ``cpu`` is MKL's CSR product and cache-sized gathers, ``triton`` the kernels of
    ``_triton_*.py``, ``torch`` the same code as ``cpu`` on primitives that every device has.
    Triton kernels keep their running sums in registers as float32, so float64 takes the
    ``torch`` path.
    """
    if tensor.device.type == "cpu":
        return "cpu"
    if tensor.is_cuda and tensor.dtype != torch.float64 and triton_available():
        return "triton"
    return "torch"


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """Returns the dtype sums are kept in: float32 for half precision, else ``dtype`` itself."""
    return torch.float32 if dtype in _HALF else dtype


def apply(function: type[Function], *inputs: object) -> Any:
    """Calls an autograd function, which torch leaves untyped."""
    return function.apply(*inputs)  # type: ignore[no-untyped-call]


def exact_precision(device: torch.device) -> AbstractContextManager[object]:
    """Switches autocast off inside a kernel, which has its own rule for half precision.

    Without it, autocast hands bfloat16 to MKL's CSR product, which does not know it.
    """
    return torch.autocast(device.type, enabled=False)
