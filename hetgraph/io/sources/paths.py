"""Which files a path stands for, and what they are by their endings."""

from __future__ import annotations

import glob
from pathlib import Path

from hetgraph.errors import FileFormatError

__all__ = ["SEPARATORS", "kind_of", "table_name", "table_paths"]

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_KINDS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    **dict.fromkeys(SEPARATORS, "text"),
    ".jsonl": "json",
    ".ndjson": "json",
}
_UNDECLARED = (".txt", ".dat", ".data")  # Text files whose separator must be declared.
_PACKED = (".gz", ".bz2", ".zst")


def _ending(path: Path) -> str:
    """Returns the ending that tells the kind: ``.csv`` of ``users.csv.gz``."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def kind_of(path: Path) -> str | None:
    """Returns ``"parquet"``, ``"text"`` or ``"json"`` by the ending; ``None`` if it is unknown.

    Example:
        >>> kind_of(Path("users.csv.gz")), kind_of(Path("u.data")), kind_of(Path("users.xlsx"))
        ('text', 'text', None)
    """
    ending = _ending(path)
    return "text" if ending in _UNDECLARED else _KINDS.get(ending)


def separator_of(path: Path) -> str | None:
    """Returns the separator that the ending implies, if any."""
    return SEPARATORS.get(_ending(path))


def table_name(path: Path) -> str | None:
    """Returns the name of a table, its path without the ending; ``None`` if it is no table.

    A folder with tables in it is one table. A file whose separator must be declared is none.

    Example:
        >>> table_name(Path("nodes/user.csv.gz")), table_name(Path("notes.txt"))
        ('user', None)
    """
    if path.name.startswith((".", "_")):
        return None
    if path.is_dir():
        return path.name if _parts(path) else None
    if _ending(path) not in _KINDS:
        return None
    name = path.name
    while Path(name).suffix.lower() in (*_KINDS, *_PACKED):
        name = Path(name).stem
    return name


def table_paths(path: Path, label: str = "the table") -> list[Path]:
    """Returns the files that a path stands for: itself, those of a folder, or those of a glob.

    Args:
        path: A file, a folder of files of one kind, or a pattern such as ``user/part-*.parquet``.
        label: Name of the table in messages.

    Raises:
        FileFormatError: If there is no such file, or a folder holds none or several kinds.
    """
    if path.is_file():
        return [path]
    if path.is_dir():
        files = _parts(path)
    elif glob.has_magic(str(path)):
        files = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207
        files = [file for file in files if file.is_file()]
    else:
        raise FileFormatError(f"{label}: there is no such file; check the path.")
    if not files:
        place = "in this folder" if path.is_dir() else "of this pattern"
        raise FileFormatError(
            f"{label}: there is no table {place}; expected files that end in .parquet, .csv, "
            ".tsv or .jsonl."
        )
    endings = sorted({_ending(file) for file in files})
    if len({kind_of(file) for file in files}) > 1:
        raise FileFormatError(
            f"{label}: the files of one table end in {' and '.join(endings)}; keep one kind."
        )
    return files


def _parts(folder: Path) -> list[Path]:
    """Returns the tables directly in a folder; ``_SUCCESS`` and hidden files are none."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.is_file() and not file.name.startswith((".", "_")) and _ending(file) in _KINDS
    )
