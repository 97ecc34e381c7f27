"""Keys that a database does not declare, found by names and values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.io.database.catalogue import ForeignKey, TableInfo
from hetgraph.io.database.engine import Engine
from hetgraph.io.values import normal

__all__ = ["with_guessed_keys"]

_OVERLAP = 0.9
"""Least fraction of the values that must be keys where the name fits; loading reports the rest."""
_DISTINCT = 10
"""Least number of different values for which their overlap alone, without a name, says enough."""
_SELF = ("parent", "parentid", "replyto", "replytoid", "manager", "managerid", "previous")
"""Names, without case and underscores, of columns that refer to their own table."""


def with_guessed_keys(
    engine: Engine, tables: Mapping[str, TableInfo], notes: list[str]
) -> dict[str, TableInfo]:
    """Returns the tables with keys added where the database declares none.

    A primary key is a column called ``id``, ``key``, ``<table>_id`` and the like, or ``sku`` where
    another table has ``<table>_sku``, whose values are all different. A foreign key is a column
    whose name is made of a table's name, and whose values are keys of that table; or a column of
    texts that are all keys of exactly one table.

    Args:
        engine: The database.
        tables: Its tables.
        notes: Gets a sentence for each key.
    """
    words = {name: {_plain(column) for column in info.columns} for name, info in tables.items()}
    keyed = {}
    for name, info in tables.items():
        elsewhere = set().union(*(given for other, given in words.items() if other != name))
        keyed[name] = _with_key(engine, info, elsewhere, notes)
    known = _Known(engine, keyed)
    guessed = {}
    for name, info in keyed.items():
        more = list(_references(known, info))
        notes += [
            f"{name}.{key.columns[0]} is taken for a foreign key to {key.table}: {key.reason}."
            for key in more
        ]
        guessed[name] = replace(info, foreign_keys=(*info.foreign_keys, *more))
    return guessed


def _with_key(engine: Engine, info: TableInfo, elsewhere: set[str], notes: list[str]) -> TableInfo:
    if info.key:
        return info
    names, forms = _key_names(info.name), _forms(info.name)
    for column, kind in info.columns.items():
        word = _plain(column)
        fits = word in names or any(form + word in elsewhere for form in forms)
        if kind not in ("integer", "text") or not fits:
            continue
        if engine.is_key(info.name, column):
            notes.append(
                f"{info.name}.{column} is taken for the primary key: its values are all different."
            )
            return replace(info, key=(column,))
    return info


class _Known:
    """Keys of the tables, each read once."""

    def __init__(self, engine: Engine, tables: Mapping[str, TableInfo]) -> None:
        self.engine = engine
        self.tables = {name: info for name, info in tables.items() if len(info.key) == 1}
        self._values: dict[str, pa.Array] = {}

    def overlap(self, info: TableInfo, column: str, target: TableInfo) -> tuple[float, int]:
        """Returns the fraction of the values that are keys of a table, and how many there are."""
        key = target.key[0]
        if info.columns[column] != target.columns[key] and not _both_numbers(info, column, target):
            return 0.0, 0
        values = self.engine.sample(info.name, column)
        if not len(values):
            return 0.0, 0
        if target.name not in self._values:
            self._values[target.name] = normal(self.engine.read(target.name, key))
        keys = self._values[target.name]
        try:
            known = pc.is_in(values.cast(keys.type), value_set=keys)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return 0.0, 0
        return pc.sum(known).as_py() / len(values), len(values)


def _both_numbers(info: TableInfo, column: str, target: TableInfo) -> bool:
    # A foreign key with missing values is often stored as floating-point numbers.
    kinds = {info.columns[column], target.columns[target.key[0]]}
    return kinds <= {"integer", "number"}


def _references(known: _Known, info: TableInfo) -> Iterator[ForeignKey]:
    taken = {column for key in info.foreign_keys for column in key.columns}
    for column, kind in info.columns.items():
        own = info.key == (column,)
        if column in taken or own or kind not in ("integer", "number", "text"):
            continue
        best = _by_name(known, info, column)
        if best is None and kind == "text":
            best = _by_values(known, info, column)
        if best is not None:
            yield best


def _by_name(known: _Known, info: TableInfo, column: str) -> ForeignKey | None:
    word = _plain(column)
    for target in sorted(known.tables.values(), key=lambda table: -len(table.name)):
        itself = target.name == info.name
        fits = word in _SELF if itself else _refers_to(word, target)
        if not fits:
            continue
        overlap, count = known.overlap(info, column, target)
        if count and overlap >= _OVERLAP:
            reason = f"its name, and {100 * overlap:.4g} % of {count:,} different values are keys"
            return ForeignKey((column,), target.name, target.key, reason)
    return None


def _by_values(known: _Known, info: TableInfo, column: str) -> ForeignKey | None:
    fitting = []
    for target in known.tables.values():
        if target.name == info.name or target.columns[target.key[0]] != "text":
            continue
        overlap, count = known.overlap(info, column, target)
        if overlap == 1.0 and count >= _DISTINCT:
            reason = f"all of {count:,} different values are keys"
            fitting.append(ForeignKey((column,), target.name, target.key, reason))
    return fitting[0] if len(fitting) == 1 else None


# ------------------------------------------------------------------------------- names


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _forms(table: str) -> set[str]:
    """Returns the singular and plural of a table's name, without case and underscores."""
    word = _plain(table.rpartition(".")[2])
    forms = {word, f"{word}s"}
    if word.endswith("ies"):
        forms.add(f"{word[:-3]}y")
    elif word.endswith(("ses", "xes", "ches", "shes")):
        forms.add(word[:-2])
    if word.endswith("s") and not word.endswith("ss"):
        forms.add(word[:-1])
    return forms


def _key_names(table: str) -> set[str]:
    forms = _forms(table)
    return {"id", "key", "pk", "uuid", *forms} | {
        text for form in forms for text in (f"{form}id", f"id{form}", f"{form}key", f"{form}uuid")
    }


def _refers_to(word: str, target: TableInfo) -> bool:
    """Whether the name of a column names a table or its key, alone or at its end."""
    names = _key_names(target.name) - {"id", "key", "pk", "uuid"}
    key = _plain(target.key[0])
    names |= {form + key for form in _forms(target.name)}
    if key not in ("id", "key", "pk", "uuid", "name", "code"):
        names.add(key)
    ends = {name for name in names if len(name) > 4 and name.endswith(("id", "key", "uuid"))}
    return word in names or any(word.endswith(name) for name in ends)
