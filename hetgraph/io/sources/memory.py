"""Tables in memory: Arrow, pandas, polars, DuckDB relations and mappings of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from torch import Tensor

from hetgraph.errors import DataError
from hetgraph.io.sources.base import Source

__all__ = ["ArrowSource", "memory_source"]


def memory_source(table: Any, label: str) -> Source | None:
    """Returns a table in memory as a source, or ``None`` if it is none."""
    module = type(table).__module__.partition(".")[0]
    if module == "polars" and hasattr(table, "collect"):
        table = table.collect()
    if module == "pandas" and hasattr(table, "columns"):
        return _FrameSource(table, label)
    if isinstance(table, Mapping):
        return _MappingSource(table, label)
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    elif hasattr(table, "to_table") and hasattr(table, "schema"):  # a pyarrow Dataset
        table = table.to_table()
    elif module in ("duckdb", "_duckdb") and hasattr(table, "to_arrow_table"):
        # Once and whole: a query that runs again for each column may return another row order.
        table = table.to_arrow_table()
    elif hasattr(table, "__arrow_c_stream__"):
        table = pa.table(table)
    return ArrowSource(table, label) if isinstance(table, pa.Table) else None


class ArrowSource(Source):
    """An Arrow table."""

    def __init__(self, table: pa.Table, label: str) -> None:
        super().__init__(label)
        self._table = table

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns."""
        return list(self._table.column_names)

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(self._table.num_rows)

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        return self._table[name]


class _FrameSource(Source):
    def __init__(self, frame: Any, label: str) -> None:
        super().__init__(label)
        self._frame = frame

    @property
    def names(self) -> Sequence[str]:
        return [str(name) for name in self._frame.columns]

    @property
    def num_rows(self) -> int:
        return len(self._frame)

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        values = self._frame.iloc[:, list(self.names).index(name)]
        try:
            return pa.array(values, from_pandas=True)
        except OverflowError:
            return pa.array(values, pa.uint64(), from_pandas=True)


class _MappingSource(Source):
    def __init__(self, columns: Mapping[str, Any], label: str) -> None:
        super().__init__(label)
        self._columns = columns
        if isinstance(columns.get("table"), Mapping) or hasattr(columns.get("table"), "columns"):
            raise DataError(
                f"{label}: the dict has a whole table in 'table', but a dict holds columns; write "
                "hetgraph.NodeTable(table, features=[...]) or hetgraph.EdgeTable(table, ...)."
            )
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"{label}: the columns differ in length: {lengths}.")

    @property
    def names(self) -> Sequence[str]:
        return list(self._columns)

    @property
    def num_rows(self) -> int:
        return next((len(values) for values in self._columns.values()), 0)

    def _read(self, name: str) -> pa.Array | pa.ChunkedArray:
        values = self._columns[name]
        if isinstance(values, (pa.Array, pa.ChunkedArray)):
            return values
        if isinstance(values, Tensor):
            values = values.detach().cpu().numpy()
        if getattr(values, "ndim", 1) == 2:  # A matrix: one row of values per table row.
            return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
        try:
            return pa.array(values)
        except OverflowError:  # Python integers from 2^63 on
            return pa.array(values, pa.uint64())
