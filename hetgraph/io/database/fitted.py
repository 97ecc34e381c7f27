"""Encoders of columns that know only what there was at the last training row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from hetgraph.features.columns import TableEncoder
from hetgraph.io.columns import encode_features, node_features
from hetgraph.io.database.clock import NEVER, Clock
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.loader import Reading
from hetgraph.io.selected import SelectedRows
from hetgraph.io.sources import Source

__all__ = ["encoders_until"]


def encoders_until(reading: Reading, until: float) -> dict[str, dict[str, Any]]:
    """Returns encoders as fitted on the rows up to a time.

    Args:
        reading: The tables, and the encoders that were fitted on all of their rows.
        until: The time, on the scale of :class:`~hetgraph.io.database.clock.Clock`.
    """
    assert reading.dataset is not None
    given = reading.dataset.graph.encoders
    fitted: dict[str, dict[str, Any]] = {}
    for node_type, node in reading.nodes.items():
        if node_type not in given or node is None or node.time is None:
            continue
        rows = _rows_until(node.table, node.time, until)
        if len(rows):
            state = _of_nodes(node, rows)
            fitted[node_type] = _with_codes(state, given[node_type])
    for key, edge in reading.edges.items():
        if str(key) not in given or edge.time is None:
            continue
        rows = _rows_until(edge.table, edge.time, until)
        if len(rows):
            fitted[str(key)] = _with_codes(_of_edges(edge, rows), given[str(key)])
    return fitted


def _rows_until(source: Source, time: str, until: float) -> pa.Array:
    clock = Clock.read(source.column(time), f"{source.label}, column {time!r}")
    times = clock.times.fill_null(NEVER).to_numpy(zero_copy_only=False)
    return pa.array(np.flatnonzero(times <= until))


def _of_nodes(table: NodeTable, rows: pa.Array) -> Mapping[str, Any]:
    source = SelectedRows(table.table, rows, "rows to train on")
    state = node_features(source, replace(table, table=source), None)[1]
    assert state is not None  # the table has encoders
    return state


def _of_edges(table: EdgeTable, rows: pa.Array) -> Mapping[str, Any]:
    source = SelectedRows(table.table, rows, "rows to train on")
    return encode_features(source, table.features, table.dtype, None, dense=True)[1]


def _with_codes(state: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """Keeps the number of codes of all rows: a code has no place where it is not counted."""
    encoder, all_rows = TableEncoder.from_dict(state), TableEncoder.from_dict(whole)
    columns = tuple(
        (name, counted if counted.kind == kind.kind == "codes" else kind)
        for (name, kind), (_, counted) in zip(encoder.columns, all_rows.columns, strict=True)
    )
    return replace(encoder, columns=columns).to_dict()
