"""One column, fitted and applied."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from hetgraph.data import CSR
from hetgraph.features.columns import Column, TableEncoder

Fit = Callable[..., tuple[TableEncoder, np.ndarray[Any, Any]]]
Apply = Callable[[TableEncoder, Any], np.ndarray[Any, Any]]


def as_array(values: Any) -> pa.Array:
    """Anything as an Arrow array, NaN of pandas and numpy kept as it is."""
    return values if isinstance(values, pa.Array) else pa.array(values)


def dense(features: torch.Tensor | CSR) -> np.ndarray[Any, Any]:
    return (features.to_dense() if isinstance(features, CSR) else features).numpy()


@pytest.fixture
def fit() -> Fit:
    """``fit(values, encode, **options)``: the encoder of a column ``x``, and its features."""

    def run(values: Any, encode: str | None = None, *, edges: bool = False, **options: Any) -> Any:
        encoder, features = TableEncoder.fit(
            lambda name, written: as_array(values),
            [Column("x", encode, **options)],
            where="table 't'",
            dtype=torch.float64,
            dense=edges,
        )
        return encoder, dense(features)

    return run


@pytest.fixture
def apply() -> Apply:
    """``apply(encoder, values)``: features of new rows, by an encoder that went through JSON."""

    def run(encoder: TableEncoder, values: Any) -> Any:
        again = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))
        assert again == encoder
        return dense(again.encode(lambda name, written: as_array(values), where="table 'new'"))

    return run
