"""The graph of a store of tables without its targets, read as a graph was that was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.schema import EdgeType
from hetgraph.features.columns import TableEncoder
from hetgraph.io.declaration import of_columns, without_targets
from hetgraph.io.loader import read_all
from hetgraph.io.sources import Source
from hetgraph.io.store import Store

__all__ = ["GraphOnly", "read_graph"]

Encoders = Mapping[str, Mapping[str, Any]]


def read_graph(store: Store, *, encoders: Encoders = MappingProxyType({})) -> Dataset:
    """Reads a graph to be asked about, as :func:`hetgraph.catalog.loading.load_graph` does.

    Targets and splits are not read, so their columns may be missing and no links are held out.
    Declared stand-ins are not fitted: those of the trained graph are applied by whoever asks.

    Args:
        store: The tables and their declaration.
        encoders: ``encoders`` of the graph that was trained on.

    Returns:
        The data set, without targets and splits; ``info["notes"]`` tells in one line each which
        columns hold categories that the encoders have not seen, and which are not read.

    Raises:
        UserError: Naming everything that is wrong.
    """
    bare = GraphOnly(store, encoders)
    notes: list[str] = []
    reading = read_all(bare, encoders=encoders, tell=notes.append)
    reading.problems.check()
    dataset = reading.dataset
    assert dataset is not None  # there were no problems
    notes = [*bare.notes, *_encoded_anew(dataset, encoders), *notes]
    given = dataset.info.get("notes", ())
    info = {**dataset.info, "notes": [*given, *notes]} if notes else dataset.info
    return replace(dataset, task="", info=info)


class GraphOnly:
    """A store whose declaration has no targets, and whose features are those of given encoders.

    What a declaration says of features is left aside where there are encoders: without a written
    declaration it follows from the data, and new rows must not change what a model reads.

    Args:
        store: The store.
        encoders: Encoders by type.
    """

    def __init__(self, store: Store, encoders: Encoders) -> None:
        self._store, self._encoders = store, encoders
        self.notes: list[str] = []
        """Declared columns that are not read, one line per table."""

    @property
    def label(self) -> str:
        """Name of the store in messages."""
        return self._store.label

    @property
    def name(self) -> str:
        """Name of the graph, if the declaration gives none."""
        return self._store.name

    def names(self) -> list[str]:
        """Returns the names of all tables."""
        return self._store.names()

    def source(self, entry: Mapping[str, Any], label: str) -> Source:
        """Returns a declared table."""
        return self._store.source(entry, label)

    def files(self) -> list[Path]:
        """Returns the files that are read."""
        return self._store.files()

    def declaration(self) -> dict[str, Any]:
        """Returns the declaration of the graph alone."""
        self.notes = []
        spec = without_targets(self._store.declaration())
        spec.pop("standins", None)
        nodes = {
            node_type: self._encoded(entry, node_type, f"table {node_type!r}")
            for node_type, entry in spec["nodes"].items()
        }
        edges = []
        for entry in spec["edges"]:
            key = str(EdgeType(*entry.type))
            edges.append(self._encoded(entry, key, f"table ({key})"))
        return {**spec, "nodes": nodes, "edges": edges}

    def _encoded(self, entry: Any, key: str, label: str) -> Any:
        """Returns an entry that reads the columns of its encoders, if it has any."""
        if key not in self._encoders or entry is None or isinstance(entry, int):
            return entry
        names = [name for name, _ in TableEncoder.from_dict(self._encoders[key]).columns]
        entry, left = of_columns(entry, names)
        if left:
            self.notes.append(
                f"{label}: {', '.join(left)} not read as features, as the trained graph had no "
                f"such features; it had {', '.join(names)}"
            )
        return entry


def _encoded_anew(dataset: Dataset, encoders: Encoders) -> list[str]:
    """Tells which columns had to be encoded without a saved encoder."""
    reverses = {str(b): str(a) for a, b in dataset.graph.schema.reverses}
    lines = []
    for key, state in dataset.graph.encoders.items():
        if key not in encoders and reverses.get(key, "") not in dataset.graph.encoders:
            names = ", ".join(column["column"] for column in state["columns"])
            lines.append(
                f"{key}: {names} encoded anew, as there are no saved encoders of this type"
            )
    return lines
