"""Numbers of edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
import torch

from hetgraph.catalog import EdgeValues
from hetgraph.catalog.targets import Rows
from hetgraph.data import EdgeType
from hetgraph.errors import DataError
from hetgraph.io.sources import as_source

RATES = EdgeType("user", "rates", "film")
EDGES = torch.tensor([[0, 2, 2], [4, 1, 1]])
GIVEN = EdgeValues(
    RATES, EDGES, torch.tensor([0.1, 5.0, 3.0], dtype=torch.float64), torch.rand(3), "stars"
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edges": EDGES[0]}, r"edges are torch.int64 \[3\]"),
        (
            {"target": torch.zeros(3)},
            r"target is torch.float32 \[3\], expected torch.float64 \[3\]",
        ),
        ({"target": torch.tensor([0.0, torch.nan, 1.0]).double()}, "hold NaN or infinite"),
        ({"time": torch.rand(3, 1)}, r"time has shape \[3, 1\]"),
    ],
)
def test_bad_values_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(GIVEN, **changes)


@pytest.mark.parametrize("values", [GIVEN, replace(GIVEN, time=None)])
def test_they_are_stored_and_go_through_rows(
    values: EdgeValues, stored: Any, through_rows: Any
) -> None:
    stored(values)
    read, kept = through_rows(values)
    assert kept.tolist() == [0, 1, 2]
    assert read.edge_type == RATES
    assert torch.equal(read.edges, values.edges)
    assert torch.equal(read.target, values.target)
    assert (read.time is None) == (values.time is None)


def test_rows_without_a_value_are_left_out() -> None:
    table = as_source(pa.table({"stars": [None, 4, 2]}), "table (rates)")
    read, kept = EdgeValues.from_rows(
        Rows(table, RATES, EDGES, torch.tensor([5, 6, 7])), {"column": "stars"}
    )
    assert kept.tolist() == [1, 2]
    assert read.edges.tolist() == [[2, 2], [1, 1]]
    assert read.target.tolist() == [4.0, 2.0]
    assert read.name == "stars"
    assert read.time is not None
    assert read.time.tolist() == [6, 7]


def test_they_are_counted() -> None:
    counts = {"target": "user -rates> film", "labelled": 3, "value_range": [0.1, 5.0]}
    assert GIVEN.statistics() == counts
    assert GIVEN.split_statistics(torch.tensor([1])) == {"edges": 1}
