"""A data set whose target is given by rows of ids, with the graph cut at the time of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.graph import HeteroGraph
from hetgraph.errors import ConfigError, DataError
from hetgraph.io.database.clock import NEVER, shown
from hetgraph.io.database.fitted import encoders_until
from hetgraph.io.database.query_targets import (
    QueryTarget,
    Seeds,
    aligned_target,
    latest_of_each,
    seeds_of,
    window_of,
)
from hetgraph.io.database.snapshots import take_snapshots
from hetgraph.io.database.store import DatabaseStore
from hetgraph.io.ids import IdMap
from hetgraph.io.loader import Reading, read_all
from hetgraph.io.sources import Source

__all__ = ["with_latest", "with_notes", "with_seeds"]


def with_seeds(
    store: DatabaseStore, spec: Mapping[str, Any], query: QueryTarget, source: Source
) -> Dataset:
    """Reads a data set whose target is given by rows of ids, and times at which it is cut.

    Args:
        store: The database.
        spec: Its declaration.
        query: The target.
        source: Its rows.

    Raises:
        UserError: As :func:`from_database`.
    """
    seeds = seeds_of(query, source, spec["nodes"])
    if seeds.clock is not None:
        if spec.get("hyperedges"):
            raise ConfigError(f"{query.where}: hyperedges have no times; leave them out.")
        store.cut()
    store.without_targets()
    reading = _read(store, {})
    dataset, until = _seeded(store, spec, query, seeds, reading)
    assert reading.dataset is not None
    if until is not None and reading.dataset.graph.encoders:
        # What is later than the last training row must not shape features that are trained on.
        reading = _read(store, encoders_until(reading, until))
        dataset, _ = _seeded(store, spec, query, seeds, reading)
    return dataset


def _read(store: DatabaseStore, encoders: Mapping[str, Mapping[str, Any]]) -> Reading:
    reading = read_all(store, encoders=encoders)
    reading.problems.check()
    return reading


def _seeded(
    store: DatabaseStore,
    spec: Mapping[str, Any],
    query: QueryTarget,
    seeds: Seeds,
    reading: Reading,
) -> tuple[Dataset, float | None]:
    """Returns the data set, and the time of the last training row if the graph is cut."""
    dataset, node_type = reading.dataset, seeds.node_type
    assert dataset is not None
    graph = dataset.graph
    ids = IdMap(node_type, graph.ids.get(node_type, graph.num_nodes[node_type]))
    where = f"{seeds.source.label}, column {seeds.id!r}"
    nodes = torch.from_numpy(ids.rows(seeds.source.written(seeds.id), where).astype(np.int64))
    rows = torch.arange(nodes.numel())
    notes, info = list(store.notes), dict(dataset.info)
    cut = None
    if seeds.clock is not None:
        cut = _cut(store, spec, query, seeds, dataset, nodes)
        graph, nodes, info["snapshots"] = cut.graph, cut.nodes, list(cut.labels)
        rows = (nodes >= 0).nonzero().flatten()
        if not rows.numel():
            raise DataError(
                f"{query.where}: no {node_type!r} of the query is there yet at its time; check "
                f"time: of the query and of {node_type!r}."
            )
        if hidden := nodes.numel() - rows.numel():
            notes.append(
                f"target {query.name!r}: {hidden:,} of {nodes.numel():,} rows are about a "
                f"{node_type!r} that is later than the row's time; they are left out"
            )
    if query.keeps_latest:
        kept = latest_of_each(seeds, nodes)
        if repeated := rows.numel() - kept.numel():
            notes.append(
                f"target {query.name!r}: {repeated:,} of {rows.numel():,} rows are followed by a "
                "later one about the same node; they are left out"
            )
        rows = kept
    target, splits = aligned_target(query, seeds, nodes[rows], rows, graph.num_nodes[node_type])
    read = replace(
        dataset,
        graph=graph,
        targets={query.name: target},
        splits=splits,
        task=query.task,
        info=info,
    )
    until = None
    if cut is not None and splits:
        until = float(cut.time_of(next(iter(splits.values())).train).max())
    return with_notes(read, notes), until


@dataclass(frozen=True)
class _Cut:
    """A graph at the times of a query.

    Args:
        graph: The union of the snapshots.
        nodes: ``[num_rows]`` int64 node of each row of the query; -1 for none.
        labels: The times as texts.
        times: ``[num_snapshots]`` the times.
        sizes: ``[num_snapshots]`` number of nodes of the target type in each snapshot.
    """

    graph: HeteroGraph
    nodes: Tensor
    labels: Sequence[str]
    times: Tensor
    sizes: Tensor

    def time_of(self, nodes: Tensor) -> Tensor:
        """Returns the times of the snapshots of nodes of the target type."""
        return self.times[torch.searchsorted(self.sizes.cumsum(0), nodes, right=True)]


def _cut(
    store: DatabaseStore,
    spec: Mapping[str, Any],
    query: QueryTarget,
    seeds: Seeds,
    dataset: Dataset,
    nodes: Tensor,
) -> _Cut:
    """Returns the union of the snapshots, and the rows of the query in it."""
    assert seeds.clock is not None
    node_time = store.node_times(spec)
    _check_clocks(store, query, seeds)
    time = seeds.clock.tensor()
    window = window_of(query)
    # Rounded down: a row may see less than it could, never more.
    cut = time if window is None else torch.div(time, window, rounding_mode="floor") * window
    times, snapshot = torch.unique(cut, return_inverse=True)
    if times.numel() > query.most:
        raise ConfigError(_too_many(query, seeds, times.numel(), time))
    labels = [shown(value, seeds.clock.calendar) for value in times.tolist()]
    taken = take_snapshots(dataset.graph, times.tolist(), node_time, labels)
    sizes = torch.tensor([ids.numel() for ids in taken.nodes[seeds.node_type]])
    at = taken.position(seeds.node_type, nodes, snapshot)
    return _Cut(taken.graph, at, labels, times, sizes)


def _too_many(query: QueryTarget, seeds: Seeds, count: int, time: Tensor) -> str:
    assert seeds.clock is not None
    span = float(time.max() - time.min())
    length = span / max(query.most - 1, 1)  # Windows need not start at the first time.
    example = (
        f"'{int(length // 86_400_000_000) + 1} days'" if seeds.clock.calendar else f"{length:.4g}"
    )
    return (
        f"{query.where}: the query has {count:,} different times, and the graph would be copied "
        f"for each of them; at most {query.most} copies are made. Add window: {example}, which "
        "rounds times down, select fewer times, or raise snapshots:."
    )


def _check_clocks(store: DatabaseStore, query: QueryTarget, seeds: Seeds) -> None:
    assert seeds.clock is not None
    kinds = {True: "dates or timestamps", False: "numbers"}
    wrong = [name for name, calendar in store.clocks.items() if calendar != seeds.clock.calendar]
    if wrong:
        raise ConfigError(
            f"{query.where}: its times are {kinds[seeds.clock.calendar]}, but those of "
            f"{', '.join(wrong)} are {kinds[not seeds.clock.calendar]}; convert one of them in a "
            "SELECT."
        )


def with_latest(
    store: DatabaseStore, spec: Mapping[str, Any], dataset: Dataset, name: str
) -> Dataset:
    """Returns the graph of a database as of its latest rows, laid out as it is cut for training.

    There is one copy of the graph, in which all rows with a time are visible. Nodes keep the ids of
    the database: what is asked is asked about the present.

    Args:
        store: The database, after :meth:`DatabaseStore.cut`.
        spec: Its declaration.
        dataset: The data set that was read from it.
        name: Name of the target, for the note.
    """
    graph = dataset.graph
    taken = take_snapshots(graph, [NEVER - 1], store.node_times(spec), [""])
    ids: dict[str, pa.Array] = {}
    for node_type, (nodes,) in taken.nodes.items():
        numbers = pa.array(nodes.numpy())
        known = graph.ids.get(node_type)
        ids[node_type] = numbers if known is None else known.take(numbers)
    note = (
        f"target {name!r} is asked at times, so the graph is read as of the latest rows: edges "
        "without a time are left out"
    )
    read = replace(dataset, graph=taken.graph.replace(ids=ids), hypergraphs={})
    return with_notes(read, [note])


def with_notes(dataset: Dataset, notes: Sequence[str]) -> Dataset:
    """Returns a data set with more notes on what was guessed or left out."""
    given = [*dataset.info.get("notes", ()), *notes]
    return replace(dataset, info={**dataset.info, "notes": given}) if given else dataset
