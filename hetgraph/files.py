"""Files that appear whole or not at all, and clear words when the disk refuses them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from hetgraph.errors import UserError

__all__ = ["OutputError", "atomic_dir", "atomic_path", "explain_os_error", "sha256_file"]

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
    """Returns what an error of the operating system means and how to mend it, else ``None``.

    Libraries that write through their own runtime (safetensors) raise errors of their own type
    that only quote the system's text, so that text is searched as well.
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
    """Yields a temporary path in the same folder that becomes ``path`` when the block succeeds.

    The parent folder is created. When the block fails, or is interrupted, the temporary file is
    removed and a file that stood at ``path`` before is untouched.

    Args:
        path: Where the file is wanted; a file there is replaced.

    Yields:
        The path to write to. Its suffix is the one of ``path``, for writers that look at it.

    Raises:
        OutputError: If the file cannot be written, with the reason and a way out.
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
    """Yields a temporary folder that becomes ``path`` when the block succeeds.

    A folder that stands at ``path`` is replaced only if it is empty or holds the file ``marker``,
    so that a mistyped path never costs somebody else's files. The old folder is moved aside
    first and put back if the new one cannot take its place.

    Args:
        path: Where the folder is wanted.
        marker: Name of a file by which a folder of the same kind is known, such as
            ``"config.json"``. Without it only an empty folder may be replaced.

    Yields:
        An existing empty folder beside ``path``.

    Raises:
        OutputError: If ``path`` holds something else, or cannot be written.
    """
    target = Path(path)
    with _clear_errors(target):
        target = target.resolve()  # A link stays, the folder that it points to is replaced.
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
    """Returns the sha256 of a file's bytes as 64 hexadecimal digits, read block by block."""
    digest = hashlib.sha256()
    buffer = bytearray(block_bytes)
    view = memoryview(buffer)
    with Path(path).open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            digest.update(view[:size])
    return digest.hexdigest()


def _sibling(target: Path, purpose: str) -> Path:
    """Returns an unused hidden path in the folder of ``target``."""
    # The name is cut so that the temporary one stays within the usual 255 bytes.
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
    """Renames ``new`` to ``target``, moving an old folder aside and back if that fails."""
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
    """Whether the block failed on a file elsewhere, such as an input that it reads."""
    name = error.filename if isinstance(error, OSError) else None
    if not isinstance(name, (str, os.PathLike)):
        return False
    failed = Path(os.path.abspath(name))  # noqa: PTH100 (resolve() would follow links)
    folder = Path(os.path.abspath(target.parent))  # noqa: PTH100
    return failed != folder and folder not in failed.parents and failed not in folder.parents
