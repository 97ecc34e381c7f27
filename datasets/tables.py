"""The user's own tables: ``tables:./folder``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.dataset import Dataset
from hetgraph.errors import ConfigError, UserError
from hetgraph.io.folder import load_tables, table_files, tables_task

__all__ = ["TablesFormat"]


class TablesFormat(Collection):
    """A folder with one Parquet, CSV or TSV file per node type and per edge type.

    The layout and ``tables.yaml`` are described in :mod:`hetgraph.io.folder`;
    :func:`hetgraph.io.save_tables` writes such a folder.
    """

    name = "tables"
    version: ClassVar[int] = 2

    def names(self) -> tuple[str, ...]:
        """Returns no names, as a format has no data sets."""
        return ()

    def task_of(self, name: str) -> str:
        """Returns the task family that the tables declare, or that of their default target."""
        try:
            return tables_task(Path(name).expanduser()) or self.task
        except (UserError, OSError):
            return self.task  # Loading it reports the mistake.

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Fails, as a format is loaded from a folder.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"write tables:FOLDER, not tables/{name}.")

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a folder of tables.

        Raises:
            UserError: If a table or its declaration is invalid, naming file, column and row.
        """
        return load_tables(path)

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the tables and their declaration."""
        return table_files(path)
