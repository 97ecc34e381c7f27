"""Numbers of nodes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Values
from hetgraph.catalog.targets import Rows
from hetgraph.errors import DataError
from hetgraph.io.sources import as_source

GIVEN = Values(
    "paper", torch.tensor([2, 0]), torch.tensor([1e17 + 1, 0.1], dtype=torch.float64), "views"
)


@pytest.mark.parametrize(
    ("index", "target", "message"),
    [
        (torch.tensor([0, 1]), torch.tensor([1.0]).double(), "one value per id"),
        (torch.tensor([0]), torch.tensor([1.0]), "expected float64"),
        (torch.tensor([0]).int(), torch.tensor([1.0]).double(), "expected float64 for int64"),
        (torch.tensor([0]), torch.tensor([torch.nan]).double(), "NaN or infinite"),
        (torch.tensor([3, 3]), torch.tensor([1.0, 2.0]).double(), "list a node twice"),
    ],
)
def test_bad_values_are_told(index: Tensor, target: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Values("paper", index, target)


def test_they_are_stored_and_go_through_rows(stored: Any, through_rows: Any) -> None:
    stored(GIVEN)
    read, kept = through_rows(GIVEN)
    assert kept is None
    assert read.index.tolist() == [0, 2]
    assert read.target.tolist() == GIVEN.target.flip(0).tolist()


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["a", "b"], "holds large_string; expected numbers"),
        ([None, None], "no node has a value"),
        ([1.0, float("inf")], r"row 1 \(from 0\): inf"),
    ],
)
def test_bad_columns_are_told(column: list[Any], message: str) -> None:
    rows = Rows(as_source(pa.table({"v": column}), "table 'paper'"), "paper")
    with pytest.raises(DataError, match=message):
        Values.from_rows(rows, {"column": "v"})


def test_they_are_counted() -> None:
    expected = {"target": "paper", "labelled": 2, "value_range": [0.1, 1e17 + 1]}
    assert GIVEN.statistics() == expected
    none = Values("paper", torch.zeros(0).long(), torch.zeros(0).double())
    assert none.statistics() == {"target": "paper", "labelled": 0}


def test_what_counts_in_the_digest() -> None:
    def sha256(values: Values, name: str = "values") -> str:
        digest = hashlib.sha256()
        values.update_digest(digest, name)
        return digest.hexdigest()

    assert sha256(replace(GIVEN, name="")) == sha256(GIVEN)
    others = (
        replace(GIVEN, node_type="author"),
        replace(GIVEN, index=torch.tensor([1, 0])),
        replace(GIVEN, target=GIVEN.target + 1),
    )
    assert len({sha256(GIVEN), sha256(GIVEN, "more"), *map(sha256, others)}) == 5
