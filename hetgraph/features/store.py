"""The disk cache of features that are slow to compute, keyed by the digest of their input."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor

from hetgraph.errors import UserError
from hetgraph.files import cache_root
from hetgraph.tensorfile import load_tensors, save_tensors

__all__ = ["content_digest", "is_marked", "mark", "stored"]

_LOG = logging.getLogger("hetgraph.features")


def content_digest(*values: object) -> str:
    """Returns the SHA-256 of JSON-serialisable values, bytes and tensors."""
    digest = hashlib.sha256()
    for value in values:
        if isinstance(value, Tensor):
            head = f"{value.dtype} {list(value.shape)}".encode()
            raw = value.detach().cpu().contiguous().numpy().tobytes()
        else:
            head = b"bytes" if isinstance(value, bytes) else b"json"
            raw = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True).encode()
        digest.update(len(head).to_bytes(8, "little") + head)
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.hexdigest()


def stored(kind: str, key: Iterable[object], make: Callable[[], Tensor]) -> Tensor:
    """Returns a tensor from the cache folder, or computes and stores it.

    Files are written atomically. An unreadable file is recomputed, and an unwritable folder only
    logged.

    Args:
        kind: Folder below ``features`` in the cache folder (``HETGRAPH_CACHE``).
        key: Everything that the tensor depends on, for :func:`content_digest`.
        make: Computes the tensor.
    """
    path = _path(kind, content_digest(*key))
    if path.is_file():
        try:
            return load_tensors(path)["value"]
        except (UserError, KeyError) as error:
            _LOG.warning("%s is unusable and is computed again: %s", path, error)
    value = make()
    try:
        save_tensors({"value": value}, path)
    except (UserError, OSError) as error:
        _LOG.warning("%s is not cached: %s", path, error)
    return value


def mark(kind: str, name: str) -> None:
    """Remembers that tensors of this name were stored; an unwritable folder is no mistake."""
    path = _mark(kind, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        _LOG.warning("%s is not written: %s", path, error)


def is_marked(kind: str, name: str) -> bool:
    """Whether :func:`mark` was called with this kind and name."""
    return _mark(kind, name).is_file()


def _mark(kind: str, name: str) -> Path:
    return cache_root() / "features" / kind / f"{content_digest(name)[:32]}.used"


def _path(kind: str, digest: str) -> Path:
    return cache_root() / "features" / kind / f"{digest}.safetensors"
