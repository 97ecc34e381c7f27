"""A folder with a Parquet file per table: ``parquet:./shop``."""

from __future__ import annotations

from typing import ClassVar

from hetgraph.datasets._database import DatabaseFormat

__all__ = ["ParquetFormat"]


class ParquetFormat(DatabaseFormat):
    """A folder with a Parquet file per table: ``parquet:./shop``.

    See :func:`hetgraph.io.from_database` and ``docs/databases.md``.
    """

    name = "parquet"
    version: ClassVar[int] = 1
