"""A data set from a store of tables and their declaration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError
from hetgraph.features import apply_standins
from hetgraph.features.columns.declared import column_packages
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.declared import declared_targets
from hetgraph.io.held_out import without_held_out
from hetgraph.io.hyperedges import HyperedgeTable, read_hyperedges
from hetgraph.io.problems import Problems
from hetgraph.io.store import Store
from hetgraph.io.tables import Parts, number_of_nodes, read_parts
from hetgraph.io.target_rows import Tables
from hetgraph.io.targets import ReadTargets, read_targets
from hetgraph.optional import Package, demand

__all__ = ["Reading", "declared_task", "read_all", "read_store"]


@dataclass(frozen=True)
class Reading:
    """What became of a store.

    Args:
        dataset: The data set; ``None`` if there are problems.
        problems: What is wrong, one message per mistake.
        nodes: The node tables that could be opened, by node type.
        edges: The edge tables that could be opened, by edge type.
        spec: The declaration; empty if it could not be read.
    """

    dataset: Dataset | None
    problems: Problems
    nodes: Mapping[str, NodeTable | None]
    edges: Mapping[EdgeType, EdgeTable]
    spec: Mapping[str, Any]


def read_store(store: Store, *, target: str = "") -> Dataset:
    """Reads a data set.

    Args:
        store: The tables and their declaration.
        target: Name of the declared target that the task is about; empty: the default one.

    Returns:
        The data set; ``info["notes"]`` tells in one line each what was left out.

    Raises:
        UserError: Naming everything that is wrong.
    """
    reading = read_all(store, target=target)
    reading.problems.check()
    assert reading.dataset is not None  # there were no problems
    return reading.dataset


def read_all(
    store: Store,
    *,
    target: str = "",
    encoders: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    tell: Callable[[str], None] | None = None,
) -> Reading:
    """Reads everything, and goes on after a mistake, so that all of them are known.

    Args:
        store: The tables and their declaration.
        target: Name of the declared target that the task is about; empty: the default one.
        encoders: Encoders of columns that were fitted before, by type; others are fitted here.
        tell: Gets a line about each column with categories that they have not seen; ``None``: it
            is logged.
    """
    problems = Problems()
    spec: dict[str, Any] = {}
    with problems.of_part():
        spec = store.declaration()
    if problems:
        return Reading(None, problems, {}, {}, {})
    nodes, edges, hyperedges = _opened(store, spec, problems)
    try:
        demand(_encoder_packages(nodes, edges))
    except ConfigError as error:  # Before a table is read: that may take minutes.
        problems.add(error)
        return Reading(None, problems, nodes, edges, spec)
    declared = {*spec["nodes"]}
    closed = [key for key in (EdgeType(*entry.type) for entry in spec["edges"]) if key not in edges]
    for node_type in {end for key in closed for end in (key.src, key.dst)}:
        if nodes.get(node_type, False) is None:
            del nodes[node_type]  # Its ids are in a table that cannot be opened.
    unreadable = declared - {*nodes}
    parts = read_parts(nodes, edges, problems, unreadable, encoders=encoders, tell=tell)
    tables = Tables(store, nodes, edges, parts.maps, declared)
    read = read_targets(tables, spec, problems, wanted=target)
    dataset = None
    with problems.of_part():
        if not problems:
            dataset = _dataset(store, spec, parts, read, hyperedges, target)
    return Reading(dataset if not problems else None, problems, nodes, edges, spec)


def declared_task(spec: Mapping[str, Any], target: str = "") -> str:
    """Returns the task family of a declaration; empty if it has neither a task nor a target.

    Args:
        spec: The declaration.
        target: Name of the target that is asked for; empty: the default one.

    Raises:
        ConfigError: If there is no such target.
    """
    declared = declared_targets(spec, target)
    usual = declared_targets(spec)
    if declared and declared[0].name != usual[0].name:
        return declared[0].task
    return str(spec.get("task") or (declared[0].task if declared else ""))


def _opened(
    store: Store, spec: Mapping[str, Any], problems: Problems
) -> tuple[dict[str, NodeTable | None], dict[EdgeType, EdgeTable], dict[str, HyperedgeTable]]:
    """Opens the declared tables."""
    nodes: dict[str, NodeTable | None] = {}
    for node_type, entry in spec["nodes"].items():
        with problems.of_part():
            if entry is None or isinstance(entry, int):
                nodes[node_type] = number_of_nodes(node_type, entry)
            else:
                options = _table(store, entry, f"table {node_type!r}")
                nodes[node_type] = NodeTable(**options)
    edges: dict[EdgeType, EdgeTable] = {}
    for entry in spec["edges"]:
        with problems.of_part():
            key = EdgeType(*entry.type)
            options = _table(store, entry, f"table ({key})")
            del options["type"]
            edges[key] = EdgeTable(**options)
    hyperedges: dict[str, HyperedgeTable] = {}
    for name, entry in spec.get("hyperedges", {}).items():
        with problems.of_part():
            hyperedges[name] = HyperedgeTable(**_table(store, entry, f"hyperedges {name!r}"))
    return nodes, edges, hyperedges


def _encoder_packages(
    nodes: Mapping[str, NodeTable | None], edges: Mapping[EdgeType, EdgeTable]
) -> Iterator[Package]:
    """Yields the packages that encoders of columns need."""
    tables: dict[str, Any] = {f"table {key!r}": table for key, table in nodes.items()}
    tables |= {f"table ({key})": table for key, table in edges.items()}
    for where, table in tables.items():
        with suppress(ConfigError):  # A wrong declaration is told where the table is read.
            yield from column_packages(() if table is None else table.features, where)


def _table(store: Store, entry: Any, label: str) -> dict[str, Any]:
    """Returns the fields of a declared table; a text stands for its file alone."""
    options: dict[str, Any] = (
        {"file": entry} if isinstance(entry, str) else msgspec.structs.asdict(entry)
    )
    if isinstance(options.get("features"), str):
        options["features"] = [options["features"]]
    source = store.source(options, label)
    return {"table": source, **{key: value for key, value in options.items() if key != "file"}}


def _dataset(
    store: Store,
    spec: Mapping[str, Any],
    parts: Parts,
    read: ReadTargets,
    hyperedges: Mapping[str, HyperedgeTable],
    target: str,
) -> Dataset:
    reverses = [(EdgeType(*a), EdgeType(*b)) for a, b in spec.get("reverses", ())]
    relations, notes = dict(parts.relations), list(read.notes)
    for held in read.held_out:
        relations, note = without_held_out(relations, held, reverses)
        notes.append(note)
    graph = HeteroGraph(
        num_nodes={node_type: ids.num_nodes for node_type, ids in parts.maps.items()},
        relations=relations,
        features=parts.features,
        reverses=reverses,
        ids=parts.ids,
        text=parts.text,
        encoders=parts.encoders,
        name=str(spec.get("name") or store.name),
    )
    if spec.get("add_reverses", True):
        graph = graph.with_reverses()
    if spec.get("standins"):
        graph = apply_standins(graph, spec["standins"])
    problems = Problems()
    hypergraphs = {}
    for name, table in hyperedges.items():
        with problems.of_part():
            hypergraphs[name] = read_hyperedges(table, graph, name)
    problems.check()
    info = json.loads(json.dumps(spec.get("info", {}), default=str))
    if notes:
        info["notes"] = notes
    return Dataset(
        name=graph.name,
        graph=graph,
        targets=read.targets,
        splits=read.splits,
        hypergraphs=hypergraphs,
        metapaths=spec.get("metapaths", {}),
        task=declared_task(spec, target),
        info=info,
    )
