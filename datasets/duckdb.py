"""A DuckDB file: ``duckdb:./shop.duckdb``."""

from __future__ import annotations

from typing import ClassVar

from hetgraph.datasets._database import DatabaseFormat

__all__ = ["DuckDBFormat"]


class DuckDBFormat(DatabaseFormat):
    """A DuckDB file: ``duckdb:./shop.duckdb``.

    See :func:`hetgraph.io.from_database` and ``docs/databases.md``.
    """

    name = "duckdb"
    version: ClassVar[int] = 1
