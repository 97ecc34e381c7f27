"""Atomic writing of files and folders, with clear messages when the disk refuses."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from hetgraph.errors import DataError, UserError

__all__ = [
    "OutputError",
    "atomic_dir",
    "atomic_path",
    "cache_folder",
    "cache_root",
    "explain_os_error",
    "remembered_sha256",
    "sha256_file",
    "user_path",
]

_LOG = logging.getLogger("hetgraph.files")

_WORDS = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another folder",
    errno.EFBIG: "the file is larger than the file system or a limit allows; choose another folder",
    errno.EACCES: "permission denied; choose a folder that you may write to",
    errno.EPERM: "permission denied; choose a folder that you may write to",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another path",
    errno.EISDIR: "it is a folder, a file was expected; choose another path",
    errno.EEXIST: "a part of the path is a file, not a folder; choose another path",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


class OutputError(UserError):
    """An output that cannot be written: full disk, no permission, a path in the way."""


def explain_os_error(error: BaseException) -> str | None:
    """Returns the meaning of an operating system error and its fix, or ``None``.

    Libraries with their own I/O code (safetensors) raise their own errors, which only quote the
    text of the system, so the text is searched, too.
    """
    if isinstance(error, OSError) and error.errno in _WORDS:
        return _WORDS[error.errno]
    text = str(error)
    for code, words in _WORDS.items():
        if f"os error {code})" in text or f"[Errno {code}]" in text or os.strerror(code) in text:
            return words
    return None


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path in the same folder that replaces ``path`` if the block succeeds.

    The parent folder is created. If the block fails or is interrupted, the temporary file is
    removed and an existing file at ``path`` is unchanged.

    Args:
        path: Target file; an existing one is replaced.

    Yields:
        The path to write to. It has the suffix of ``path``, for writers that depend on it.

    Raises:
        OutputError: If the file cannot be written, with the reason and a remedy.
    """
    target = Path(path)
    temporary = _sibling(target, "tmp")
    with _clear_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(target)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_dir(path: str | os.PathLike[str], *, marker: str | None = None) -> Iterator[Path]:
    """Yields a temporary folder that replaces ``path`` if the block succeeds.

    An existing folder at ``path`` is replaced only if it is empty or holds the file ``marker``, so
    that a mistyped path never deletes other files. The old folder is moved aside first and
    restored if the new one cannot replace it.

    Args:
        path: Target folder.
        marker: Name of a file that identifies a folder of the same kind, such as
            ``"config.json"``. Without it only an empty folder may be replaced.

    Yields:
        An existing empty folder beside ``path``.

    Raises:
        OutputError: If ``path`` holds something else, or cannot be written.
    """
    target = Path(path)
    with _clear_errors(target):
        target = target.resolve()  # A link is kept; the folder that it points to is replaced.
        _check_replaceable(target, marker)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = _sibling(target, "tmp")
        temporary.mkdir()
        try:
            yield temporary
            _check_replaceable(target, marker)
            _swap_in(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def sha256_file(path: str | os.PathLike[str], *, block_bytes: int = 1 << 20) -> str:
    """Returns the SHA-256 of a file as 64 hexadecimal digits, reading in blocks."""
    digest = hashlib.sha256()
    buffer = bytearray(block_bytes)
    view = memoryview(buffer)
    with Path(path).open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            digest.update(view[:size])
    return digest.hexdigest()


def cache_root() -> Path:
    """Returns the folder of what can be computed again: ``HETGRAPH_CACHE`` or the platform's."""
    import pooch  # a tenth of a second that a command without data does not need

    chosen = os.environ.get("HETGRAPH_CACHE")
    return Path(chosen).expanduser() if chosen else Path(pooch.os_cache("hetgraph")) / "parsed"


def cache_folder(kind: str, name: str, digest: str) -> Path:
    """Returns the cache folder of something that is trained once: readable, one per digest.

    Args:
        kind: Folder below :func:`cache_root`.
        name: What a person looks for, such as a data set.
        digest: sha256 of all it depends on.
    """
    readable = "".join(char if char.isalnum() or char in "-." else "-" for char in name)
    return cache_root() / kind / f"{readable[-60:]}-{digest[:16]}"


def remembered_sha256(path: Path) -> str:
    """Returns a file's sha256, from a memo in the cache while its size and times stay the same.

    Raises:
        DataError: If the file cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}.") from error
    # The time of the last change of the entry, too: the other one can be set back.
    fact = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
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


def user_path(text: str) -> Path:
    """Returns a path as the user wrote it, with ``~`` as the home folder.

    Raises:
        DataError: If there is no such user.

    Example:
        >>> user_path("../shop/").as_posix()
        '../shop'
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise DataError(f"{text}: no home folder of this name is known; write it out.") from error


def _sibling(target: Path, purpose: str) -> Path:
    """Returns an unused hidden path in the folder of ``target``."""
    # The stem is truncated, as file systems limit names to 255 bytes.
    stem, token = target.name[:120], secrets.token_hex(4)
    return target.with_name(f".{stem}.{os.getpid()}-{token}.{purpose}{target.suffix[:20]}")


def _check_replaceable(target: Path, marker: str | None) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir():
        raise OutputError(f"cannot write the folder {target}: a file is in its place; move it.")
    if not any(target.iterdir()) or (marker is not None and (target / marker).is_file()):
        return
    sign = f" and has no {marker}" if marker else ""
    raise OutputError(
        f"will not replace the folder {target}: it is not empty{sign}; "
        "choose another folder or remove it first."
    )


def _swap_in(new: Path, target: Path) -> None:
    """Renames ``new`` to ``target``; an old folder is moved aside, and restored on failure."""
    if not target.exists():
        new.rename(target)
        return
    aside = _sibling(target, "old")
    target.rename(aside)
    try:
        new.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _clear_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        words = explain_os_error(error)
        if words is None or _is_about_another_path(error, target):
            raise
        raise OutputError(f"cannot write {target}: {words}.") from error


def _is_about_another_path(error: Exception, target: Path) -> bool:
    """Whether the error is about a file elsewhere, such as an input of the block."""
    name = error.filename if isinstance(error, OSError) else None
    if not isinstance(name, (str, os.PathLike)):
        return False
    failed = Path(os.path.abspath(name))  # noqa: PTH100 (resolve() would follow links)
    folder = Path(os.path.abspath(target.parent))  # noqa: PTH100
    return failed != folder and folder not in failed.parents and failed not in folder.parents
