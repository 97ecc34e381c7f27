"""Delimited text files: any separator, with or without a header, packed or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv

from hetgraph.errors import ConfigError, DataError, FileFormatError
from hetgraph.io.sources.base import Source, damaged, plain

__all__ = ["Dialect", "TextSource", "check_utf8", "guess_separator", "read_csv"]

_MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null"]
_STAND_INS = [bytes([code]) for code in (0x1F, 0x1E, 0x1D, 0x1C, 0x01, 0x02, 0x03)]
_GUESSES = ("::", "\t", ";", "|", ",", " ")
_BLOCK_BYTES = 1 << 24


@dataclass(frozen=True)
class Dialect:
    r"""How a text file is written.

    Args:
        separator: Text between two fields, of one or several characters.
        names: Names of the columns of a file without a header; ``None``: its first line.
        quotes: Whether ``"`` encloses fields; never with a separator of several characters.

    Raises:
        ConfigError: If the separator is empty, a quote or a line end, or a name occurs twice.
    """

    separator: str = ","
    names: tuple[str, ...] | None = None
    quotes: bool = True

    def __post_init__(self) -> None:
        # A tab without quotes in YAML arrives as a backslash and a letter.
        separator = self.separator.replace("\\t", "\t")
        object.__setattr__(self, "separator", separator)
        if not separator or any(letter in '"\r\n' for letter in separator):
            raise ConfigError(
                f"separator {self.separator!r} cannot separate fields; expected a text such as "
                "',', ';', '\\t' or '::'."
            )
        names = self.names or ()
        again = sorted({name for name in names if names.count(name) > 1})
        if again:
            raise ConfigError(f"columns lists {again[0]!r} twice; give every column its own name.")

    @property
    def is_long(self) -> bool:
        """Whether the separator is more than one byte."""
        return len(self.separator.encode()) > 1


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
        path: The file, UTF-8, possibly packed (``.gz``).
        separator: The field separator.
        text: Whether to keep every field as written; otherwise types are inferred, and ``NA``,
            ``null``, ... are missing values.
        header: Whether the first line names the columns; otherwise they are ``f0``, ``f1``, ...
        quotes: Whether ``"`` encloses fields; otherwise it is an ordinary character.
    """
    read = pcsv.ReadOptions(autogenerate_column_names=not header)
    return _parse(path, Dialect(separator, None, quotes), read, text=text)


