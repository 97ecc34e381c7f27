"""Features, ids and texts of the nodes of one type: one value per node."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError

__all__ = ["as_column", "take", "take_rows"]


def as_column(values: Any) -> pa.Array:
    """Returns ids or texts as an Arrow array.

    Raises:
        DataError: If they have no common type, or are integers beyond 64 bits.
    """
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    if isinstance(values, pa.Array):
        return values
    try:
        return pa.array(values.numpy() if isinstance(values, Tensor) else values)
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(f"ids or text {values!r:.60} have no common type ({error}).") from error


def take(values: pa.Array, index: Tensor | None) -> pa.Array:
    """Returns some rows of a column; ``None`` stands for all."""
    return values if index is None else values.take(pa.array(index.cpu().numpy()))


def take_rows(features: Tensor | CSR, index: Tensor) -> Tensor | CSR:
    """Returns some rows of features, on their device."""
    return (
        features.rows(index) if isinstance(features, CSR) else features[index.to(features.device)]
    )
