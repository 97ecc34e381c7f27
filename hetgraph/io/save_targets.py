"""Targets and splits as columns and tables of a folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.targets.base import Written
from hetgraph.data.schema import EdgeType
from hetgraph.io.columns import tensor_to_column
from hetgraph.io.declared import declared_targets
from hetgraph.io.export import id_column
from hetgraph.io.splits import split_column

__all__ = ["WrittenTargets"]

_LOG = logging.getLogger("hetgraph.io")


class WrittenTargets:
    """The targets of a data set as columns and tables, and their declaration.

    Args:
        dataset: The data set.
        lists: Whether a column can hold lists.
    """

    def __init__(self, dataset: Dataset, *, lists: bool) -> None:
        self._dataset = dataset
        self._written: dict[str, Written] = {}
        self._entries: dict[str, dict[str, Any]] = {}
        self._first = next(iter(dataset.targets), "")
        for name, target in dataset.targets.items():
            written = target.to_rows(dataset.graph.num_nodes, lists=lists)
            if written is None:
                _LOG.warning(
                    "%s: the target %r (%s) is not written, as tables cannot represent it",
                    dataset.name,
                    name,
                    target.kind,
                )
            else:
                self._written[name] = written

    def add_columns(self, table: pa.Table, node_type: str) -> pa.Table:
        """Returns a node table with the targets of its node type appended as columns."""
        for name, written in self._written.items():
            if written.place == node_type:
                self._entries[name] = {"node_type": node_type}
                table = self._with_columns(table, name, written)
        return table

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        """Yields the targets that become separate tables, by name."""
        graph = self._dataset.graph
        for name, written in self._written.items():
            if written.edges is None or not isinstance(written.place, EdgeType):
                continue
            edge_type = written.place
            columns = {
                "src": id_column(graph, edge_type.src, written.edges[0]),
                "dst": id_column(graph, edge_type.dst, written.edges[1]),
            }
            self._entries[name] = {"edge": list(edge_type)}
            if written.time is not None:
                columns["time"] = tensor_to_column(written.time)
                self._entries[name]["time"] = "time"
            yield name, self._with_columns(pa.table(columns), name, written)

    def place(self, name: str, file: str) -> None:
        """Sets the file of a target in a separate table."""
        self._entries[name]["file"] = file

    def declaration(self) -> dict[str, Any]:
        """Returns the entries of ``tables.yaml``, after all tables are written."""
        kinds: dict[str, dict[str, Any]] = {}
        for name in self._written:
            kinds.setdefault(self._dataset.targets[name].kind, {})[name] = self._entries[name]
        spec: dict[str, Any] = {
            kind: entries[kind] if [*entries] == [kind] else entries
            for kind, entries in kinds.items()
        }
        if self._first not in self._written:
            return spec
        if declared_targets(spec)[0].name != self._first:
            spec["target"] = self._first
        if self._dataset.splits:
            spec["splits"] = {name: f"split {name}" for name in self._dataset.splits}
        return spec

    def _with_columns(self, table: pa.Table, name: str, written: Written) -> pa.Table:
        target = self._dataset.targets[name]
        main = target.column if target.column and name == target.kind else name
        for option, values in written.columns.items():
            column = main if option == "column" else f"{main} {option}"
            while column in table.column_names:
                column += "_"
            table = table.append_column(column, values)
            self._entries[name][option] = column
        self._entries[name] |= written.options
        if name == self._first:
            for key, split in self._dataset.splits.items():
                table = table.append_column(f"split {key}", split_column(split, table.num_rows))
        return table
