"""What every table is to a reader: named columns, read on demand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from hetgraph.errors import DataError, FileFormatError, suggest

__all__ = ["Source", "damaged", "plain"]


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
        """Checks that a column exists, once.

        Raises:
            DataError: If there is none of this name, with a suggestion, or several.
        """
        names = list(self.names)
        if name not in names:
            raise DataError(f"{self.label} has no column {name!r}.{suggest(name, names)}")
        places = [place for place, other in enumerate(names, start=1) if other == name]
        if len(places) > 1:
            listed = f"{', '.join(map(str, places[:-1]))} and {places[-1]}"
            raise DataError(
                f"{self.label} has {len(places)} columns named {name!r} (columns {listed}, counted "
                "from 1); rename or drop all but one."
            )

    def check_all(self, names: Sequence[str], why: str) -> None:
        """Checks that all columns exist.

        Args:
            names: The columns.
            why: What they are for, in the message.

        Raises:
            DataError: Naming all that are missing, or the first that there is several times.
        """
        errors: dict[str, DataError] = {}
        for name in names:
            try:
                self.check(name)
            except DataError as error:
                errors[name] = error
        missing = [name for name in errors if name not in self.names]
        if missing:
            listed = ", ".join(map(repr, missing))
            columns, them = ("columns", "them") if len(missing) > 1 else ("column", "it")
            raise DataError(
                f"{self.label} has no {columns} {listed}, {why}; add {them} (an empty cell is a "
                f"missing value).{suggest(missing[0], self.names)}"
            )
        if errors:
            raise next(iter(errors.values()))

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
        except OverflowError as error:
            raise DataError(
                f"{self.label}, column {name!r}: a whole number needs more than 64 bits; convert "
                "the column to text, for example .astype(str)."
            ) from error
        return plain(column)

    def written(self, name: str) -> pa.Array:
        """Returns a column of ids or texts; of a text file exactly as written."""
        return self.column(name)

    def words(self, name: str) -> pa.Array:
        """Returns a column of classes or categories.

        In a column of numbers of a text file, words such as ``NA`` are missing values. In any
        other column they are classes like other words, and only an empty field is missing.
        """
        column = self.column(name)
        number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        if not self.is_text_file or number:
            return column
        written = self.written(name)
        return column if column.null_count == written.null_count else written

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
        column = plain(column.dictionary).take(column.indices)
    return column if _usual(column.type) == column.type else column.cast(_usual(column.type))


def _usual(kind: pa.DataType) -> pa.DataType:
    """Returns the type with texts as ``large_string``, also in lists that hold views."""
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_large_list(kind) and "string_view" in str(kind):
        return pa.large_list(_usual(kind.value_type))
    if pa.types.is_list(kind) and "string_view" in str(kind):
        return pa.list_(_usual(kind.value_type))
    return kind


def damaged(label: str, path: Path, error: Exception) -> FileFormatError:
    """Returns the error of a file that a library refuses, with the first line of its reason."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    ending = "".join(path.suffixes[-2:]) if path.suffix in (".gz", ".bz2", ".zst") else path.suffix
    return FileFormatError(f"{label} is damaged or not a {ending} file ({reason}).")
