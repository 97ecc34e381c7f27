"""Any table as a :class:`Source`, chosen by its type or by the ending of its file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from hetgraph.errors import ConfigError, DataError, FileFormatError
from hetgraph.io.sources.base import Source, damaged
from hetgraph.io.sources.files import JsonSource, ManySource, ParquetSource
from hetgraph.io.sources.memory import memory_source
from hetgraph.io.sources.paths import kind_of, separator_of, table_paths
from hetgraph.io.sources.text import Dialect, TextSource, guess_separator

__all__ = ["as_source"]


def as_source(
    table: Any,
    label: str,
    *,
    separator: str | None = None,
    columns: Sequence[str] | None = None,
) -> Source:
    r"""Returns a table as a :class:`Source`.

    Args:
        table: A pandas ``DataFrame``, a pyarrow ``Table``, anything with the Arrow PyCapsule
            interface (polars, DuckDB), a mapping of columns, or files: the path of a Parquet, CSV,
            TSV or JSON lines file (packed ones end in ``.gz``), of a folder of such files, a
            pattern such as ``part-*.parquet``, or a list of paths.
        label: Name of the table in messages.
        separator: What separates the fields of a text file; default: by its ending.
        columns: Names of the columns of a text file without a header.

    Raises:
        DataError: If ``table`` is none of these.
        FileFormatError: If a file is missing or cannot be read.
        ConfigError: If the separator of a text file is unknown, or options of text files are
            given for another table.

    Example:
        >>> _ = Path("u.data").write_text("196::242::3\n")
        >>> names = ["user", "film", "stars"]
        >>> table = as_source("u.data", "ratings", separator="::", columns=names)
        >>> table.column("film").to_pylist()
        [242]
    """
    if isinstance(table, Source):
        return table
    if isinstance(table, (str, os.PathLike)):
        return _files_source(Path(table), label, separator, columns)
    if _are_paths(table):
        parts = [as_source(path, label, separator=separator, columns=columns) for path in table]
        return ManySource(parts, label)
    source = memory_source(table, label)
    if source is None:
        raise DataError(
            f"{label} is a {type(table).__name__}; expected a pandas DataFrame, a pyarrow Table, a "
            "mapping of columns, or the path of a .parquet, .csv, .tsv or .jsonl file."
        )
    _refuse_options(separator, columns, label)
    return source


def _are_paths(table: Any) -> bool:
    """Whether a table is given as several files."""
    several = isinstance(table, (list, tuple)) and len(table) > 0
    return several and all(isinstance(path, (str, os.PathLike)) for path in table)


def _files_source(
    path: Path, label: str, separator: str | None, columns: Sequence[str] | None
) -> Source:
    named = f"{label} ({path})"
    paths = table_paths(path, named)
    if paths == [path]:
        return _file_source(path, named, separator, columns)
    parts = [_file_source(file, f"{label} ({file})", separator, columns) for file in paths]
    return ManySource(parts, named)


def _file_source(
    path: Path, label: str, separator: str | None, columns: Sequence[str] | None
) -> Source:
    kind = kind_of(path)
    try:
        if kind == "text" or (kind is None and separator is not None):
            return TextSource(path, _dialect(path, label, separator, columns), label)
        if kind is not None:
            _refuse_options(separator, columns, label)
            return (ParquetSource if kind == "parquet" else JsonSource)(path, label)
    except (pa.ArrowException, OSError) as error:
        raise damaged(label, path, error) from error
    raise FileFormatError(
        f"{label}: the ending {path.suffix!r} is unknown; expected .parquet, .csv, .tsv or .jsonl, "
        "or a text file with a declared separator."
    )


def _dialect(
    path: Path, label: str, separator: str | None, columns: Sequence[str] | None
) -> Dialect:
    chosen = separator if separator is not None else separator_of(path)
    if chosen is None:
        guess = guess_separator(path)
        hint = f" Its first line seems to be separated by {guess!r}." if guess else ""
        raise ConfigError(
            f"{label}: the ending {path.suffix!r} does not tell what separates the fields; declare "
            f"separator, and columns if the file has no header.{hint}"
        )
    try:
        return Dialect(chosen, None if columns is None else tuple(map(str, columns)))
    except ConfigError as error:
        raise ConfigError(f"{label}: {error}") from None


def _refuse_options(separator: str | None, columns: Sequence[str] | None, label: str) -> None:
    given = [
        n for n, value in (("separator", separator), ("columns", columns)) if value is not None
    ]
    if given:
        raise ConfigError(f"{label}: {' and '.join(given)} is for text files only; drop it.")
