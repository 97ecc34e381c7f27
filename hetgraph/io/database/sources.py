"""Tables and queries of a database as sources of columns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from hetgraph.errors import DataError, suggest
from hetgraph.io.database.catalogue import TableInfo
from hetgraph.io.database.clock import Clock
from hetgraph.io.database.engine import Engine
from hetgraph.io.sources import Source
from hetgraph.io.values import joined, normal, parsed_times, row_numbers

__all__ = ["ROW", "CutSource", "QuerySource", "TableSource"]

ROW = "_row"
"""Column of the row numbers, which every table has; a real column of this name hides it."""


class _DatabaseSource(Source):
    """A source that also has row numbers, and keys of several columns such as ``order|line``.

    Args:
        label: Name of the table in messages.
        times: Columns whose texts are times.
    """

    def __init__(self, label: str, times: set[str]) -> None:
        super().__init__(label)
        self._times = times

    @abstractmethod
    def _real(self, name: str) -> pa.Array | pa.ChunkedArray:
        """Returns a column of the database."""

    def check(self, name: str) -> None:
        """Checks that a column exists, or all columns of a joined key do."""
        if name in self.names:
            super().check(name)  # A query may give a name twice.
        if name in self.names or name == ROW:
            return
        for part in name.split("|"):
            if part not in self.names:
                raise DataError(f"{self.label} has no column {part!r}.{suggest(part, self.names)}")

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        if name in self.names:
            column = normal(self._real(name))
            if name in self._times and pa.types.is_large_string(column.type):
                return parsed_times(column, f"{self.label}, column {name!r}")
            return column
        if name == ROW:
            return row_numbers(self.num_rows)
        return joined([normal(self._real(part)) for part in name.split("|")])


class TableSource(_DatabaseSource):
    """A table, whose columns are read when they are asked for.

    Args:
        engine: The database.
        info: The table.
        label: Name of the table in messages.
        times: Columns whose texts are times.
    """

    def __init__(self, engine: Engine, info: TableInfo, label: str, times: set[str]) -> None:
        super().__init__(label, times)
        self._engine, self._info = engine, info
        self._num_rows: int | None = None

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns."""
        return list(self._info.columns)

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        if self._num_rows is None:
            self._num_rows = self._engine.num_rows(self._info.name)
        return self._num_rows

    def _real(self, name: str) -> pa.Array | pa.ChunkedArray:
        return self._engine.read(self._info.name, name)


class QuerySource(_DatabaseSource):
    """What a query selects.

    Args:
        table: The rows.
        label: Name of the query in messages.
        times: Columns whose texts are times.
    """

    def __init__(self, table: pa.Table, label: str, times: set[str]) -> None:
        super().__init__(label, times)
        self._table = table

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns."""
        return list(self._table.column_names)

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(self._table.num_rows)

    def _real(self, name: str) -> pa.Array | pa.ChunkedArray:
        return self._table[name]


class CutSource(Source):
    """The rows of a table that have a time, with times that can be compared.

    A row without a time is visible at no time, so it is left out.

    Args:
        source: The table.
        time: Its time column.
        clocks: Gets, under the label of the table, whether its times are of the calendar.
    """

    def __init__(self, source: Source, time: str, clocks: dict[str, bool]) -> None:
        super().__init__(source.label)
        self._source, self._time, self._clocks = source, time, clocks
        self._rows: pa.Array | None = None
        self._times: pa.Array | None = None

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns."""
        return self._source.names

    @property
    def num_rows(self) -> int:
        """Number of rows with a time."""
        return len(self._kept())

    def check(self, name: str) -> None:
        """Checks that a column exists."""
        self._source.check(name)

    def _kept(self) -> pa.Array:
        if self._rows is None:
            where = f"{self.label}, column {self._time!r}"
            clock = Clock.read(self._source.column(self._time), where)
            self._clocks[self.label] = clock.calendar
            self._rows = pa.array(np.flatnonzero(np.asarray(clock.times.is_valid())))
            self._times = clock.times.take(self._rows)
        return self._rows

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        rows = self._kept()
        if name == self._time:
            return self._times
        return self._source.column(name).take(rows)
