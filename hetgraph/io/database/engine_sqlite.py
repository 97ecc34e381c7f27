"""SQLite files, read through Python's own module: nothing needs to be installed or downloaded."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from hetgraph.errors import DataError, FileFormatError, UserError
from hetgraph.io.database.catalogue import ForeignKey, Kind, TableInfo, quoted
from hetgraph.io.database.engine import SAMPLE, Engine
from hetgraph.io.values import normal, parsed_times

__all__ = ["MAGIC", "SQLiteEngine"]

MAGIC = b"SQLite format 3\x00"
_ROWS = 65_536
"""Rows that are fetched at a time."""
_SECONDS = 5.0
"""How long to wait for another program that is writing."""

_SCALE = re.compile(r"\(\s*\d+\s*,\s*(\d+)\s*\)")


class SQLiteEngine(Engine):
    """A SQLite file.

    SQLite gives a type to each value, not to a column. Columns are read by what their values are;
    the declared type tells booleans, dates, times and decimals apart.

    Args:
        path: The file.

    Raises:
        FileFormatError: If it is no SQLite file.
        DataError: If another program has locked it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._types: dict[str, dict[str, str]] = {}
        self._without_rowid: set[str] = set()
        self._views: dict[str, pa.Table] = {}
        with self._explained():
            self._connection = sqlite3.connect(
                _address(path), uri=True, timeout=_SECONDS, isolation_level=None
            )
            self._connection.execute("PRAGMA query_only = ON")
            # One transaction: every column is read from the same state of the database.
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def close(self) -> None:
        """Ends the transaction and closes the file."""
        self._connection.close()

    def files(self) -> list[Path]:
        """Returns the file and its log of writes that are not in it yet."""
        log = self.path.with_name(f"{self.path.name}-wal")
        return [self.path, log] if log.is_file() else [self.path]

    def num_rows(self, table: str) -> int:
        """Returns the number of rows of a table or view."""
        return int(self._rows(f"SELECT count(*) FROM {quoted(self.info(table).name)}")[0][0])

    def missing(self, table: str) -> Mapping[str, int]:
        """Returns the number of missing values by column, in one pass."""
        columns = list(self.info(table).columns)
        counts = ", ".join(f"count({quoted(name)})" for name in columns)
        total, *present = self._rows(f"SELECT count(*), {counts} FROM {quoted(table)}")[0]
        return {name: total - count for name, count in zip(columns, present, strict=True)}

    def read(self, table: str, column: str) -> pa.Array | pa.ChunkedArray:
        """Returns a column, fetched in blocks of rows."""
        info = self.info(table)
        if info.is_view:
            if table not in self._views:  # Its order is only certain within one query.
                self._views[table] = self.query(f"SELECT * FROM {quoted(table)}")
            return self._views[table][column]
        sql = f"SELECT {quoted(column)} FROM {quoted(table)} ORDER BY {self._order(info)}"
        where = f"{self.path}, table {table!r}, column {column!r}"
        return self._column(sql, where, self._types[table][column])

    def sample(self, table: str, column: str, limit: int = SAMPLE) -> pa.Array:
        """Returns different values of a column, from its first ``limit`` rows, without missing."""
        name = quoted(column)
        sql = f"SELECT DISTINCT {name} FROM (SELECT {name} FROM {quoted(table)} LIMIT {limit})"
        where = f"{self.path}, table {table!r}, column {column!r}"
        declared = self._types.get(table, {}).get(column, "")
        return normal(self._column(sql, where, declared)).drop_null()

    def is_key(self, table: str, column: str) -> bool:
        """Whether no value of a column is missing or occurs twice."""
        name = quoted(column)
        counts = f"count(*), count({name}), count(DISTINCT {name})"
        return len(set(self._rows(f"SELECT {counts} FROM {quoted(table)}")[0])) == 1

    def query(self, sql: str) -> pa.Table:
        """Returns the rows that a query selects, sorted by all columns from left to right."""
        inner = f"SELECT * FROM (\n{sql.strip().rstrip(';')}\n)"
        with self._explained(sql):
            names = [
                column[0]
                for column in self._connection.execute(f"{inner} LIMIT 0").description or ()
            ]
        order = ", ".join(str(number + 1) for number in range(len(names)))
        columns: list[list[pa.Array]] = [[] for _ in names]
        for rows in self._blocks(f"{inner} ORDER BY {order}", sql):
            for number, values in enumerate(zip(*rows, strict=True)):
                where = f"{self.path}, a query, column {names[number]!r}"
                columns[number].append(_array(list(values), where))
        where = f"{self.path}, a query"
        return pa.table([_one_type(chunks, where) for chunks in columns], names=names)

    # ------------------------------------------------------------------- reading

    def _catalogue(self) -> dict[str, TableInfo]:
        sql = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
        kinds = {name: kind for name, kind in self._rows(sql) if not name.startswith("sqlite_")}
        for row in self._rows("PRAGMA table_list"):
            _, name, kind, _, without_rowid = row[:5]
            if kind in ("shadow", "virtual"):  # The inner tables of a full-text index and the like.
                kinds.pop(name, None)
            elif without_rowid:
                self._without_rowid.add(name)
        keys: dict[str, tuple[str, ...]] = {}
        for name, kind in [*kinds.items()]:
            try:
                rows = self._rows(f"PRAGMA table_xinfo({quoted(name)})")
            except FileFormatError:
                if kind != "view":
                    raise
                del kinds[name]  # A view of a table that is gone.
                continue
            columns = [row for row in rows if row[6] != 1]
            self._types[name] = {row[1]: str(row[2] or "").upper() for row in columns}
            parts = sorted((row[5], row[1]) for row in columns if row[5])
            keys[name] = tuple(column for _, column in parts)
        return {
            name: TableInfo(
                name,
                {column: self._kind(name, column) for column in self._types[name]},
                keys[name],
                tuple(self._foreign_keys(name, keys)),
                is_view=kind == "view",
            )
            for name, kind in kinds.items()
        }

    def _foreign_keys(
        self, table: str, keys: Mapping[str, tuple[str, ...]]
    ) -> Iterator[ForeignKey]:
        by_number: dict[int, list[Sequence[Any]]] = {}
        for row in self._rows(f"PRAGMA foreign_key_list({quoted(table)})"):
            by_number.setdefault(row[0], []).append(row)
        # SQLite lists the last one first.
        for rows in reversed(by_number.values()):
            rows.sort(key=lambda row: int(row[1]))
            # SQL compares names without case; the catalogue keeps them as each place wrote them.
            target = _same_name(rows[0][2], keys)
            if target is None:
                continue
            columns = tuple(_same_name(row[3], self._types[table]) or row[3] for row in rows)
            given = tuple(row[4] for row in rows)
            refers = (
                tuple(_same_name(name, self._types[target]) or name for name in given)
                if all(given)
                else keys[target]
            )
            if len(refers) == len(columns):
                yield ForeignKey(columns, target, refers)

    def _kind(self, table: str, column: str) -> Kind:
        declared = self._types[table][column]
        if "BOOL" in declared:
            return "boolean"
        if "DATE" in declared or "TIMESTAMP" in declared:
            return "time"
        # The type of a value that is there says more than a declaration that nothing enforces.
        name = quoted(column)
        sql = f"SELECT typeof({name}) FROM {quoted(table)} WHERE {name} IS NOT NULL LIMIT 1000"
        kinds = {row[0] for row in self._rows(sql)}
        if not kinds:
            kinds = {"integer" if "INT" in declared else "text" if "CHAR" in declared else "real"}
        if kinds == {"integer"}:
            return "number" if _is_number(declared) else "integer"
        if kinds <= {"integer", "real"}:
            return "number"
        return "text" if kinds == {"text"} else "other"

    def _order(self, info: TableInfo) -> str:
        if len(info.key) == 1 and "INT" in self._types[info.name][info.key[0]]:
            return quoted(info.key[0])
        if info.name in self._without_rowid:
            return ", ".join(quoted(name) for name in info.key)
        taken = {name.lower() for name in info.columns}
        names = (name for name in ("rowid", "_rowid_", "oid") if name not in taken)
        return next(names, "1")

    def _column(self, sql: str, where: str, declared: str) -> pa.Array | pa.ChunkedArray:
        chunks: list[pa.Array] = []
        row = 0
        for rows in self._blocks(sql):
            chunks.append(_array([values[0] for values in rows], where, row))
            row += len(rows)
        return _as_declared(_one_type(chunks, where), declared, where)

    def _blocks(self, sql: str, written: str | None = None) -> Iterator[list[Any]]:
        with self._explained(written):
            cursor = self._connection.execute(sql)
            while rows := cursor.fetchmany(_ROWS):
                yield rows

    def _rows(self, sql: str) -> list[Any]:
        with self._explained():
            return self._connection.execute(sql).fetchall()

    @contextlib.contextmanager
    def _explained(self, query: str | None = None) -> Iterator[None]:
        """Turns SQLite's errors into ours."""
        try:
            yield
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise _explanation(self.path, error, query) from error


