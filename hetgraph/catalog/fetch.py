"""Files of data sets: verified on disk, downloaded if missing."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import pooch

from hetgraph.catalog.manifest import FileEntry, Manifest
from hetgraph.errors import DataError, UserError
from hetgraph.files import atomic_path, remembered_sha256, sha256_file

__all__ = ["data_root", "fetch_files", "using_root"]

_LOG = logging.getLogger("hetgraph.data")
_CONNECT_SECONDS, _READ_SECONDS = 10, 60
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)

_ROOT: ContextVar[str | os.PathLike[str] | None] = ContextVar("root of data sets", default=None)

Downloader = Callable[[str, Path], None]


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Returns the root folder of data sets.

    The argument takes precedence over :func:`using_root`, the environment variable
    ``HETGRAPH_DATA`` and the platform's cache folder, in this order.
    """
    chosen = root or _ROOT.get() or os.environ.get("HETGRAPH_DATA") or pooch.os_cache("hetgraph")
    return Path(chosen).expanduser()


@contextmanager
def using_root(root: str | os.PathLike[str] | None) -> Iterator[None]:
    """Sets the root folder of all data sets loaded inside the ``with`` block."""
    token = _ROOT.set(root or _ROOT.get())
    try:
        yield
    finally:
        _ROOT.reset(token)


def fetch_files(
    manifest: Manifest,
    root: str | os.PathLike[str] | None = None,
    *,
    download: Downloader | None = None,
) -> Path:
    """Returns the folder ``root/collection/name`` after verifying every file of the manifest.

    A missing file is downloaded from the first of its URLs that works, verified, and only then
    renamed to its final name.

    Args:
        manifest: The manifest of the data set.
        root: See :func:`data_root`.
        download: Function of ``(url, path)`` that writes the content of ``url`` to ``path``;
            default: HTTP.

    Raises:
        DataError: If a file is corrupt, or missing and cannot be downloaded.
    """
    folder = data_root(root) / manifest.collection / manifest.name
    for entry in manifest.files:
        path = entry.path(folder)
        if path.is_file():
            _verify(path, entry, manifest)
        else:
            _download(path, entry, manifest, download or _http)
    return folder


def _verify(path: Path, entry: FileEntry, manifest: Manifest) -> None:
    size = path.stat().st_size
    if size != entry.bytes:
        actual, expected = f"{size:,} bytes", f"{entry.bytes:,}"
    else:
        digest = remembered_sha256(path)
        if digest == entry.sha256:
            return
        actual, expected = f"sha256 {digest[:16]}...", f"{entry.sha256[:16]}..."
    raise DataError(
        f"{path} has {actual}, expected {expected}: it is truncated, corrupt or another release of "
        f"{manifest.full_name}. Remove it to download it again, or load your own release as "
        f"'{manifest.collection}:{path.parent}'."
    )


def _download(path: Path, entry: FileEntry, manifest: Manifest, download: Downloader) -> None:
    problem = "it has no URL"
    for url in entry.urls:
        _LOG.info("downloading %s", url)
        try:
            with atomic_path(path) as temporary:
                _transfer(url, temporary, entry, download)
            return
        except _TransferError as error:
            problem = str(error)
        except UserError as error:
            raise DataError(
                f"{manifest.full_name} needs {entry.name}, which cannot be stored: {error} "
                "Set HETGRAPH_DATA or --root to a writable folder."
            ) from error
    urls = " or ".join(entry.urls)
    raise DataError(
        f"{manifest.full_name} needs {entry.name} ({entry.bytes:,} bytes), and downloading failed: "
        f"{problem}. Put the file into {path.parent}{f' from {urls}' if urls else ''}."
    )


class _TransferError(Exception):
    """A URL that does not answer, or serves another file."""


def _transfer(url: str, path: Path, entry: FileEntry, download: Downloader) -> None:
    try:
        download(url, path)
        size, digest = path.stat().st_size, sha256_file(path)
    except Exception as error:  # Each transport raises its own errors.
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise
        raise _TransferError(f"no connection ({type(error).__name__})") from error
    if (size, digest) != (entry.bytes, entry.sha256):
        raise _TransferError(f"{url} served {size:,} bytes with another checksum")


def _http(url: str, path: Path) -> None:
    downloader = pooch.HTTPDownloader(timeout=(_CONNECT_SECONDS, _READ_SECONDS))
    downloader(url, str(path), None)
