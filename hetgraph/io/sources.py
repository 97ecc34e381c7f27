"""Columns by name from any table: a DataFrame, an Arrow table, a file or a mapping."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from hetgraph.errors import DataError, FileFormatError, suggest

__all__ = ["Source", "as_source", "read_csv"]

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null"]


class Source(ABC):
    """A table whose columns are read by name, on demand.

    Args:
        label: Name of the table in messages, such as ``table 'paper'``.
    """

    def __init__(self, label: str) -> None:
        self.label = label

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """Names of the columns."""

    @property
    @abstractmethod
    def num_rows(self) -> int:
        """Number of rows."""

    @abstractmethod
    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        """Returns a column that exists."""

    def check(self, name: str) -> None:
        """Checks that a column exists.

        Raises:
            DataError: If it does not, with a suggestion.
        """
        if name not in self.names:
            raise DataError(f"{self.label} has no column {name!r}.{suggest(name, self.names)}")

    def column(self, name: str) -> pa.Array:
        """Returns a column as one array; dictionaries are decoded, extension types unwrapped.

        Raises:
            DataError: If the column does not exist or mixes types.
        """
        self.check(name)
        try:
            column = self._read(name)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(
                f"{self.label}, column {name!r}: its values have no common type ({reason}); "
                "convert the column to one type, for example .astype(str)."
            ) from error
        return plain(column)

    def written(self, name: str) -> pa.Array:
        """Returns a column of ids or texts; of a text file exactly as written."""
        return self.column(name)

    @property
    def is_text_file(self) -> bool:
        """Whether the table is a text file, whose types are inferred."""
        return False


def plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Returns the column as one array of a plain type."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # Too long for 32-bit offsets.
        column = pa.concat_arrays([chunk.cast(pa.large_string()) for chunk in column.chunks])
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or "string_view" in str(column.type):
        column = column.cast(pa.large_string())
    return column


def as_source(table: Any, label: str) -> Source:
    """Returns a table as a :class:`Source`.

    Args:
        table: A pandas ``DataFrame``, a pyarrow ``Table``, anything with the Arrow PyCapsule
            interface (polars, duckdb), a mapping of columns, or the path of a Parquet, CSV or TSV
            file.
        label: Name of the table in messages.

    Raises:
        DataError: If ``table`` is none of these.
        FileFormatError: If a file is missing or cannot be read.
    """
    if isinstance(table, Source):
        return table
    if isinstance(table, (str, os.PathLike)):
        return _file_source(Path(table), label)
    if isinstance(table, pa.Table):
        return _ArrowSource(table, label)
    if type(table).__module__.partition(".")[0] == "pandas" and hasattr(table, "columns"):
        return _FrameSource(table, label)
    if isinstance(table, Mapping):
        return _MappingSource(table, label)
    if hasattr(table, "__arrow_c_stream__"):
        return _ArrowSource(pa.table(table), label)
    raise DataError(
        f"{label} is a {type(table).__name__}; expected a pandas DataFrame, a pyarrow Table, a "
        "mapping of columns, or the path of a .parquet, .csv or .tsv file."
    )


def _file_source(path: Path, label: str) -> Source:
    label = f"{label} ({path})"
    if not path.is_file():
        raise FileFormatError(f"{label}: there is no such file; check the path.")
    suffix = path.suffix.lower()
    try:
        if suffix in (".parquet", ".pq"):
            return _ParquetSource(path, label)
        if suffix in _SEPARATORS:
            return _CsvSource(path, _SEPARATORS[suffix], label)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(label, path, error) from error
    raise FileFormatError(
        f"{label}: the ending {suffix!r} is unknown; expected .parquet, .csv or .tsv."
    )


def _damaged(label: str, path: Path, error: Exception) -> FileFormatError:
    reason = str(error).splitlines()[0]
    return FileFormatError(f"{label} is damaged or not a {path.suffix} file ({reason}).")


def read_csv(
    path: Path,
    separator: str = ",",
    *,
    text: bool = False,
    header: bool = True,
    quotes: bool = True,
) -> pa.Table:
    """Reads a CSV file; an empty field is a missing value, ``""`` an empty text.

    Args:
        path: The file, UTF-8.
        separator: The field separator.
        text: Whether to keep every field as written; otherwise types are inferred, and ``NA``,
            ``null``, ... are missing values.
        header: Whether the first line names the columns; otherwise they are ``f0``, ``f1``, ...
        quotes: Whether ``"`` encloses fields; otherwise it is an ordinary character.
    """
    read = pcsv.ReadOptions(autogenerate_column_names=not header)
    parse = pcsv.ParseOptions(
        delimiter=separator, newlines_in_values=quotes, quote_char='"' if quotes else False
    )
    convert = pcsv.ConvertOptions(
        null_values=[""] if text else _MISSING,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    if text:
        convert.column_types = dict.fromkeys(_csv_names(path, read, parse), pa.large_string())
    return pcsv.read_csv(path, read, parse, convert)


def _csv_names(path: Path, read: pcsv.ReadOptions, parse: pcsv.ParseOptions) -> list[str]:
    with pcsv.open_csv(path, read, parse) as reader:
        names: list[str] = reader.schema.names
    return names


class _ArrowSource(Source):
    def __init__(self, table: pa.Table, label: str) -> None:
        super().__init__(label)
        self._table = table

    @property
    def names(self) -> Sequence[str]:
        return list(self._table.column_names)

    @property
    def num_rows(self) -> int:
        return int(self._table.num_rows)

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        return self._table[name]


class _FrameSource(Source):
    def __init__(self, frame: Any, label: str) -> None:
        super().__init__(label)
        self._frame = frame

    @property
    def names(self) -> Sequence[str]:
        return [str(name) for name in self._frame.columns]

    @property
    def num_rows(self) -> int:
        return len(self._frame)

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        return pa.array(self._frame.iloc[:, list(self.names).index(name)], from_pandas=True)


class _MappingSource(Source):
    def __init__(self, columns: Mapping[str, Any], label: str) -> None:
        super().__init__(label)
        self._columns = columns
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"{label}: the columns differ in length: {lengths}.")

    @property
    def names(self) -> Sequence[str]:
        return list(self._columns)

    @property
    def num_rows(self) -> int:
        return next((len(values) for values in self._columns.values()), 0)

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        values = self._columns[name]
        if isinstance(values, (pa.Array, pa.ChunkedArray)):
            return values
        if getattr(values, "ndim", 1) == 2:  # A matrix: one row of values per table row.
            values = values.numpy() if hasattr(values, "numpy") else values
            return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
        return pa.array(values)


class _ParquetSource(Source):
    def __init__(self, path: Path, label: str) -> None:
        super().__init__(label)
        self._path = path
        self._file = pq.ParquetFile(path)

    @property
    def names(self) -> Sequence[str]:
        return list(self._file.schema_arrow.names)

    @property
    def num_rows(self) -> int:
        return int(self._file.metadata.num_rows)

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        try:
            return self._file.read([name])[name]
        except OSError as error:
            raise _damaged(self.label, self._path, error) from error


class _CsvSource(Source):
    """A text file, parsed on first access: with inferred types, or as written."""

    def __init__(self, path: Path, separator: str, label: str) -> None:
        super().__init__(label)
        self._path, self._separator = path, separator
        self._tables: dict[bool, pa.Table] = {}
        parse = pcsv.ParseOptions(delimiter=separator, newlines_in_values=True)
        self._names = _csv_names(path, pcsv.ReadOptions(), parse)

    @property
    def names(self) -> Sequence[str]:
        return self._names

    @property
    def num_rows(self) -> int:
        table = next(iter(self._tables.values()), None)
        return int((table if table is not None else self._table(text=True)).num_rows)

    @property
    def is_text_file(self) -> bool:
        return True

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        return self._table(text=False)[name]

    def written(self, name: str) -> pa.Array:
        """Returns a column as text, so that the id ``007`` stays ``007``."""
        self.check(name)
        return plain(self._table(text=True)[name])

    def _table(self, *, text: bool) -> pa.Table:
        if text not in self._tables:
            try:
                self._tables[text] = read_csv(self._path, self._separator, text=text)
            except (pa.ArrowException, OSError) as error:
                raise _damaged(self.label, self._path, error) from error
        return self._tables[text]
