"""Tables of answers as files: Parquet, CSV or JSON lines, whole or not at all."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from hetgraph.errors import ConfigError, DataError
from hetgraph.files import atomic_path

__all__ = ["AnswersWriter", "answers_writer", "check_answers_path", "write_answers"]


def write_answers(table: pa.Table, path: str | os.PathLike[str]) -> None:
    """Writes a table to a file, by the ending of its name.

    In a ``.csv`` file a column of lists of one fixed size becomes a column per element,
    ``name_0``, ``name_1``, ...; lists of any size become one text, ``a|b``. A table without rows
    is written with its header. An existing file is replaced once the new one is whole.

    Args:
        table: The table.
        path: The file; ends in ``.parquet``, ``.csv`` or ``.jsonl``.

    Raises:
        ConfigError: If the ending is another one, or a column cannot be written to a CSV file.
        OutputError: If the file cannot be written.

    Example:
        >>> vectors = pa.array([[0.5, 1.0]], pa.list_(pa.float32(), 2))
        >>> table = pa.table({"id": ["ann"], "classes": [["new", "big"]], "vector": vectors})
        >>> write_answers(table, "answers.csv")
        >>> print(Path("answers.csv").read_text(), end="")
        "id","classes","vector_0","vector_1"
        "ann","new|big",0.5,1
    """
    with answers_writer(path, table.schema) as writer:
        for batch in table.to_batches():
            writer.write(batch)


@contextmanager
def answers_writer(path: str | os.PathLike[str], schema: pa.Schema) -> Iterator[AnswersWriter]:
    """Yields a writer of batches to one file, of which only one batch is in memory at a time.

    The file appears, or replaces an older one, when the block ends without an error. Endings and
    columns are checked before the block begins.

    Args:
        path: As for :func:`write_answers`.
        schema: Schema of the batches.

    Raises:
        ConfigError: As for :func:`write_answers`.
        OutputError: If the file cannot be written.

    Example:
        >>> schema = pa.schema({"id": pa.int64(), "score": pa.float64()})
        >>> with answers_writer("scores.jsonl", schema) as writer:
        ...     for start in (0, 2):
        ...         writer.write(pa.record_batch([[start, start + 1], [0.5, None]], schema=schema))
        >>> print(Path("scores.jsonl").read_text(), end="")
        {"id": 0, "score": 0.5}
        {"id": 1, "score": null}
        {"id": 2, "score": 0.5}
        {"id": 3, "score": null}
    """
    target = Path(path)
    kind = _KINDS[check_answers_path(target)]
    kind.check(schema, target)
    with atomic_path(target) as temporary:
        writer = kind(temporary, schema)
        try:
            yield writer
        finally:
            writer.close()


def check_answers_path(path: str | os.PathLike[str]) -> str:
    """Returns the ending of a file for answers, so that a wrong one is told before the work.

    Raises:
        ConfigError: If it is unknown.

    Example:
        >>> check_answers_path("out/p.CSV")
        '.csv'
    """
    ending = Path(path).suffix.lower()
    if ending not in _KINDS:
        raise ConfigError(
            f"{path}: the ending {ending!r} is unknown; expected one of {', '.join(_KINDS)}."
        )
    return ending


class AnswersWriter(ABC):
    """Writes batches of one schema to an open file.

    Args:
        path: The file.
        schema: Schema of the batches.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.schema = schema

    @classmethod
    def check(cls, schema: pa.Schema, path: Path) -> None:
        """Checks that columns of these types can be written.

        Raises:
            ConfigError: If one cannot be.
        """
        return

    def write(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Writes the rows of a batch.

        Raises:
            DataError: If it is of another schema.
        """
        if batch.schema.names != self.schema.names or batch.schema.types != self.schema.types:
            raise DataError(
                f"a batch has the columns {_described(batch.schema)}, the first one "
                f"{_described(self.schema)}; all batches must have the same."
            )
        parts = batch.to_batches() if isinstance(batch, pa.Table) else [batch]
        for part in parts:
            self._write(part)

    @abstractmethod
    def _write(self, batch: pa.RecordBatch) -> None:
        """Writes a batch of the schema."""

    @abstractmethod
    def close(self) -> None:
        """Closes the file."""


class _Parquet(AnswersWriter):
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        super().__init__(path, schema)
        self._writer = pq.ParquetWriter(path, schema)

    def _write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


class _JsonLines(AnswersWriter):
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        super().__init__(path, schema)
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def _write(self, batch: pa.RecordBatch) -> None:
        columns = [_readable(column).to_pylist() for column in batch.columns]
        names = batch.schema.names
        for row in zip(*columns, strict=True):
            line = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=_text)
            self._file.write(f"{line}\n")

    def close(self) -> None:
        self._file.close()


class _Csv(AnswersWriter):
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        super().__init__(path, schema)
        self._flat = _flat_schema(schema)
        # Quotes stand around every text, so that an empty text and a missing one differ.
        self._writer = pa.csv.CSVWriter(path, self._flat)

    @classmethod
    def check(cls, schema: pa.Schema, path: Path) -> None:
        for field in schema:
            inner = field.type.value_type if _is_list(field.type) else field.type
            if pa.types.is_nested(inner):
                raise ConfigError(
                    f"{path}: column {field.name!r} holds {field.type}, which a CSV file cannot; "
                    "write .parquet or .jsonl."
                )
        counts = Counter(_flat_schema(schema).names)
        if twice := [name for name, count in counts.items() if count > 1]:
            raise ConfigError(f"{path}: there would be two columns {twice[0]!r}; rename one.")

    def _write(self, batch: pa.RecordBatch) -> None:
        columns = []
        for field, column in zip(batch.schema, batch.columns, strict=True):
            if pa.types.is_fixed_size_list(field.type):
                size = field.type.list_size
                columns += [_cell(pc.list_element(column, place)) for place in range(size)]
            else:
                columns.append(_joined(column) if _is_list(field.type) else _cell(column))
        self._writer.write_batch(pa.record_batch(columns, schema=self._flat))

    def close(self) -> None:
        self._writer.close()


_SEPARATOR = "|"
"""What stands between the elements of a list of any size in a CSV file."""

_KINDS: dict[str, type[AnswersWriter]] = {".parquet": _Parquet, ".csv": _Csv, ".jsonl": _JsonLines}


# ----------------------------------------------------------------------------- internals


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)


def _is_list(kind: pa.DataType) -> bool:
    return _is_open_list(kind) or bool(pa.types.is_fixed_size_list(kind))


def _is_open_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _flat_schema(schema: pa.Schema) -> pa.Schema:
    fields: list[pa.Field] = []
    for field in schema:
        if pa.types.is_fixed_size_list(field.type):
            kind = _cell_type(field.type.value_type)
            places = range(field.type.list_size)
            fields += [pa.field(f"{field.name}_{place}", kind) for place in places]
        else:
            kind = pa.string() if _is_list(field.type) else _cell_type(field.type)
            fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def _cell_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type as which a cell is written to a CSV file."""
    if pa.types.is_dictionary(kind):
        return _cell_type(kind.value_type)
    bytes_like = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    if bytes_like or pa.types.is_fixed_size_binary(kind):
        return pa.string()
    return pa.float32() if pa.types.is_float16(kind) else kind


def _cell(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = _cell_type(column.type)
    if kind == column.type:
        return column
    if pa.types.is_float16(column.type):
        return column.cast(kind)
    return pa.array([None if v is None else v.hex() for v in column.to_pylist()], kind)


def _joined(column: pa.Array) -> pa.Array:
    """Returns lists of any size as texts, ``a|b``; a missing list stays missing."""
    texts = [
        None if values is None else _SEPARATOR.join("" if v is None else _text(v) for v in values)
        for values in _readable(column).to_pylist()
    ]
    return pa.array(texts, pa.string())


def _readable(column: pa.Array) -> pa.Array:
    """Returns float32 numbers as float64 of the same digits, so that 0.1 is written as 0.1."""
    kind = column.type
    if pa.types.is_float32(kind):
        return column.cast(pa.string()).cast(pa.float64())
    if pa.types.is_fixed_size_list(kind) and pa.types.is_float32(kind.value_type):
        if column.null_count:
            return column
        return pa.FixedSizeListArray.from_arrays(_readable(column.flatten()), kind.list_size)
    if pa.types.is_list(kind) and pa.types.is_float32(kind.value_type):
        if column.null_count:
            return column
        offsets = pc.subtract(column.offsets, column.offsets[0])
        return pa.ListArray.from_arrays(offsets, _readable(column.flatten()))
    return column


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
