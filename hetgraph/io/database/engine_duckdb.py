"""DuckDB files, and SQL over Arrow tables."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from hetgraph.errors import ConfigError, DataError, FileFormatError
from hetgraph.io.database.catalogue import ForeignKey, Kind, TableInfo, kind_of, quoted
from hetgraph.io.database.engine import SAMPLE, Engine
from hetgraph.io.values import normal
from hetgraph.optional import require

__all__ = ["MAGIC", "DuckDBEngine", "connected", "selected"]

MAGIC = b"DUCK"
"""Bytes 8 to 12 of a DuckDB file."""

_SQLITE = b"SQLite format 3"
"""The first bytes of a SQLite file, which DuckDB would read with an extension."""

_ROWS = 1_000_000
"""Rows of a batch."""


class DuckDBEngine(Engine):
    """A DuckDB file.

    Args:
        path: The file.

    Raises:
        ConfigError: If the package ``duckdb`` is not installed.
        FileFormatError: If it is no DuckDB file, or one of a newer version.
        DataError: If another program has it open for writing.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                raise FileFormatError(f"{path} is a SQLite file; write sqlite:{path}.")
        # DuckDB would put what does not fit into memory beside the user's file.
        self._spill = tempfile.TemporaryDirectory(prefix="hetgraph-duckdb-")
        self._places: dict[str, tuple[str, str]] = {}
        self._views: dict[str, pa.Table] = {}
        self._sorted: dict[str, bool] = {}
        try:
            self._connection = connected(path, self._spill.name)
        except BaseException:
            self._spill.cleanup()
            raise

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
        self._spill.cleanup()

    def files(self) -> list[Path]:
        """Returns the file and its log of writes that are not in it yet."""
        log = self.path.with_name(f"{self.path.name}.wal")
        return [self.path, log] if log.is_file() else [self.path]

    def num_rows(self, table: str) -> int:
        """Returns the number of rows of a table or view."""
        return int(self._rows(f"SELECT count(*) FROM {self._place(table)}")[0][0])

    def missing(self, table: str) -> Mapping[str, int]:
        """Returns the number of missing values by column, in one pass."""
        columns = list(self.info(table).columns)
        counts = ", ".join(f"count({quoted(name)})" for name in columns)
        total, *present = self._rows(f"SELECT count(*), {counts} FROM {self._place(table)}")[0]
        return {name: total - count for name, count in zip(columns, present, strict=True)}

    def read(self, table: str, column: str) -> pa.Array | pa.ChunkedArray:
        """Returns a column, read in batches."""
        info, place = self.info(table), self._place(table)
        if info.is_view:
            if table not in self._views:  # Its order is only certain within one query.
                self._views[table] = self.query(f"SELECT * FROM {place}")
            return self._views[table][column]
        # A plain scan keeps the order of insertion, without the memory that sorting takes.
        order = "" if self._in_order(info) else f" ORDER BY {quoted(info.key[0])}"
        with explained(self.path):
            result = self._connection.sql(f"SELECT {quoted(column)} FROM {place}{order}")
            return result.to_arrow_table(_ROWS)[column]

    def sample(self, table: str, column: str, limit: int = SAMPLE) -> pa.Array:
        """Returns different values of a column, from its first ``limit`` rows, without missing."""
        name = quoted(column)
        inner = f"SELECT {name} FROM {self._place(table)} LIMIT {limit}"
        with explained(self.path):
            found = self._connection.sql(f"SELECT DISTINCT {name} FROM ({inner})").to_arrow_table()
        return normal(found[column]).drop_null()

    def is_key(self, table: str, column: str) -> bool:
        """Whether no value of a column is missing or occurs twice."""
        name = quoted(column)
        counts = f"count(*), count({name}), count(DISTINCT {name})"
        return len(set(self._rows(f"SELECT {counts} FROM {self._place(table)}")[0])) == 1

    def query(self, sql: str) -> pa.Table:
        """Returns the rows that a query selects, sorted by all columns from left to right."""
        return selected(self._connection, sql, self.path)

    # ------------------------------------------------------------------- reading

    def _catalogue(self) -> dict[str, TableInfo]:
        here = "database_name = current_database()"
        columns: dict[str, dict[str, Kind]] = {}
        views = set()
        for sql, is_view in (("duckdb_tables()", False), ("duckdb_views()", True)):
            what = "view_name" if is_view else "table_name"
            for schema, name in self._rows(
                f"SELECT schema_name, {what} FROM {sql} WHERE {here} AND NOT internal ORDER BY 1, 2"
            ):
                full = name if schema == "main" else f"{schema}.{name}"
                self._places[full] = (schema, name)
                views |= {full} if is_view else set()
        for full in [*self._places]:
            sql = f"SELECT * FROM {self._place(full)} LIMIT 0"
            try:
                with explained(self.path):
                    schema = self._connection.sql(sql).to_arrow_table().schema
            except FileFormatError:
                if full not in views:
                    raise
                del self._places[full]  # A view of a table or a file that cannot be read.
                continue
            columns[full] = {field.name: kind_of(field.type) for field in schema}
        keys: dict[str, tuple[str, ...]] = {}
        references: dict[str, list[ForeignKey]] = {}
        for schema, name, kind, names, target, refers in self._rows(
            "SELECT schema_name, table_name, constraint_type, constraint_column_names, "
            "referenced_table, referenced_column_names FROM duckdb_constraints() "
            f"WHERE {here} ORDER BY constraint_index"
        ):
            prefix = "" if schema == "main" else f"{schema}."
            if kind == "PRIMARY KEY":
                keys[prefix + name] = tuple(names)
            elif kind == "FOREIGN KEY":
                key = ForeignKey(tuple(names), prefix + target, tuple(refers))
                references.setdefault(prefix + name, []).append(key)
        return {
            name: TableInfo(
                name,
                columns[name],
                keys.get(name, ()),
                tuple(references.get(name, ())),
                is_view=name in views,
            )
            for name in self._places
        }

    def _place(self, table: str) -> str:
        if table not in self._places:
            self.info(table)
        schema, name = self._places[table]
        return f"{quoted(schema)}.{quoted(name)}"

    def _in_order(self, info: TableInfo) -> bool:
        """Whether a table needs no sorting: it has no key of whole numbers, or is sorted by it."""
        if len(info.key) != 1 or info.columns[info.key[0]] != "integer":
            return True
        if info.name not in self._sorted:
            key = quoted(info.key[0])
            sql = f"SELECT {key} < lag({key}) OVER () AS back FROM {self._place(info.name)}"
            back = self._rows(f"SELECT bool_or(back) FROM ({sql})")[0][0]
            self._sorted[info.name] = not back
        return self._sorted[info.name]

    def _rows(self, sql: str) -> list[Any]:
        with explained(self.path):
            rows: list[Any] = self._connection.sql(sql).fetchall()
        return rows