def _address(path: Path) -> str:
    """Returns the address that opens a file without ever writing to it or beside it."""
    with path.open("rb") as file:
        header = file.read(20)
    if header and not header.startswith(MAGIC):
        raise FileFormatError(f"{path} is not a SQLite file; check the path.")
    # A log of writes (WAL) makes a reader create files beside the database, unless it promises
    # that nobody writes; nobody does if there is no log.
    logged = header[18:20] == b"\x02\x02"
    alone = logged and not path.with_name(f"{path.name}-wal").exists()
    return f"file:{quote(str(path.resolve()))}?{'immutable=1' if alone else 'mode=ro'}"


def _explanation(path: Path, error: Exception, query: str | None) -> UserError:
    reason = " ".join(str(error).split())
    if "locked" in reason or "busy" in reason:
        return DataError(
            f"{path} is locked by another program that writes to it; end that program's "
            "transaction, or read a copy of the file."
        )
    if "UTF-8" in reason:
        return DataError(f"{path} holds text that is not UTF-8 ({reason}); convert it.")
    if query is not None:
        return DataError(f"{path}: the query {_short(query)} fails: {reason}.")
    return FileFormatError(f"{path} is damaged or not a SQLite file ({reason}).")


def _short(query: str) -> str:
    text = " ".join(query.split())
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _same_name(name: str, names: Any) -> str | None:
    """Returns the name as the catalogue writes it, whatever its case."""
    if name in names:
        return name
    return next((known for known in names if known.lower() == str(name).lower()), None)


