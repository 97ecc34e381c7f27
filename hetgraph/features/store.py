"""Features that take long to compute, kept on disk by what they were made from."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor

from hetgraph.catalog.fetch import cache_root
from hetgraph.errors import UserError
from hetgraph.tensorfile import load_tensors, save_tensors

__all__ = ["content_digest", "stored"]

_LOG = logging.getLogger("hetgraph.features")


def content_digest(*parts: object) -> str:
    """Returns the sha256 of values that JSON can hold, of bytes and of tensors."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            head = f"{part.dtype} {list(part.shape)}".encode()
            raw = part.detach().cpu().contiguous().numpy().tobytes()
        else:
            head = b"bytes" if isinstance(part, bytes) else b"json"
            raw = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        digest.update(len(head).to_bytes(8, "little") + head)
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.hexdigest()


def stored(kind: str, key: Iterable[object], make: Callable[[], Tensor]) -> Tensor:
    """Returns a tensor from the cache folder, or makes it and keeps it there.

    Files are written whole or not at all. One that cannot be read is made anew, and a folder that
    cannot be written to is only logged.

    Args:
        kind: Folder below ``features`` in the cache folder (``HETGRAPH_CACHE``).
        key: Everything the tensor depends on, for :func:`content_digest`.
        make: Computes it.
    """
    path = _path(kind, content_digest(*key))
    if path.is_file():
        try:
            return load_tensors(path)["value"]
        except (UserError, KeyError) as error:
            _LOG.warning("%s cannot be used and is made again: %s", path, error)
    value = make()
    try:
        save_tensors({"value": value}, path)
    except (UserError, OSError) as error:
        _LOG.warning("%s is not kept: %s", path, error)
    return value


def _path(kind: str, digest: str) -> Path:
    return cache_root() / "features" / kind / f"{digest}.safetensors"
