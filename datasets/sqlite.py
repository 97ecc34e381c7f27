"""A SQLite file: ``sqlite:./shop.db``."""

from __future__ import annotations

from typing import ClassVar

from hetgraph.datasets._database import DatabaseFormat

__all__ = ["SQLiteFormat"]


class SQLiteFormat(DatabaseFormat):
    """A SQLite file: ``sqlite:./shop.db``.

    See :func:`hetgraph.io.from_database` and ``docs/databases.md``.
    """

    name = "sqlite"
    version: ClassVar[int] = 1
