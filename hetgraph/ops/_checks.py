"""Argument checks of the kernels; every message says how to fix the call."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError

__all__ = ["check_entries", "check_features", "check_indptr"]

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_features(name: str, tensor: Tensor, rows: int, like: CSR | Tensor) -> None:
    """Checks a ``[rows, ...]`` floating-point tensor on the device of ``like``.

    Raises:
        DataError: If the row count, the dtype or the device differs.
    """
    if tensor.dim() == 0 or tensor.shape[0] != rows:
        raise DataError(
            f"{name} has shape {list(tensor.shape)}, expected {rows} rows; pass one per row or "
            "column of the matrix (`csr.transpose` swaps the two)."
        )
    if tensor.dtype not in _FLOATS:
        raise DataError(
            f"{name} is {tensor.dtype}, expected a floating-point dtype; call `.float()`."
        )
    if tensor.device != like.device:
        raise DataError(
            f"{name} is on {tensor.device} and the matrix on {like.device}; move one with `.to()`."
        )


def check_entries(name: str, tensor: Tensor, nnz: int, like: CSR | Tensor) -> None:
    """Checks values of the entries: ``[nnz]`` or ``[nnz, heads]``.

    Raises:
        DataError: If the shape, the dtype or the device differs.
    """
    if tensor.dim() not in (1, 2) or tensor.shape[0] != nnz:
        raise DataError(
            f"{name} has shape {list(tensor.shape)}, expected [{nnz}] or [{nnz}, heads]: "
            "one row per entry of the matrix."
        )
    check_features(name, tensor, nnz, like)


def check_indptr(indptr: Tensor, values: Tensor, name: str) -> None:
    """Checks that offsets cover the rows of ``values``.

    Raises:
        DataError: If they do not, or have another dtype than int32 or int64.
    """
    if indptr.dim() != 1 or indptr.numel() == 0 or indptr.dtype not in (torch.int32, torch.int64):
        raise DataError(
            f"indptr is {indptr.dtype} {list(indptr.shape)}, expected int32 or int64 "
            "[num_segments + 1], such as `csr.indptr`."
        )
    total = int(indptr[-1])
    check_features(name, values, total, indptr)