def connected(path: Path | None, spill: str) -> Any:
    """Opens a file for reading, or an empty database in memory, shut off from all other files.

    Neither a query nor a view in the file can then read or write another file.

    Args:
        path: The file; ``None``: in memory.
        spill: Folder for what does not fit into memory.

    Raises:
        ConfigError: If the package ``duckdb`` is not installed.
        UserError: If the file cannot be opened.
    """
    duckdb = require("duckdb", "hetgraph[database]")
    settings = {
        "temp_directory": spill,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",  # A name in a query is no variable of a program.
    }
    with explained(path or Path(":memory:")):
        connection = duckdb.connect(
            str(path) if path else ":memory:", read_only=path is not None, config=settings
        )
        for setting in (
            "TimeZone = 'UTC'",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")
    return connection


def selected(connection: Any, sql: str, path: Path) -> pa.Table:
    """Returns the rows of one SELECT, sorted by all columns.

    Raises:
        DataError: If the query fails, or is something else.
    """
    duckdb = require("duckdb", "hetgraph[database]")
    text = " ".join(sql.split())
    short = repr(text if len(text) <= 80 else f"{text[:77]}...")
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise DataError(f"{path}: {short} is no single SELECT; only reading is possible.")
        inner = sql.strip().rstrip(";")
        result = connection.sql(f"SELECT * FROM (\n{inner}\n) ORDER BY ALL")
        return result.to_arrow_table(_ROWS)
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise DataError(f"{path}: the query {short} fails: {reason}.") from error


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns DuckDB's errors into ours."""
    duckdb = require("duckdb", "hetgraph[database]")
    try:
        yield
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        lowered = str(error).lower()
        if "lock on file" in lowered or "being used by another process" in lowered:
            raise DataError(
                f"{path} is open in another program ({reason}); close it there, or read a copy "
                "of the file."
            ) from error
        if "different configuration" in lowered:
            raise ConfigError(
                f"{path} is already open in this process; close that connection first."
            ) from error
        raise FileFormatError(f"{path} cannot be read by DuckDB: {reason}.") from error
