"""What the formats of databases have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.inspection import Inspection
from hetgraph.errors import ConfigError, UserError
from hetgraph.io.database.loading import (
    database_proposal,
    database_task,
    from_database,
    inspect_database,
    read_database_graph,
)
from hetgraph.io.database.store import DatabaseStore

__all__ = ["DatabaseFormat"]


class DatabaseFormat(Collection):
    """Databases of one kind, with a declaration beside them or without.

    The option ``target`` names the declared target that the task is about, or is a ``SELECT``;
    ``guess`` tells whether to look for keys that the database does not declare.
    """

    options: ClassVar[Mapping[str, Any]] = {"target": "", "guess": True}

    def names(self) -> tuple[str, ...]:
        """Returns no names, as a format has no data sets."""
        return ()

    def task_of(self, name: str, *, target: str = "") -> str:
        """Returns the task family that the database declares, or that of its default target."""
        try:
            with DatabaseStore.open(self._address(Path(name)), guess=False) as store:
                return database_task(store, target) or self.task
        except (UserError, OSError):
            return self.task  # Loading it reports the mistake.

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Fails, as a format is loaded from a path.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"write {self.name}:PATH, not {self.name}/{name}.")

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a database.

        Raises:
            UserError: If a table or the declaration is invalid, naming table, column and row.
        """
        target, guess = options.get("target") or "", options.get("guess", True)
        return from_database(self._address(path), target=target, guess=bool(guess))

    def load_graph_folder(
        self, path: Path, *, encoders: Mapping[str, Mapping[str, Any]], **options: Any
    ) -> Dataset:
        """Reads the graph of a database, without targets, by given encoders of columns.

        Raises:
            UserError: As :meth:`load_folder`.
        """
        target, guess = options.get("target") or "", options.get("guess", True)
        with DatabaseStore.open(self._address(path), guess=bool(guess)) as store:
            return read_database_graph(store, target=target, encoders=encoders)

    def inspect_folder(self, path: Path, source: str, *, target: str = "") -> Inspection:
        """Reports every mistake, or what of each table is read and what was guessed."""
        try:
            with DatabaseStore.open(self._address(path)) as store:
                return inspect_database(store, source, target=target)
        except UserError as error:
            return Inspection(source, (str(error),))

    def propose_folder(self, path: Path) -> str:
        """Returns a declaration to start from."""
        return str(database_proposal(self._address(path)))

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the files of the database and its declaration."""
        with DatabaseStore.open(self._address(path)) as store:
            return store.files()

    def _address(self, path: Path) -> str:
        return f"{self.name}:{path.expanduser()}"
