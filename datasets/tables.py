"""The user's own tables: ``tables:./folder``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.inspection import Inspection
from hetgraph.errors import ConfigError, UserError
from hetgraph.files import user_path
from hetgraph.io.folder import FolderStore, load_tables, table_files, tables_task
from hetgraph.io.graph_only import read_graph
from hetgraph.io.inspect import inspect_store
from hetgraph.io.propose import propose_tables

__all__ = ["TablesFormat"]


class TablesFormat(Collection):
    """A folder with one Parquet, CSV or TSV file per node type and per edge type.

    The layout and ``tables.yaml`` are described in :mod:`hetgraph.io.folder`;
    :func:`hetgraph.io.save_tables` writes such a folder.
    """

    name = "tables"
    version: ClassVar[int] = 4
    options: ClassVar[Mapping[str, Any]] = {"target": ""}

    def names(self) -> tuple[str, ...]:
        """Returns no names, as a format has no data sets."""
        return ()

    def task_of(self, name: str, *, target: str = "") -> str:
        """Returns the task family that the tables declare, or that of their default target."""
        try:
            return tables_task(user_path(name), target=target) or self.task
        except (UserError, OSError):
            return self.task  # Loading it reports the mistake.

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Fails, as a format is loaded from a folder.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"write tables:FOLDER, not tables/{name}.")

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a folder of tables; the option ``target`` names the target that the task is about.

        Raises:
            UserError: If a table or its declaration is invalid, naming file, column and row.
        """
        return load_tables(path, target=str(options.get("target") or ""))

    def load_graph_folder(
        self, path: Path, *, encoders: Mapping[str, Mapping[str, Any]], **options: Any
    ) -> Dataset:
        """Reads the graph of a folder of tables, without targets, by given encoders of columns.

        Raises:
            UserError: As :meth:`load_folder`; targets may be invalid or missing.
        """
        return read_graph(FolderStore(path), encoders=encoders)

    def inspect_folder(self, path: Path, source: str, *, target: str = "") -> Inspection:
        """Reports every mistake, or what of each table is read."""
        return inspect_store(FolderStore(path), source, target=target)

    def propose_folder(self, path: Path) -> str:
        """Returns a ``tables.yaml`` to start from."""
        return propose_tables(FolderStore(path))

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the tables and their declaration."""
        return table_files(path)
