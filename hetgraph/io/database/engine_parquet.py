"""A folder of Parquet files as a database: every file, or folder of files, is a table."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hetgraph.errors import FileFormatError
from hetgraph.io.database.catalogue import ForeignKey, TableInfo, kind_of
from hetgraph.io.database.engine import SAMPLE, Engine
from hetgraph.io.database.engine_duckdb import connected, selected
from hetgraph.io.values import normal

__all__ = ["ParquetEngine"]

_ENDINGS = (".parquet", ".pq")


class ParquetEngine(Engine):
    """A folder of Parquet files.

    ``user.parquet`` is the table ``user``; so are all Parquet files in a folder ``user``, in the
    order of their names. Keys are those that RelBench writes into its files, if they are there.
    Columns are read one by one by pyarrow; only queries need DuckDB.

    Args:
        path: The folder.

    Raises:
        FileFormatError: If there are no Parquet files, or one is damaged.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if not path.is_dir():
            raise FileFormatError(f"{path} is not a folder; expected Parquet files inside.")
        self._files = _table_files(path)
        if not self._files:
            raise FileFormatError(
                f"{path} has no Parquet files; expected <table>.parquet, or <table>/*.parquet."
            )
        self._connection: Any = None
        self._spill: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Closes what queries have opened."""
        if self._connection is not None:
            self._connection.close()
        if self._spill is not None:
            self._spill.cleanup()

    def files(self) -> list[Path]:
        """Returns the Parquet files."""
        return [path for paths in self._files.values() for path in paths]

    def num_rows(self, table: str) -> int:
        """Returns the number of rows of a table."""
        return sum(file.metadata.num_rows for file in self._open(table))

    def missing(self, table: str) -> Mapping[str, int]:
        """Returns the number of missing values by column, from the statistics of the files."""
        counts = dict.fromkeys(self.info(table).columns, 0)
        for file in self._open(table):
            numbers = _null_counts(file)
            for name in counts:
                count = numbers.get(name)
                counts[name] += file.read([name])[name].null_count if count is None else count
        return counts

    def read(self, table: str, column: str) -> pa.Array | pa.ChunkedArray:
        """Returns a column of all files of a table."""
        self.info(table)
        with _explained(self.path, table):
            chunks = [
                chunk for file in self._open(table) for chunk in file.read([column])[column].chunks
            ]
        kinds = {chunk.type for chunk in chunks}
        if len(kinds) > 1:
            chunks = [normal(chunk) for chunk in chunks]
        return pa.chunked_array(chunks) if chunks else self._empty(table, column)

    def sample(self, table: str, column: str, limit: int = SAMPLE) -> pa.Array:
        """Returns different values of a column, from its first ``limit`` rows, without missing."""
        batches = self._open(table)[0].iter_batches(batch_size=limit, columns=[column])
        first = next(iter(batches), None)
        values = self._empty(table, column) if first is None else first.column(0)
        return normal(values).unique().drop_null()

    def query(self, sql: str) -> pa.Table:
        """Returns the rows that a query selects, sorted by all columns from left to right."""
        if self._connection is None:
            import pyarrow.dataset as pads  # It takes long to import, and few need it.

            self._spill = tempfile.TemporaryDirectory(prefix="hetgraph-duckdb-")
            self._connection = connected(None, self._spill.name)
            for name, paths in self._files.items():
                self._connection.register(name, pads.dataset(paths, format="parquet"))
        return selected(self._connection, sql, self.path)

    # ------------------------------------------------------------------- reading

    def _open(self, table: str) -> Sequence[pq.ParquetFile]:
        self.info(table)
        with _explained(self.path, table):
            return [pq.ParquetFile(path) for path in self._files[table]]

    def _empty(self, table: str, column: str) -> pa.Array:
        return pa.array([], self._open(table)[0].schema_arrow.field(column).type)

    def _catalogue(self) -> dict[str, TableInfo]:
        tables = {}
        for name, paths in self._files.items():
            with _explained(self.path, name):
                schemas = [pq.read_schema(path) for path in paths]
            for path, schema in zip(paths, schemas, strict=True):
                if schema.names != schemas[0].names:
                    raise FileFormatError(
                        f"{path} has the columns {schema.names}, but {paths[0].name} has "
                        f"{schemas[0].names}; files of one table have the same columns."
                    )
            tables[name] = _table_info(name, schemas[0])
        keys = {name: info.key for name, info in tables.items()}
        return {name: _with_targets(info, keys) for name, info in tables.items()}


def _table_files(folder: Path) -> dict[str, list[Path]]:
    def parquet(paths: Iterator[Path]) -> list[Path]:
        return sorted(path for path in paths if path.suffix.lower() in _ENDINGS and path.is_file())

    tables = {path.stem: [path] for path in parquet(folder.iterdir())}
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        if inner.name.startswith((".", "_")):
            continue
        if found := parquet(inner.rglob("*")):
            if inner.name in tables:
                raise FileFormatError(
                    f"{folder} has both {inner.name}.parquet and the folder {inner.name}; "
                    "rename one."
                )
            tables[inner.name] = found
    return tables


def _table_info(name: str, schema: pa.Schema) -> TableInfo:
    """Returns a table's columns, with the keys that RelBench writes into a file, if any."""
    columns = {field.name: kind_of(field.type) for field in schema}
    key, references, time = (
        _said(schema, word) for word in ("pkey_col", "fkey_col_to_pkey_table", "time_col")
    )
    return TableInfo(
        name,
        columns,
        (key,) if key in columns else (),
        tuple(
            ForeignKey((column,), str(table), ())
            for column, table in (references or {}).items()
            if column in columns
        ),
        time if time in columns else None,
    )


def _said(schema: pa.Schema, word: str) -> Any:
    """Returns what the metadata of a file says, in JSON; ``None`` if it does not."""
    try:
        return json.loads((schema.metadata or {})[word.encode()])
    except (KeyError, ValueError):
        return None


def _with_targets(info: TableInfo, keys: Mapping[str, tuple[str, ...]]) -> TableInfo:
    """Returns a table with foreign keys that name the key they refer to."""
    references = tuple(
        ForeignKey(key.columns, key.table, keys[key.table])
        for key in info.foreign_keys
        if keys.get(key.table)
    )
    return TableInfo(info.name, info.columns, info.key, references, info.time)


def _null_counts(file: pq.ParquetFile) -> dict[str, int]:
    """Returns the missing values of the columns whose statistics say it."""
    counts: dict[str, int] = {}
    unknown = set()
    for group in range(file.metadata.num_row_groups):
        for number in range(file.metadata.num_columns):
            column = file.metadata.row_group(group).column(number)
            name, statistics = column.path_in_schema, column.statistics
            if statistics is None or not statistics.has_null_count:
                unknown.add(name)
            else:
                counts[name] = counts.get(name, 0) + statistics.null_count
    return {name: count for name, count in counts.items() if name not in unknown}


@contextlib.contextmanager
def _explained(folder: Path, table: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FileFormatError(f"{folder}: the table {table!r} is damaged ({reason}).") from error
