"""Targets whose rows come from a query: which node, when, and what is to be predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hetgraph.catalog.split import Split
from hetgraph.catalog.targets.base import Rows, Target
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.io.database.clock import Clock, period
from hetgraph.io.database.query_rows import aligned, splits_of
from hetgraph.io.declared import section
from hetgraph.io.drawn_splits import SPLIT_KEYS
from hetgraph.io.ids import missing_row
from hetgraph.io.sources import Source
from hetgraph.registry import targets

__all__ = [
    "QueryTarget",
    "Seeds",
    "aligned_target",
    "columns_of",
    "seeds_of",
    "split_off",
    "window_of",
]

Array = np.ndarray[Any, Any]

_KEYS = (
    "query",
    "node_type",
    "id",
    "time",
    "window",
    "repeats",
    "snapshots",
    "task",
    *SPLIT_KEYS,
)
_LONGEST = 64
"""Snapshots of the graph at most, if the declaration does not say otherwise."""


@dataclass(frozen=True)
class QueryTarget:
    """The declaration of a target whose rows are those of a query.

    Args:
        name: Name of the target.
        kind: Class of the target; one of nodes.
        options: Values by key.
        where: Name of the declaration in messages.
    """

    name: str
    kind: type[Target]
    options: Mapping[str, Any]
    where: str

    @property
    def task(self) -> str:
        """Family of the task; numbers from a query are predicted, not ranked."""
        usual = "node-regression" if self.kind.kind == "values" else self.kind.task
        return str(self.options.get("task") or usual)

    @property
    def keeps_latest(self) -> bool:
        """Whether the latest of several rows about a node is taken, instead of an error."""
        repeats = self.options.get("repeats", "error")
        if repeats not in ("error", "latest"):
            raise ConfigError(f"{self.where}: repeats is {repeats!r}, expected error or latest.")
        return bool(repeats == "latest")

    def has_time(self, names: Sequence[str]) -> bool:
        """Whether its rows have times, at which the graph is cut.

        Args:
            names: The columns of the query; empty: they are not known.
        """
        if "time" in self.options or not names:
            return self.options.get("time", "") is not None
        return columns_of(self.options, names, self.where)["time"] is not None

    @property
    def most(self) -> int:
        """Most snapshots of the graph."""
        most = self.options.get("snapshots", _LONGEST)
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise ConfigError(f"{self.where}: snapshots is {most!r}, expected 1 or more.")
        return most


@dataclass(frozen=True)
class Seeds:
    """The rows of a query target.

    Args:
        node_type: The type of the nodes.
        source: The rows.
        id: Column with the ids of the nodes.
        column: Column with what is to be predicted.
        clock: Their times; ``None``: the graph is not cut.
    """

    node_type: str
    source: Source
    id: str
    column: Any
    clock: Clock | None


def split_off(spec: Mapping[str, Any], where: str) -> tuple[dict[str, Any], list[QueryTarget]]:
    """Takes the targets with a ``query`` out of a declaration.

    Returns:
        The declaration without them, and the targets.

    Raises:
        ConfigError: If such a target has an unknown key or is one of edges.
    """
    rest, queries = dict(spec), []
    for key in [name for name in spec if name in targets]:
        entries = spec[key]
        if not isinstance(entries, Mapping):
            continue
        several = bool(entries) and all(isinstance(entry, Mapping) for entry in entries.values())
        named = dict(entries) if several else {key: entries}
        chosen = {name: entry for name, entry in named.items() if "query" in entry}
        for name, entry in chosen.items():
            place = f"{where}: {key}: {name}" if several else f"{where}: {key}"
            queries.append(_checked(str(name), key, entry, place))
        kept = {name: entry for name, entry in named.items() if name not in chosen}
        if chosen:
            rest[key] = kept or None
    rest = {key: value for key, value in rest.items() if value is not None}
    if queries and not any(key in targets for key in rest):
        rest.pop("splits", None)
    if rest.get("target") in [query.name for query in queries]:
        del rest["target"]
    return rest, queries


def _checked(name: str, key: str, entry: Mapping[str, Any], where: str) -> QueryTarget:
    kind: type[Target] = targets.get(key)
    if kind.over != "nodes":
        known = [name for name in targets.names() if targets.get(name).over == "nodes"]
        raise ConfigError(
            f"{where}: a query gives targets of nodes, {' or '.join(known)}; declare targets of "
            "edges with file: and a table or SELECT."
        )
    return QueryTarget(name, kind, section(entry, where, (*_KEYS, *kind.options)), where)


def seeds_of(query: QueryTarget, source: Source, node_types: Mapping[str, Any]) -> Seeds:
    """Returns the meaning of the columns of a query.

    Three columns are id, time and target, two are id and target, unless the declaration says so.

    Args:
        query: The declaration.
        source: What the query selects.
        node_types: The node types of the graph.

    Raises:
        ConfigError: If it is not clear what a column means.
        DataError: If a column is missing or a time is.
    """
    meaning = columns_of(query.options, list(source.names), query.where)
    for name in _texts(meaning.values()):
        source.check(name)
    if not source.num_rows:
        raise DataError(f"{query.where}: the query gives no rows.")
    node_type = str(query.options.get("node_type") or _node_type(meaning["id"], node_types, query))
    if node_type not in node_types:
        raise ConfigError(
            f"{query.where}: node_type {node_type!r} is not declared."
            f"{suggest(node_type, node_types)}"
        )
    clock = None
    if meaning["time"] is not None:
        where = f"{source.label}, column {meaning['time']!r}"
        clock = Clock.read(source.column(meaning["time"]), where)
        if (row := missing_row(clock.times)) is not None:
            raise DataError(f"{where}, row {row} (from 0): the time is missing; leave the row out.")
    return Seeds(node_type, source, meaning["id"], meaning["column"], clock)


def columns_of(options: Mapping[str, Any], names: Sequence[str], where: str) -> dict[str, Any]:
    """Returns the columns of a query that are ``id``, ``time`` and ``column``.

    Raises:
        ConfigError: If it is not clear.
    """
    given = {key: options[key] for key in ("id", "time", "column") if key in options}
    taken = {options.get("split"), *_texts(given.values())}
    unnamed = [name for name in names if name not in taken]
    open_keys = [key for key in ("id", "time", "column") if key not in given]
    if len(open_keys) == len(unnamed) + 1 and "time" in open_keys:
        open_keys.remove("time")
        given["time"] = None
    if len(open_keys) != len(unnamed) and open_keys:
        raise ConfigError(
            f"{where}: the query has the columns {', '.join(names)}; declare which is "
            f"{', '.join(open_keys)}, as in id: user_id, time: timestamp (or null), column: label."
        )
    return {**given, **dict(zip(open_keys, unnamed, strict=False))}


def _texts(values: Any) -> list[str]:
    """Returns the names of columns among some values, which may be lists of names."""
    texts: list[str] = []
    for value in values:
        texts += [value] if isinstance(value, str) else list(value or ())
    return texts


def _node_type(column: str, node_types: Mapping[str, Any], query: QueryTarget) -> str:
    def plain(text: str) -> str:
        return "".join(letter for letter in text.lower() if letter.isalnum())

    word = plain(column)
    fitting = [
        name
        for name in node_types
        if word in {plain(name) + ending for ending in ("", "id", "key")}
        or word in {plain(name).removesuffix("s") + ending for ending in ("", "id", "key")}
    ]
    if len(fitting) != 1:
        raise ConfigError(
            f"{query.where}: add node_type:, the type of the nodes in {column!r}."
            f"{suggest(column, node_types)}"
        )
    return fitting[0]


def latest_of_each(seeds: Seeds, node_of: Tensor) -> Tensor:
    """Returns the positions of the latest row about each node, ascending.

    Args:
        seeds: The rows.
        node_of: ``[num_rows]`` node of each row; -1 for those that are not used.
    """
    used = (node_of >= 0).nonzero().flatten()
    if seeds.clock is not None:  # Of rows at the same time the last one counts.
        used = used[torch.argsort(seeds.clock.tensor()[used], stable=True)]
    last = torch.full((int(node_of.max()) + 1,), -1)
    for_node = node_of[used].numpy()
    last.numpy()[for_node] = used.numpy()  # numpy keeps the last of repeated positions
    return last[last >= 0].sort().values


def aligned_target(
    query: QueryTarget, seeds: Seeds, node_of: Tensor, rows: Tensor, num_nodes: int
) -> tuple[Target, dict[str, Split]]:
    """Returns the target of a query and its splits.

    Args:
        query: The declaration.
        seeds: Its rows.
        node_of: ``[n]`` int64 node of each row that is used.
        rows: ``[n]`` int64 numbers of these rows.
        num_nodes: Number of nodes of the type.

    Raises:
        DataError: If two rows are about the same node, or the column is invalid.
    """
    _check_single(query, seeds, node_of, rows)
    row_of = np.full(num_nodes, -1, dtype=np.int64)
    row_of[node_of.numpy()] = rows.numpy()
    table = aligned(seeds.source, row_of)
    options = {**query.options, "column": seeds.column}
    target, _ = query.kind.from_rows(Rows(table, seeds.node_type), options)
    index = torch.cat([nodes for _, nodes in target.node_ids()])
    times = None if seeds.clock is None else seeds.clock.tensor()[row_of[index.numpy()]]
    return target, splits_of(query.options, query.where, table, target, index, times)


def _check_single(query: QueryTarget, seeds: Seeds, node_of: Tensor, rows: Tensor) -> None:
    order = torch.argsort(node_of, stable=True)
    same = (node_of[order][1:] == node_of[order][:-1]).nonzero().flatten()
    if not same.numel():
        return
    first, second = (int(rows[order[same[0] + step]]) for step in (0, 1))
    ids = seeds.source.column(seeds.id)
    within = " in the same window" if "window" in query.options else " at the same time"
    raise DataError(
        f"{seeds.source.label}, rows {first} and {second} (from 0) are both about the "
        f"{seeds.node_type!r} {ids[first].as_py()!r}{within if seeds.clock else ''} "
        f"({same.numel():,} such rows in all); select one row of them, or give repeats: latest."
    )


def window_of(query: QueryTarget) -> float | None:
    """Returns the length of a query's windows; ``None`` if it has none."""
    window = query.options.get("window")
    return None if window is None else period(window, f"{query.where}: window")
