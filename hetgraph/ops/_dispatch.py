"""The backend of an operation, chosen by device, dtype and installed packages."""

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
    """Whether triton can be imported; looked up once, at the first CUDA tensor."""
    return find_spec("triton") is not None


def backend_of(tensor: Tensor) -> Backend:
    """Returns the backend for a tensor.

    ``cpu`` uses MKL's CSR product and cache-sized gathers, ``triton`` the kernels of
    ``_triton_*.py``, ``torch`` the code of ``cpu`` on primitives that exist on every device.
    Triton kernels accumulate in float32 registers, so float64 takes the ``torch`` path.
    """
    if tensor.device.type == "cpu":
        return "cpu"
    if tensor.is_cuda and tensor.dtype != torch.float64 and triton_available():
        return "triton"
    return "torch"


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """Returns the dtype of sums: float32 for half precision, else ``dtype`` itself."""
    return torch.float32 if dtype in _HALF else dtype


def apply(function: type[Function], *inputs: object) -> Any:
    """Calls an autograd function; the one place for torch's missing annotation."""
    return function.apply(*inputs)  # type: ignore[no-untyped-call]


def exact_precision(device: torch.device) -> AbstractContextManager[object]:
    """Disables autocast within a kernel, which has its own rule for half precision.

    Autocast would pass bfloat16 to MKL's CSR product, which does not support it.
    """
    return torch.autocast(device.type, enabled=False)
