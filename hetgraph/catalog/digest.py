"""Digests of tensors."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Digest", "update_digest"]


class Digest(Protocol):
    """A hash object of :mod:`hashlib`."""

    def update(self, data: bytes, /) -> None:
        """Adds bytes."""


def update_digest(digest: Digest, *tensors: Tensor | None) -> None:
    """Adds dtype, shape and values of tensors to a digest; ``None`` is hashed as ``none``."""
    for tensor in tensors:
        if tensor is None:
            digest.update(b"none")
            continue
        digest.update(f"{tensor.dtype} {list(tensor.shape)}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
