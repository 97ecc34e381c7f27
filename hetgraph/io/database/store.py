"""Tables of a database as sources of columns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import msgspec
from torch import Tensor

from hetgraph.errors import FileFormatError, UserError
from hetgraph.io.database.catalogue import kind_of
from hetgraph.io.database.clock import Clock
from hetgraph.io.database.engine import Engine
from hetgraph.io.database.opening import open_engine
from hetgraph.io.database.proposal import Proposal, propose
from hetgraph.io.database.query_targets import QueryTarget, columns_of, split_off
from hetgraph.io.database.sources import CutSource, QuerySource, TableSource
from hetgraph.io.declaration import check_declaration, without_targets
from hetgraph.io.declared import DECLARATION
from hetgraph.io.sources import Source
from hetgraph.registry import targets
from hetgraph.yamlfile import read_yaml

__all__ = ["DatabaseStore", "declaration_file", "is_query"]


class DatabaseStore:
    """Where the tables of a declaration come from: a database.

    Args:
        engine: The open database.
        guess: Whether to look for keys that the database does not declare.
        given: The declaration or the path of its file; ``None``: the file beside the database,
            otherwise what follows from its keys.

    Example:
        >>> import sqlite3
        >>> with sqlite3.connect("small.db") as connection:
        ...     _ = connection.execute("CREATE TABLE user (id INTEGER PRIMARY KEY, age INTEGER)")
        ...     _ = connection.execute("INSERT INTO user VALUES (7, 30), (9, 41)")
        >>> connection.close()
        >>> with DatabaseStore.open("small.db") as store:
        ...     store.source({"file": "user"}, "table 'user'").column("age").to_pylist()
        [30, 41]
    """

    def __init__(
        self,
        engine: Engine,
        *,
        guess: bool = True,
        given: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    ) -> None:
        self.engine = engine
        self.clocks: dict[str, bool] = {}
        """Whether the times of a table, by its label, are of the calendar; of those read so far."""
        self.notes: list[str] = []
        """What a user should know of the declaration, one line each."""
        self._guess, self._given = guess, given
        self._added: list[QueryTarget] = []
        self._cut = self._bare = False
        self._declared: tuple[dict[str, Any], list[QueryTarget]] | None = None

    @classmethod
    def open(
        cls,
        source: str | os.PathLike[str],
        *,
        guess: bool = True,
        given: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    ) -> Self:
        """Opens a database for reading.

        Args:
            source: As for :func:`hetgraph.io.from_database`.
            guess: As above.
            given: As above.

        Raises:
            UserError: If it cannot be opened.
        """
        return cls(open_engine(source), guess=guess, given=given)

    @property
    def label(self) -> str:
        """The path."""
        return str(self.engine.path)

    @property
    def name(self) -> str:
        """The name of the file without its ending, or of the folder."""
        return self.engine.path.resolve().stem

    def names(self) -> list[str]:
        """Returns the names of the tables and views."""
        return list(self.engine.tables)

    def source(self, entry: Mapping[str, Any], label: str) -> Source:
        """Returns the table of an entry of a declaration.

        Args:
            entry: ``file`` names the table or holds a query; the column ``time``, if given, is
                read as times even where the database holds texts.
            label: Name of the table in messages.

        Raises:
            DataError: If there is no such table, or the query fails.
        """
        name, time = str(entry["file"]), entry.get("time")
        times = {str(time)} if time else set()
        source: Source
        if is_query(name):
            source = self.query(name, label, times)
        else:
            info = self.engine.info(name)
            label = f"{label} ({self.label}: {name})"
            source = TableSource(self.engine, info, label, times)
            dated = [column for column, kind in info.columns.items() if kind == "time"]
            if self._cut and not time and dated:
                self._note(
                    f"{name} has the time column {dated[0]!r}, but no time: is declared; all of "
                    "its rows are visible at all times"
                )
        # Of a table of nodes all rows are kept, so that they stay in the order of the nodes.
        if self._cut and time and "src" in entry:
            return CutSource(source, str(time), self.clocks)
        return source

    def query(self, sql: str, label: str, times: set[str] | None = None) -> Source:
        """Returns what a query selects, in the order of its columns from left to right.

        Raises:
            DataError: If the query fails.
        """
        table = self.engine.query(sql)
        return QuerySource(table, f"{label} ({self.label}: a query)", times or set())

    def columns_of_query(self, query: QueryTarget) -> list[str]:
        """Returns the columns that the query of a target selects; none if it cannot be run.

        Its tables may be missing where nothing but the graph is read.
        """
        try:
            sql = str(query.options["query"]).strip().rstrip(";")
            return list(self.engine.query(f"SELECT * FROM (\n{sql}\n) LIMIT 0").column_names)
        except UserError:
            return []

    # ---------------------------------------------------------------- declaration

    def declaration(self) -> dict[str, Any]:
        """Returns the checked declaration, without its targets that are queries.

        Raises:
            ConfigError: If it is invalid.
            FileFormatError: If its file cannot be read.
        """
        if self._declared is None:
            content, where = self._content()
            if isinstance(content, Mapping):
                content, queries = split_off(content, where)
            else:
                queries = []
            self._declared = check_declaration(content, where), queries
        spec = self._declared[0]
        return without_targets(spec) if self._bare else spec

    @property
    def is_declared(self) -> bool:
        """Whether there is a declaration, so that nothing is proposed."""
        return self._given is not None or declaration_file(self.engine.path).is_file()

    def _content(self) -> tuple[Any, str]:
        """Returns the unchecked declaration and its name in messages."""
        if isinstance(self._given, Mapping):
            return dict(self._given), "declaration"
        path = declaration_file(self.engine.path)
        if self._given is not None:
            path = Path(self._given).expanduser()
            if not path.is_file():
                raise FileFormatError(f"{path} does not exist; check the path of the declaration.")
        if path.is_file():
            return read_yaml(path, FileFormatError), str(path)
        proposed = self.proposed()
        self.notes += proposed.notes
        return dict(proposed.declaration), f"{self.label} (proposed)"

    def proposed(self) -> Proposal:
        """Returns the declaration that follows from the keys of the database."""
        return propose(self.engine, guess=self._guess)

    @property
    def queries(self) -> list[QueryTarget]:
        """The targets that are queries; one that was added comes first."""
        self.declaration()
        assert self._declared is not None
        return [*self._added, *([] if self._added else self._declared[1])]

    def add_query(self, target: Mapping[str, Any]) -> None:
        """Adds a target that is a query, in place of those that are declared.

        Args:
            target: As in a declaration; ``kind`` may name the kind of target, otherwise numbers
                that are not whole are values, and everything else is labels.
        """
        options = dict(target)
        kind = options.pop("kind", None) or self._kind_of(options)
        _, self._added = split_off({kind: options}, "target")
        spec = self.declaration()
        for key in [key for key in spec if key in (*targets.names(), "target", "splits", "task")]:
            del spec[key]

    def _kind_of(self, options: Mapping[str, Any]) -> str:
        table = self.engine.query(str(options.get("query")))
        name = columns_of(options, table.column_names, "target")["column"]
        if not isinstance(name, str) or name not in table.column_names:
            return "labels"
        return "values" if kind_of(table[name].type) == "number" else "labels"

    def without_targets(self) -> Self:
        """Returns the store with its declaration read without targets."""
        self._bare = True
        return self

    def with_targets(self) -> Self:
        """Undoes :meth:`without_targets`."""
        self._bare = False
        return self

    # ---------------------------------------------------------------------- times

    def cut(self) -> None:
        """From now on edges without a time are left out, and times are comparable numbers."""
        self._cut = True

    def node_times(self, spec: Mapping[str, Any]) -> dict[str, Tensor]:
        """Returns the times of the nodes of the types that declare a time column."""
        read = {}
        for node_type, entry in spec["nodes"].items():
            time = getattr(entry, "time", None)
            if time is not None:
                label = f"table {node_type!r}"
                source = self.source(msgspec.structs.asdict(entry), label)
                clock = Clock.read(source.column(time), f"{source.label}, column {time!r}")
                self.clocks[source.label] = clock.calendar
                read[node_type] = clock.tensor()
        return read

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def files(self) -> list[Path]:
        """Returns the files that hold the database, and its declaration if there is one."""
        declaration = declaration_file(self.engine.path)
        return [*self.engine.files(), *([declaration] if declaration.is_file() else [])]

    def close(self) -> None:
        """Closes the database."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def declaration_file(path: Path) -> Path:
    """Returns where the declaration of a database is looked for.

    Example:
        >>> declaration_file(Path("shop.db")).name
        'shop.yaml'
    """
    return path / DECLARATION if path.is_dir() else path.with_suffix(".yaml")


def is_query(name: str) -> bool:
    """Whether an entry's ``file`` is a query rather than the name of a table.

    Example:
        >>> is_query("SELECT * FROM user"), is_query("selected users")
        (True, False)
    """
    words = name.split(maxsplit=1)
    return len(words) == 2 and words[0].upper() in ("SELECT", "WITH")