def _array(values: list[Any], where: str, start: int = 0) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        kinds = [type(value) for value in values]
        if {kind for kind in kinds if kind is not type(None)} == {int, float}:
            return pa.array([None if value is None else float(value) for value in values])
        first = next(row for row, value in enumerate(values) if value is not None)
        numbers = (int, float)
        bad = next(
            row
            for row, value in enumerate(values)
            if value is not None
            and kinds[row] is not kinds[first]
            and not (kinds[row] in numbers and kinds[first] in numbers)
        )
        raise DataError(
            f"{where}, row {start + bad} (from 0): {values[bad]!r} is {kinds[bad].__name__}, but "
            f"row {start + first} holds {values[first]!r}, {kinds[first].__name__}; convert the "
            "column to one type, for example by CAST in a query."
        ) from None


def _one_type(chunks: Sequence[pa.Array], where: str) -> pa.ChunkedArray:
    """Returns the chunks with one type: whole numbers and numbers are numbers."""
    kinds = {chunk.type for chunk in chunks if not pa.types.is_null(chunk.type)}
    if kinds == {pa.int64(), pa.float64()}:
        kinds = {pa.float64()}
    if len(kinds) > 1:
        names = " and ".join(sorted(map(str, kinds)))
        raise DataError(
            f"{where} holds {names}; convert the column to one type, for example by CAST in a "
            "query."
        )
    target = next(iter(kinds), pa.null())
    return pa.chunked_array([chunk.cast(target) for chunk in chunks], target)


def _as_declared(column: pa.ChunkedArray, declared: str, where: str) -> pa.Array | pa.ChunkedArray:
    kind = column.type
    if "BOOL" in declared and pa.types.is_integer(kind):
        if set(column.unique().to_pylist()) <= {0, 1, None}:
            return column.cast(pa.bool_())
    elif ("DATE" in declared or "TIMESTAMP" in declared) and pa.types.is_string(kind):
        times = parsed_times(normal(column), where)
        is_date = declared == "DATE"
        return times if is_date else normal(times.cast(pa.timestamp("us")))
    elif _is_number(declared) and pa.types.is_integer(kind):
        return column.cast(pa.float64())
    return column


def _is_number(declared: str) -> bool:
    """Whether a column holds numbers that need not be whole, even if all of them are."""
    if any(word in declared for word in ("REAL", "FLOA", "DOUB")):
        return True
    scale = _SCALE.search(declared)
    return any(word in declared for word in ("DEC", "NUM")) and bool(scale and int(scale[1]))
