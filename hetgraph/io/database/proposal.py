"""A declaration that follows from the keys of a database: to be used, or shown and corrected."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from hetgraph.errors import DataError
from hetgraph.io.database.catalogue import ForeignKey, TableInfo
from hetgraph.io.database.engine import SAMPLE, Engine
from hetgraph.io.database.keys import with_guessed_keys
from hetgraph.io.values import parsed_times
from hetgraph.registry import targets

__all__ = ["Proposal", "propose"]

_ROW = "_row"
_TIMES = (
    "time", "timestamp", "date", "datetime", "created_at", "created", "at", "when", "posted_at",
    "placed_at", "ordered_at", "happened_at", "occurred_at", "event_time", "event_date",
    "creation_date", "creationdate", "inserted_at", "start_time", "start_date", "joined",
)  # fmt: skip
"""Names of time columns, those that say most first."""
_TEXTS = ("text", "title", "body", "content", "description", "abstract")
_WEIGHTS = ("weight",)
_LISTED = 8
_MOST_CATEGORIES = 100
"""Most different words of a column that is a feature."""
_ROWS_OF_CATEGORY = 2
"""Least number of rows per different word."""


@dataclass(frozen=True)
class Proposal:
    """A proposed declaration of a database.

    Args:
        declaration: As in a ``tables.yaml``.
        notes: What a user should check: keys that were guessed, columns and tables that are not
            read.

    Example:
        >>> declaration = {"nodes": {"user": {"file": "user", "id": "id"}}}
        >>> print(Proposal(declaration, ("check me",)), end="")
        # check me
        nodes:
          user: {file: user, id: id}
    """

    declaration: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        comments = "".join(f"# {note}\n" for note in self.notes)
        return comments + _as_yaml(self.declaration)


def propose(
    engine: Engine,
    *,
    guess: bool = True,
    hidden: Sequence[tuple[str, str]] = (),
    entities: Collection[str] = (),
) -> Proposal:
    """Returns the declaration that follows from the keys of a database.

    A table with two foreign keys to which no table refers is a relation with attributes; every
    other table is a node type, and each of its foreign keys is a relation.

    Args:
        engine: The database.
        guess: Whether to look for keys that the database does not declare.
        hidden: ``(table, column)`` pairs that must not be read.
        entities: Tables that are node types in any case.

    Raises:
        DataError: If the database has no tables.
    """
    notes: list[str] = []
    tables = {
        name: _without(info, {column for table, column in hidden if table == name})
        for name, info in engine.tables.items()
        if not info.is_view
    }
    if not tables:
        raise DataError(f"{engine.path} has no tables.")
    if guess:
        tables = with_guessed_keys(engine, tables, notes)
    declaration = _Writer(engine, tables, notes, entities).declaration()
    return Proposal(declaration, tuple(notes))


def _without(info: TableInfo, hidden: set[str]) -> TableInfo:
    return replace(
        info,
        columns={name: kind for name, kind in info.columns.items() if name not in hidden},
        foreign_keys=tuple(key for key in info.foreign_keys if not hidden & set(key.columns)),
    )


class _Writer:
    """Turns tables into the entries of a declaration."""

    def __init__(
        self,
        engine: Engine,
        tables: Mapping[str, TableInfo],
        notes: list[str],
        entities: Collection[str],
    ) -> None:
        self._engine, self._tables, self._notes = engine, tables, notes
        referred = {*entities} | {
            key.table for info in tables.values() for key in info.foreign_keys
        }
        self._ids = {name: _id_of(info, tables) for name, info in tables.items()}
        self._pairs = {
            name
            for name, info in tables.items()
            if name not in referred and len(self._usable(info)) == 2
        }
        self._targets: dict[str, dict[str, Any]] = {}
        self._splits: dict[str, str] = {}

    def declaration(self) -> dict[str, Any]:
        """Returns the declaration."""
        nodes = {name: self._node(self._tables[name]) for name in self._node_types()}
        edges = [
            entry
            for name, info in self._tables.items()
            for entry in ([self._pair(info)] if name in self._pairs else self._foreign(info))
        ]
        splits = {"splits": self._splits} if self._splits and "labels" in self._targets else {}
        return {"nodes": nodes, "edges": edges, **self._targets, **splits}

    def _node_types(self) -> list[str]:
        return [name for name in self._tables if name not in self._pairs]

    def _node(self, info: TableInfo) -> dict[str, Any]:
        missing = self._engine.missing(info.name)
        used = {*info.key, *(name for key in info.foreign_keys for name in key.columns)}
        if self._ids[info.name] is None:
            self._notes.append(
                f"{info.name} has no primary key: its row numbers are the ids of its nodes."
            )
        entry: dict[str, Any] = {"file": info.name, "id": self._ids[info.name]}
        time = _time_column(self._engine, info)
        if time is not None:
            entry["time"] = time
        used |= self._declare_targets(info, used)
        text = next((name for name in _TEXTS if info.columns.get(name) == "text"), None)
        if text is not None and text not in used:
            entry["text"] = text
            used.add(text)
        # The time from which a node is there is known then. Another date, such as that of its end,
        # may tell what is to be predicted.
        if features := self._features(info, used, missing, date=time):
            entry["features"] = features
        self._tell_unread(info, {*used, *features, *([] if time is None else [time])})
        return entry

    def _declare_targets(self, info: TableInfo, used: set[str]) -> set[str]:
        """Declares the columns that are called as targets are, such as ``label``."""
        kinds = [targets.get(kind) for kind in targets]
        taken = set()
        for kind in kinds:
            if kind.over != "nodes" or kind.column not in info.columns or kind.column in used:
                continue
            taken.add(kind.column)
            if kind.kind in self._targets:
                self._notes.append(
                    f"{info.name}.{kind.column} is not a target, as "
                    f"{self._targets[kind.kind]['node_type']} has one; declare which is meant."
                )
                continue
            self._targets[kind.kind] = {"node_type": info.name, "column": kind.column}
            if "split" in info.columns and kind.kind == "labels":
                self._splits = {"default": "split"}
        return taken | ({"split"} & set(info.columns) if taken else set())

    def _foreign(self, info: TableInfo) -> Iterator[dict[str, Any]]:
        """Yields a relation for each foreign key of a node type."""
        missing = self._engine.missing(info.name)
        time = _time_column(self._engine, info)
        timed = {"time": time} if time is not None and not missing[time] else {}
        usable = self._usable(info)
        for key in info.foreign_keys:
            if key not in usable:
                columns = ", ".join(key.columns)
                self._notes.append(
                    f"{info.name} ({columns}) is not read: it refers to {', '.join(key.refers)} of "
                    f"{key.table}, whose ids are {self._ids[key.table] or 'row numbers'}; declare "
                    "another id for that type."
                )
        for key, name in zip(usable, _relation_names(usable), strict=True):
            yield {
                "type": [info.name, name, key.table],
                "file": info.name,
                "src": self._ids[info.name] or _ROW,
                "dst": "|".join(key.columns),
                "missing": "skip",
                **timed,
            }

    def _pair(self, info: TableInfo) -> dict[str, Any]:
        """Returns the relation of a table with two foreign keys."""
        src, dst = self._usable(info)
        missing = self._engine.missing(info.name)
        used = {*info.key, *src.columns, *dst.columns}
        entry: dict[str, Any] = {
            "type": [src.table, info.name, dst.table],
            "file": info.name,
            "src": "|".join(src.columns),
            "dst": "|".join(dst.columns),
            "missing": "skip",
        }
        time = _time_column(self._engine, info)
        if time is not None and missing[time]:
            self._notes.append(
                f"{info.name}.{time} is not read as the time of the edges: it is missing in "
                f"{missing[time]:,} of {self._engine.num_rows(info.name):,} rows."
            )
            used.add(time)
        elif time is not None:
            used.add(time)
            entry["time"] = time
        for name in _WEIGHTS:
            if info.columns.get(name) in ("integer", "number") and not missing[name]:
                entry["weight"] = name
                used.add(name)
        if features := self._features(info, used, missing):
            entry["features"] = features
        self._tell_unread(info, {*used, *features})
        return entry

    def _usable(self, info: TableInfo) -> list[ForeignKey]:
        """Returns the foreign keys that refer to ids of node types, in the order of columns."""
        order = list(info.columns)
        keys = sorted(info.foreign_keys, key=lambda key: order.index(key.columns[0]))
        return [key for key in keys if "|".join(key.refers) == self._ids[key.table]]

    def _features(
        self,
        info: TableInfo,
        used: set[str],
        missing: Mapping[str, int],
        *,
        date: str | None = None,
    ) -> list[str]:
        """Returns the columns of numbers, of words that are categories, and one of dates."""
        rows = self._engine.num_rows(info.name)
        return [
            name
            for name, kind in info.columns.items()
            if name not in used
            and (
                _is_number(info, name)
                or (name == date and kind == "time")
                or (kind == "text" and self._is_category(info, name))
            )
            and (missing[name] < rows or not rows)
        ]

    def _is_category(self, info: TableInfo, name: str) -> bool:
        values = self._engine.sample(info.name, name)
        rows = min(self._engine.num_rows(info.name), SAMPLE)
        return 0 < len(values) <= min(_MOST_CATEGORIES, rows // _ROWS_OF_CATEGORY)

    def _tell_unread(self, info: TableInfo, used: set[str]) -> None:
        rest = [name for name in info.columns if name not in used]
        if not rest:
            return
        more = f" and {len(rest) - _LISTED} more" if len(rest) > _LISTED else ""
        self._notes.append(f"{info.name}: columns not read: {', '.join(rest[:_LISTED])}{more}.")


def _id_of(info: TableInfo, tables: Mapping[str, TableInfo]) -> str | None:
    """Returns the id column of a table: its key, or the column that all others refer to."""
    refers = {
        key.refers
        for other in tables.values()
        for key in other.foreign_keys
        if key.table == info.name
    }
    if len(refers) == 1 and info.key not in refers:
        return "|".join(next(iter(refers)))
    return "|".join(info.key) or None


def _relation_names(keys: Sequence[ForeignKey]) -> list[str]:
    """Returns the names of relations: ``user`` for ``user_id``, different for each key."""
    full = ["|".join(key.columns) for key in keys]
    short = [_stem(name) for name in full]
    return [name if short.count(stem) > 1 else stem for name, stem in zip(full, short, strict=True)]


def _stem(column: str) -> str:
    for ending in ("_id", "_key", "Id", "ID"):
        if column.endswith(ending) and len(column) > len(ending):
            return column.removesuffix(ending)
    return column


def _time_column(engine: Engine, info: TableInfo) -> str | None:
    """Returns the time column of a table: the declared one, by type, or by name and values."""
    if info.time is not None:
        return info.time
    keys = {*info.key, *(name for key in info.foreign_keys for name in key.columns)}
    typed = [name for name, kind in info.columns.items() if kind == "time" and name not in keys]
    order = {name: number for number, name in enumerate(_TIMES)}
    if typed:
        return min(typed, key=lambda name: order.get(name.lower(), len(order)))
    named = sorted(
        (name for name in info.columns if name.lower() in order and name not in keys),
        key=lambda name: order[name.lower()],
    )
    for name in named:
        if info.columns[name] == "integer" and name.lower() in _TIMES[:5]:
            return name
        if info.columns[name] == "text" and _holds_times(engine, info.name, name):
            return name
    return None


def _holds_times(engine: Engine, table: str, column: str) -> bool:
    values = engine.sample(table, column, 1000)
    try:
        parsed_times(values, "")
    except DataError:
        return False
    return len(values) > 0


def _is_number(info: TableInfo, name: str) -> bool:
    return info.columns[name] in ("integer", "number", "boolean")


def _as_yaml(declaration: Mapping[str, Any]) -> str:
    """Returns a declaration with one line per table."""

    def line(value: Any) -> str:
        text = yaml.safe_dump(
            value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
        )
        return text.removesuffix("...\n").strip()

    parts = []
    for key, value in declaration.items():
        if key == "nodes" and value:
            entries = [f"  {line(name)}: {line(entry)}\n" for name, entry in value.items()]
        elif key == "edges" and value:
            entries = [f"  - {line(entry)}\n" for entry in value]
        else:
            parts.append(f"{key}: {line(value)}\n")
            continue
        parts.append(f"{key}:\n{''.join(entries)}")
    return "".join(parts)
