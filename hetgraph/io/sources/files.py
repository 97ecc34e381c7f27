"""Parquet files, files of JSON lines, and several files as one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pjson
import pyarrow.parquet as pq

from hetgraph.errors import DataError, FileFormatError
from hetgraph.io.sources.base import Source, damaged
from hetgraph.io.sources.memory import ArrowSource
from hetgraph.io.sources.text import check_utf8

__all__ = ["JsonSource", "ManySource", "ParquetSource"]

_JSON_BLOCK_BYTES = 16 << 20  # A line must fit into a block.


class ParquetSource(Source):
    """A Parquet file. It is open only while it is read, as a table may be thousands of files."""

    def __init__(self, path: Path, label: str) -> None:
        super().__init__(label)
        self._path = path
        with pq.ParquetFile(path) as file:
            self._names = list(file.schema_arrow.names)
            self._num_rows = int(file.metadata.num_rows)

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns."""
        return self._names

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return self._num_rows

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        try:
            with pq.ParquetFile(self._path) as file:
                return file.read([name])[name]
        except OSError as error:
            raise damaged(self.label, self._path, error) from error


class JsonSource(ArrowSource):
    """A file with one JSON object per line."""

    def __init__(self, path: Path, label: str) -> None:
        self._path, self.label = path, label
        super().__init__(self._parse(None), label)
        try:
            self._table.validate(full=True)
        except pa.ArrowInvalid as error:
            check_utf8(path, label)
            raise damaged(label, path, error) from error

    def written(self, name: str) -> pa.Array:
        """Returns a column of ids or texts: dates stay texts, large integers stay exact."""
        column = self.column(name)
        if pa.types.is_timestamp(column.type):
            return self._as_type(name, pa.large_string())
        if pa.types.is_floating(column.type) and (pc.max(column).as_py() or 0) >= 2.0**63:
            return self._as_type(name, pa.uint64())
        return column

    def _as_type(self, name: str, kind: pa.DataType) -> pa.Array:
        schema = pa.schema([(name, kind)])
        return self._parse(pjson.ParseOptions(explicit_schema=schema))[name].combine_chunks()

    def _parse(self, parse: pjson.ParseOptions | None) -> pa.Table:
        try:
            with pa.input_stream(str(self._path), compression="detect") as stream:
                read = pjson.ReadOptions(block_size=_JSON_BLOCK_BYTES)
                return pjson.read_json(stream, read, parse)
        except (pa.ArrowException, OSError) as error:
            reason = (str(error).splitlines() or [""])[0]
            if "Empty JSON" in reason:
                raise FileFormatError(
                    f"{self.label}: the file is empty; expected one JSON object per line."
                ) from error
            raise FileFormatError(
                f"{self.label} cannot be read as one JSON object per line, the same keys of the "
                f"same types in each ({reason})."
            ) from error


class ManySource(Source):
    """Several files as one table, in the order of their names.

    Args:
        parts: One source per file; each must have the columns that are read.
        label: Name of the table in messages.
    """

    def __init__(self, parts: Sequence[Source], label: str) -> None:
        super().__init__(label)
        self._parts = parts

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns: those of the first file."""
        return self._parts[0].names

    @property
    def num_rows(self) -> int:
        """Number of rows of all files."""
        return sum(part.num_rows for part in self._parts)

    @property
    def is_text_file(self) -> bool:
        """Whether the files are text files, whose types are inferred."""
        return all(part.is_text_file for part in self._parts)

    def written(self, name: str) -> pa.Array:
        """Returns a column of ids or texts; of text files exactly as written."""
        self.check(name)
        return self._joined(name, [part.written(name) for part in self._parts])

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        columns = [part.column(name) for part in self._parts]
        kinds = {column.type for column in columns}
        if self.is_text_file and len(kinds) > 1 and any(map(pa.types.is_large_string, kinds)):
            columns = [part.written(name) for part in self._parts]  # 7 in one file, x7 in another
        return self._joined(name, columns)

    def _joined(self, name: str, columns: Sequence[pa.Array]) -> pa.Array:
        tables = [pa.table({name: column}) for column in columns]
        try:
            return pa.concat_tables(tables, promote_options="permissive")[name].combine_chunks()
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            pairs = zip(columns, self._parts, strict=True)
            kinds = {str(column.type): part.label for column, part in pairs}
            listed = " and ".join(f"{kind} ({label})" for kind, label in kinds.items())
            raise DataError(
                f"{self.label}, column {name!r} differs between the files: {listed}; write them "
                "with one type."
            ) from error