class TextSource(Source):
    """A text file, parsed on first access: with inferred types, or as written."""

    def __init__(self, path: Path, dialect: Dialect, label: str) -> None:
        super().__init__(label)
        self._path, self._dialect = path, dialect
        self._tables: dict[bool, pa.Table] = {}
        self._names: list[str] = []
        self._names = self._explained(lambda: _names(path, dialect, _options(dialect)))
        if dialect.names is not None and self._first_row() == list(dialect.names):
            raise DataError(
                f"{label}: columns names the columns of a file without a header, but the first "
                "line is these names; drop columns."
            )

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns."""
        return self._names

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        table = next(iter(self._tables.values()), None)
        return int((table if table is not None else self._table(text=True)).num_rows)

    @property
    def is_text_file(self) -> bool:
        """Whether the table is a text file: yes."""
        return True

    def check(self, name: str) -> None:
        """Checks that a column exists, once; a single column hints at another separator."""
        if name not in self._names and (other := self.other_separator()):
            raise DataError(
                f"{self.label} has a single column, {self._names[0]!r}; its fields seem to be "
                f"separated by {other!r}: declare separator: {other!r}."
            )
        super().check(name)

    def other_separator(self) -> str | None:
        """Returns what seems to separate the fields, if there is a single column without it."""
        if len(self._names) != 1:
            return None
        near = [text for text in _GUESSES if text in self._names[0]]
        return near[0] if near and near[0] != self._dialect.separator else None

    def written(self, name: str) -> pa.Array:
        """Returns a column as text, so that the id ``007`` stays ``007``."""
        self.check(name)
        return plain(self._table(text=True)[name])

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        return self._table(text=False)[name]

    def _table(self, *, text: bool) -> pa.Table:
        if text not in self._tables:
            read = _options(self._dialect)
            table = self._explained(lambda: _parse(self._path, self._dialect, read, text=text))
            if any(pa.types.is_binary(kind) for kind in table.schema.types):
                check_utf8(self._path, self.label)  # Types of other bytes are inferred as binary.
            self._tables[text] = table
        return self._tables[text]

    def _first_row(self) -> list[str]:
        """Returns the fields of the first line, as far as it is one row without quotes."""
        with pa.input_stream(str(self._path), compression="detect") as stream:
            line = stream.read(1 << 16).partition(b"\n")[0].decode("utf-8-sig", "replace")
        fields: list[str] = line.rstrip("\r").split(self._dialect.separator)
        return fields

    def _explained(self, read: Callable[[], Any]) -> Any:
        """Returns what ``read`` returns, or raises what is wrong with the file and where."""
        try:
            return read()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if self._is_empty():
                raise FileFormatError(
                    f"{self.label}: the file is empty; expected a line with the names of the "
                    "columns, and rows."
                ) from error
            check_utf8(self._path, self.label)
            self._check_fields()
            raise damaged(self.label, self._path, error) from error

    def _is_empty(self) -> bool:
        """Whether the file begins with nothing but blank lines."""
        try:
            with pa.input_stream(str(self._path), compression="detect") as stream:
                return not stream.read(1 << 16).strip()
        except OSError:
            return False  # A damaged archive.

    def _check_fields(self) -> None:
        """Checks that all rows have as many fields as there are columns.

        Raises:
            FileFormatError: Naming up to five rows that do not.
        """
        odd: list[Any] = []

        def note(row: Any) -> str:
            odd.append((row.number, row.actual_columns, row.expected_columns, row.text))
            return "skip"

        try:
            _parse(self._path, self._dialect, _options(self._dialect), text=True, odd_row=note)
        except (pa.ArrowException, OSError):
            return  # Damaged in another way.
        if not odd:
            return
        has_header = self._dialect.names is None
        expected = odd[0][2]
        if not has_header and odd[0][0] == 1:
            raise FileFormatError(
                f"{self.label}: the rows have {odd[0][1]} fields, but columns names {expected}; "
                "name every column, in order."
            )
        if has_header and (other := self.other_separator()):
            raise FileFormatError(
                f"{self.label} has a header of a single field, {self._names[0]!r}, and rows of "
                f"more; its fields seem to be separated by {other!r}: declare separator: {other!r}."
            )
        rows = [
            f"row {number - 1 - has_header} has {fields} ({text[:40]!r})"
            for number, fields, _, text in odd[:5]
        ]
        raise FileFormatError(
            f"{self.label}: {len(odd):,} row{'s' if len(odd) > 1 else ''} (counted from 0) of "
            f"another number of fields than the {expected} of the "
            f"{'header' if has_header else 'first row'}: {', '.join(rows)}; put fields that "
            "contain the separator in quotes, or complete the rows."
        )


def check_utf8(path: Path, label: str) -> None:
    """Checks that a text file is UTF-8.

    Raises:
        FileFormatError: Naming the line and the byte that are not, and how to convert the file.
    """
    line, rest = 1, b""
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            while block := stream.read(_BLOCK_BYTES):
                data = rest + block
                try:
                    data.decode("utf-8")
                    rest = b""
                except UnicodeDecodeError as error:
                    if len(data) - error.start >= 4 or "unexpected end" not in error.reason:
                        line += data.count(b"\n", 0, error.start)
                        raise _not_utf8(label, path, line, data[error.start]) from error
                    rest = data[error.start :]  # A character that continues in the next block.
                line += data.count(b"\n")
    except OSError:
        return  # A damaged archive; the reader tells.
    if rest:
        raise _not_utf8(label, path, line, rest[0])


def _not_utf8(label: str, path: Path, line: int, byte: int) -> FileFormatError:
    name = "UTF-16" if line == 1 and byte in (0xFE, 0xFF) else "LATIN1"
    return FileFormatError(
        f"{label}: line {line} (from 1) holds the byte 0x{byte:02x}, which is not UTF-8; convert "
        f"the file, for example: iconv -f {name} -t UTF-8 {path.name}"
    )


def guess_separator(path: Path) -> str | None:
    """Returns what seems to separate the fields of the first line, for messages."""
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            line = stream.read(1 << 12).partition(b"\n")[0].decode("utf-8", "replace")
    except OSError:
        return None
    return next((separator for separator in _GUESSES if separator in line), None)


def _options(dialect: Dialect) -> pcsv.ReadOptions:
    return pcsv.ReadOptions(column_names=list(dialect.names) if dialect.names else None)


def _parse(
    path: Path,
    dialect: Dialect,
    read: pcsv.ReadOptions,
    *,
    text: bool,
    odd_row: Callable[[Any], str] | None = None,
) -> pa.Table:
    """Reads a text file; ``odd_row`` is called with each row of another number of fields."""
    convert = pcsv.ConvertOptions(
        null_values=[""] if text else _MISSING,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    if text:
        names = _names(path, dialect, read)
        convert.column_types = dict.fromkeys(names, pa.large_string())
    # Rows have numbers only if one thread reads them.
    read.use_threads = odd_row is None
    stream, separator = _open(path, dialect)
    with stream:
        return pcsv.read_csv(stream, read, _parse_options(dialect, separator, odd_row), convert)


def _names(path: Path, dialect: Dialect, read: pcsv.ReadOptions) -> list[str]:
    """Returns the names of the columns from the first block; odd rows do not matter here."""
    if read.column_names:
        return list(read.column_names)
    stream, separator = _open(path, dialect)
    parse = _parse_options(dialect, separator, lambda row: "skip")
    with stream, pcsv.open_csv(stream, read, parse) as reader:
        names: list[str] = reader.schema.names
    return names


def _parse_options(
    dialect: Dialect, separator: str, odd_row: Callable[[Any], str] | None
) -> pcsv.ParseOptions:
    quotes = dialect.quotes and not dialect.is_long
    return pcsv.ParseOptions(
        delimiter=separator,
        newlines_in_values=quotes,
        quote_char='"' if quotes else False,
        invalid_row_handler=odd_row,
    )


def _open(path: Path, dialect: Dialect) -> tuple[Any, str]:
    """Returns a stream of the unpacked file, and its separator as one byte.

    Arrow splits at one byte only, so a longer separator is replaced by a control character that
    the file does not contain.
    """
    stream = pa.input_stream(str(path), compression="detect")
    if not dialect.is_long:
        return stream, dialect.separator
    with stream:
        data = stream.read()
    stand_in = next((byte for byte in _STAND_INS if byte not in data), None)
    if stand_in is None:
        raise FileFormatError(
            f"{path}: cannot be split at {dialect.separator!r}, as it contains control characters; "
            "write it with a separator of one character."
        )
    data = data.replace(dialect.separator.encode(), stand_in)
    return pa.BufferReader(data), stand_in.decode()
