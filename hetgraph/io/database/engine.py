"""What hetgraph needs of a database: its catalogue, columns in a fixed order, and queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.io.database.catalogue import TableInfo, table_named
from hetgraph.io.values import normal

__all__ = ["SAMPLE", "Engine"]

SAMPLE = 100_000
"""Rows that a sample is taken from."""


class Engine(ABC):
    """An open database, for reading only.

    Columns of a table always come in the same order of rows: in a file by the primary key if that
    is one column of whole numbers, otherwise as the rows are stored.

    Args:
        path: The file or folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def tables(self) -> Mapping[str, TableInfo]:
        """Tables and views by name."""
        return self._catalogue()

    def info(self, table: str) -> TableInfo:
        """Returns what is known of a table.

        Raises:
            DataError: If there is no such table, with a suggestion.
        """
        return table_named(table, self.tables, str(self.path))

    @abstractmethod
    def _catalogue(self) -> Mapping[str, TableInfo]:
        """Reads the catalogue."""

    @abstractmethod
    def num_rows(self, table: str) -> int:
        """Returns the number of rows of a table."""

    @abstractmethod
    def read(self, table: str, column: str) -> pa.Array | pa.ChunkedArray:
        """Returns a column of a table."""

    @abstractmethod
    def missing(self, table: str) -> Mapping[str, int]:
        """Returns the number of missing values by column."""

    @abstractmethod
    def query(self, sql: str) -> pa.Table:
        """Returns the rows that a query selects, sorted by all columns from left to right.

        Raises:
            DataError: If the query cannot be run, or is no single SELECT.
        """

    def sample(self, table: str, column: str, limit: int = SAMPLE) -> pa.Array:
        """Returns different values of a column, from its first ``limit`` rows, without missing."""
        return pc.unique(normal(self.read(table, column))[:limit]).drop_null()

    def is_key(self, table: str, column: str) -> bool:
        """Whether no value of a column is missing or occurs twice."""
        values = normal(self.read(table, column))
        try:
            return not values.null_count and pc.count_distinct(values).as_py() == len(values)
        except pa.ArrowNotImplementedError:
            return False  # Lists and maps are no keys.

    def files(self) -> list[Path]:
        """Returns the files that hold the database."""
        return [self.path]

    def close(self) -> None:
        """Closes the database."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
