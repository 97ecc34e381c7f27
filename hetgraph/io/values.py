"""Numbers of nodes, such as their importance, as a column of a node table, and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch

from hetgraph.catalog.dataset import NodeValues
from hetgraph.errors import DataError
from hetgraph.io.sources import Source

__all__ = ["read_values", "value_column"]


def read_values(source: Source, node_type: str, column_name: str) -> NodeValues:
    """Reads a column with a number for each node, or nothing where it is not known.

    Raises:
        DataError: If the column holds no numbers, none at all, or an infinite one.
    """
    column = source.column(column_name)
    where = f"{source.label}, column {column_name!r}"
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise DataError(f"{where} holds {kind}; expected numbers, or nothing where unknown.")
    numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    known = np.flatnonzero(~np.isnan(numbers))
    if not known.size:
        raise DataError(f"{where}: no node has a value; every one is missing.")
    odd = known[~np.isfinite(numbers[known])]
    if odd.size:
        raise DataError(f"{where}, row {odd[0]} (from 0): {numbers[odd[0]]}; expected a number.")
    return NodeValues(
        node_type, torch.from_numpy(known), torch.from_numpy(numbers[known]), column_name
    )


def value_column(values: NodeValues, num_nodes: int) -> pa.Array:
    """Returns the values as a column with gaps; :func:`read_values` reads it."""
    numbers = np.full(num_nodes, np.nan)
    numbers[values.index.numpy()] = values.target.numpy()
    return pa.array(numbers, from_pandas=True)
