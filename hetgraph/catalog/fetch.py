"""Files of data sets on disk: found, verified, and downloaded when they are missing."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import pooch

from hetgraph.catalog.manifest import FileEntry, Manifest
from hetgraph.errors import DataError, UserError
from hetgraph.files import atomic_path, sha256_file

__all__ = ["cache_folder", "cache_root", "data_root", "fetch_files", "file_sha256", "using_root"]

_LOG = logging.getLogger("hetgraph.data")
_CONNECT_SECONDS, _READ_SECONDS = 10, 60
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)

_ROOT: ContextVar[str | os.PathLike[str] | None] = ContextVar("root of data sets", default=None)

Downloader = Callable[[str, Path], None]


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Returns the folder of data sets.

    That is the argument, else the one of :func:`using_root`, ``HETGRAPH_DATA`` or the platform's
    cache.
    """
    chosen = root or _ROOT.get() or os.environ.get("HETGRAPH_DATA") or pooch.os_cache("hetgraph")
    return Path(chosen).expanduser()


@contextmanager
def using_root(root: str | os.PathLike[str] | None) -> Iterator[None]:
    """Makes a folder that of all data sets loaded inside, such as those a model reads itself."""
    token = _ROOT.set(root or _ROOT.get())
    try:
        yield
    finally:
        _ROOT.reset(token)


def cache_root() -> Path:
    """Returns the folder of parsed graphs: ``HETGRAPH_CACHE`` or the platform's cache."""
    chosen = os.environ.get("HETGRAPH_CACHE")
    return Path(chosen).expanduser() if chosen else Path(pooch.os_cache("hetgraph")) / "parsed"


def cache_folder(kind: str, name: str, digest: str) -> Path:
    """Returns where something is kept that was trained once: readable, and one for each digest.

    Args:
        kind: Folder below :func:`cache_root`.
        name: What a person looks for, such as a data set.
        digest: sha256 of all it depends on.
    """
    readable = "".join(one if one.isalnum() or one in "-." else "-" for one in name)
    return cache_root() / kind / f"{readable[-60:]}-{digest[:16]}"


def fetch_files(
    manifest: Manifest,
    root: str | os.PathLike[str] | None = None,
    *,
    download: Downloader | None = None,
) -> Path:
    """Returns the folder ``root/collection/name`` with every file of the manifest, verified.

    A file that is there is verified and used. A missing one is downloaded from the first of its
    addresses that works, verified, and only then given its name.

    Args:
        manifest: The files that are wanted.
        root: See :func:`data_root`.
        download: ``(url, path)`` writes what ``url`` serves to ``path``; default: HTTP.

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


def file_sha256(path: Path) -> str:
    """Returns a file's sha256, from a memo while size and time of change stay the same."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}.") from error
    fact = [status.st_size, status.st_mtime_ns]
    key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
    memo = cache_root() / "verified" / f"{key}.json"
    try:
        known = json.loads(memo.read_text(encoding="utf-8"))
        if known["fact"] == fact:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        digest = sha256_file(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}.") from error
    try:
        with atomic_path(memo) as temporary:
            content = {"path": str(path), "fact": fact, "sha256": digest}
            temporary.write_text(json.dumps(content), encoding="utf-8")
    except (UserError, OSError) as error:
        _LOG.debug("digest of %s is not remembered: %s", path, error)
    return digest


def _verify(path: Path, entry: FileEntry, manifest: Manifest) -> None:
    size = path.stat().st_size
    if size != entry.bytes:
        found, expected = f"{size:,} bytes", f"{entry.bytes:,}"
    else:
        digest = file_sha256(path)
        if digest == entry.sha256:
            return
        found, expected = f"sha256 {digest[:16]}...", f"{entry.sha256[:16]}..."
    raise DataError(
        f"{path} has {found}, expected {expected}: it is truncated, corrupt or another release of "
        f"{manifest.full_name}. Remove it to download it again, or load your own release by "
        f"'{manifest.collection}:{path.parent}'."
    )


def _download(path: Path, entry: FileEntry, manifest: Manifest, download: Downloader) -> None:
    problem = "no address is known"
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
                f"{manifest.full_name} needs {entry.name}, and it cannot be stored: {error} "
                "Set HETGRAPH_DATA or --root to a folder that you may write to."
            ) from error
    urls = " or ".join(entry.urls)
    raise DataError(
        f"{manifest.full_name} needs {entry.name} ({entry.bytes:,} bytes), and downloading failed: "
        f"{problem}. Put the file into {path.parent}{f' from {urls}' if urls else ''}."
    )


class _TransferError(Exception):
    """An address that does not answer, or answers with something else than the wanted file."""


def _transfer(url: str, path: Path, entry: FileEntry, download: Downloader) -> None:
    try:
        download(url, path)
        size, digest = path.stat().st_size, sha256_file(path)
    except Exception as error:  # Each transport has errors of its own.
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise
        raise _TransferError(f"no connection ({type(error).__name__})") from error
    if (size, digest) != (entry.bytes, entry.sha256):
        raise _TransferError(f"{url} served {size:,} bytes with another checksum")


def _http(url: str, path: Path) -> None:
    downloader = pooch.HTTPDownloader(timeout=(_CONNECT_SECONDS, _READ_SECONDS))
    downloader(url, str(path), None)
