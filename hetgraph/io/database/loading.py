"""A data set from a database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.inspection import Inspection, describe
from hetgraph.errors import ConfigError, suggest
from hetgraph.io.database.proposal import Proposal
from hetgraph.io.database.query_targets import QueryTarget
from hetgraph.io.database.seeded import with_latest, with_notes, with_seeds
from hetgraph.io.database.store import DatabaseStore
from hetgraph.io.declared import declared_targets
from hetgraph.io.graph_only import read_graph
from hetgraph.io.inspect import inspect_store
from hetgraph.io.loader import declared_task, read_store
from hetgraph.registry import targets

__all__ = [
    "database_proposal",
    "database_task",
    "from_database",
    "inspect_database",
    "read_database",
    "read_database_graph",
]


def from_database(
    source: str | os.PathLike[str],
    *,
    declaration: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    target: str | Mapping[str, Any] = "",
    guess: bool = True,
) -> Dataset:
    """Reads a data set from a SQLite file, a DuckDB file or a folder of Parquet files.

    Tables become node types, with their primary keys as ids, and foreign keys become relations; a
    table with two foreign keys to which no table refers is a relation with attributes. Nothing is
    ever written to the database.

    Args:
        source: ``sqlite:///shop.db``, ``duckdb:///shop.duckdb``, or the path of a file or of a
            folder with one Parquet file per table.
        declaration: As in a ``tables.yaml``, where ``file`` names a table or is a ``SELECT``; or
            the path of such a file. Default: ``shop.yaml`` beside ``shop.db`` (``tables.yaml`` in a
            folder), otherwise :func:`database_proposal`.
        target: Name of the declared target that the task is about; or a ``SELECT`` of the ids of
            nodes, times and what is to be predicted; or such a declaration (``query``,
            ``node_type``, ``id``, ``time``, ``column``, ``window``, ``valid``, ``test``). With a
            time, the graph is cut: a row of the query sees no row of any table that is later.
        guess: Whether to look for keys that the database does not declare, by names and values.

    Returns:
        The data set; ``info["notes"]`` tells in one line each what was guessed or left out.

    Raises:
        ConfigError: If the declaration is invalid.
        DataError: If a table or column is missing or invalid, such as a foreign key to a row that
            does not exist.
        FileFormatError: If the database cannot be opened.

    Example:
        >>> import sqlite3
        >>> connection = sqlite3.connect("shop.db")
        >>> _ = connection.executescript('''
        ...     CREATE TABLE user (id INTEGER PRIMARY KEY, age INTEGER);
        ...     CREATE TABLE item (id TEXT PRIMARY KEY, price REAL);
        ...     CREATE TABLE buys (user_id REFERENCES user, item_id REFERENCES item, at DATE);
        ...     INSERT INTO user VALUES (1, 30), (2, 45);
        ...     INSERT INTO item VALUES ('tea', 2.5), ('mug', 7);
        ...     INSERT INTO buys VALUES (1, 'tea', '2024-05-01'), (2, 'tea', '2024-05-03');
        ... ''')
        >>> connection.close()
        >>> graph = from_database("sqlite:///shop.db").graph
        >>> graph.ids["item"].to_pylist(), graph.relation("buys").edges()[0].tolist()
        (['tea', 'mug'], [0, 1])
    """
    with DatabaseStore.open(source, guess=guess, given=declaration) as store:
        wanted = ""
        if isinstance(target, Mapping):
            store.add_query(target)
        elif _is_select(target):
            store.add_query({"query": target})
        else:
            wanted = target
        return read_database(store, target=wanted)


def database_proposal(source: str | os.PathLike[str], *, guess: bool = True) -> Proposal:
    """Returns the declaration that follows from a database's keys, with what should be checked.

    Printed, it is a YAML file to confirm or correct: its comments name the keys that were guessed
    and the columns that are not read.

    Args:
        source: As for :func:`from_database`.
        guess: Whether to look for keys that the database does not declare.

    Raises:
        UserError: As :func:`from_database`.

    Example:
        >>> import sqlite3
        >>> connection = sqlite3.connect("blog.db")
        >>> _ = connection.execute("CREATE TABLE post (id INTEGER PRIMARY KEY, likes INTEGER)")
        >>> connection.close()
        >>> print(database_proposal("blog.db"), end="")
        nodes:
          post: {file: post, id: id, features: [likes]}
        edges: []
    """
    with DatabaseStore.open(source, guess=guess) as store:
        return store.proposed()


def database_task(store: DatabaseStore, target: str = "") -> str:
    """Returns the task family of a database, from its declaration or catalogue alone.

    Raises:
        UserError: As :func:`from_database`.
    """
    if _is_select(target):
        store.add_query({"query": target})
        return store.queries[0].task
    if not target and not store.is_declared:
        return _proposed_task(store)
    spec = store.declaration()
    query = _chosen(store.queries, spec, target)
    return query.task if query is not None else declared_task(spec, target)


def _proposed_task(store: DatabaseStore) -> str:
    """Returns the task family of a proposal, by the names of columns: a proposal reads tables."""
    columns = {name for info in store.engine.tables.values() for name in info.columns}
    kinds = (targets.get(kind) for kind in sorted(targets))
    return next((kind.task for kind in kinds if kind.column in columns), "")


def _is_select(target: str) -> bool:
    return len(target.split()) > 1


def read_database(store: DatabaseStore, *, target: str = "") -> Dataset:
    """Reads a data set from an open database; see :func:`from_database`.

    Args:
        store: The database.
        target: Name of the target that the task is about; empty: the default one.
    """
    spec = store.declaration()
    query = _chosen(store.queries, spec, target)
    if query is None:
        dataset = read_store(store, target=target)
        return with_notes(dataset, store.notes)
    source = store.query(str(query.options["query"]), f"target {query.name!r}")
    return with_seeds(store, spec, query, source)


def read_database_graph(
    store: DatabaseStore,
    *,
    target: str = "",
    encoders: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Dataset:
    """Reads the graph of an open database without its targets, to be asked about.

    Where the target has times, training saw copies of the graph as it was at these times; here it
    is one copy, as of the latest rows. Neither the target nor its query is read.

    Args:
        store: The database.
        target: Name of the target that was trained on, or its ``SELECT``; empty: the default one.
        encoders: ``encoders`` of the graph that was trained on.
    """
    spec = store.declaration()
    query = _asked(store, spec, target)
    cut = query is not None and query.has_time(store.columns_of_query(query))
    if cut:
        store.cut()
    dataset = read_graph(store, encoders=encoders)
    if cut and query is not None:
        dataset = with_latest(store, spec, dataset, query.name)
    return with_notes(dataset, store.notes)


def _asked(store: DatabaseStore, spec: Mapping[str, Any], target: str) -> QueryTarget | None:
    """Returns the query target that was trained on, if it is known here."""
    if _is_select(target):
        return QueryTarget("query", targets.get("labels"), {"query": target}, "target")
    named = {query.name: query for query in store.queries}
    return named.get(target) if target else _chosen(store.queries, spec, "")


def inspect_database(store: DatabaseStore, source: str, *, target: str = "") -> Inspection:
    """Reports every mistake in a database, or what of each table is read.

    Args:
        store: The database.
        source: Its name in the report.
        target: Name of the target that the task is about; empty: the default one.

    Raises:
        UserError: If the declaration cannot be read.

    Example:
        >>> import sqlite3
        >>> connection = sqlite3.connect("zoo.db")
        >>> _ = connection.execute("CREATE TABLE animal (id INTEGER PRIMARY KEY, photo BLOB)")
        >>> _ = connection.execute("INSERT INTO animal VALUES (1, x'00')")
        >>> connection.commit()
        >>> connection.close()
        >>> with DatabaseStore.open("zoo.db") as store:
        ...     report = inspect_database(store, "sqlite:zoo.db")
        >>> report.sections["left out"]
        ('animal: columns not read: photo.',)
    """
    query = _chosen(store.queries, store.declaration(), target)
    bare = store if query is None else store.without_targets()
    report = inspect_store(bare, source, target="" if query is not None else target)
    if report.problems:
        return report
    read = describe(read_database(store.with_targets(), target=target))
    return replace(report, sections={**report.sections, **read})


def _chosen(queries: list[QueryTarget], spec: Mapping[str, Any], target: str) -> QueryTarget | None:
    """Returns the query target that the task is about, if it is one."""
    named = {query.name: query for query in queries}
    if target:
        known = [*named, *(declared.name for declared in declared_targets(spec))]
        if target not in known:
            raise ConfigError(f"target {target!r} is not declared.{suggest(target, known)}")
        return named.get(target)
    others = any(name in targets for name in spec)
    return None if others or not queries else queries[0]
