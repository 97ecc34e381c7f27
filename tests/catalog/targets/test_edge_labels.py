"""Classes of edges."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
import torch

from hetgraph.catalog import EdgeLabels
from hetgraph.catalog.targets import Rows
from hetgraph.data import EdgeType
from hetgraph.errors import DataError
from hetgraph.io.sources import as_source

RATES = EdgeType("user", "rates", "film")
EDGES = torch.tensor([[0, 2, 2], [4, 1, 1]])
GIVEN = EdgeLabels(
    RATES, 3, EDGES, torch.tensor([2, 0, 2]), torch.tensor([5, 6, 7]), ("x", "y", "z")
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edges": EDGES.T}, r"edges are torch.int64 \[3, 2\], expected int64 \[2, n\]; target is"),
        ({"edges": EDGES.float()}, "edges are torch.float32"),
        ({"edges": -EDGES}, "edges hold the node -4"),
        (
            {"target": torch.tensor([0, 1])},
            r"target is torch.int64 \[2\], expected torch.int64 \[3\]",
        ),
        ({"target": torch.zeros(3)}, r"target is torch.float32 \[3\]"),
        ({"target": torch.tensor([0, 3, 1])}, r"run from 0 to 3, expected 0\.\.2"),
        ({"target": torch.tensor([0, -1, 1])}, "run from -1 to 1"),
        ({"time": torch.tensor([1])}, r"time has shape \[1\], expected \[3\]"),
        ({"time": torch.tensor([1.0, torch.inf, 0.0])}, "time holds NaN or infinite"),
        ({"class_names": ("x",)}, "1 names for 3 classes"),
    ],
)
def test_bad_labels_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(GIVEN, **changes)


@pytest.mark.parametrize("labels", [GIVEN, replace(GIVEN, time=None, class_names=())])
def test_they_are_stored_and_go_through_rows(
    labels: EdgeLabels, stored: Any, through_rows: Any
) -> None:
    stored(labels)
    read, kept = through_rows(labels)
    stored(read)
    assert kept.tolist() == [0, 1, 2]
    assert read.edge_type == RATES
    assert torch.equal(read.edges, labels.edges)
    assert read.target.tolist() == labels.target.tolist()
    assert (read.num_classes, read.class_names) == (3, labels.class_names)
    assert (read.time is None) == (labels.time is None)


def test_rows_without_a_label_are_left_out() -> None:
    table = as_source(pa.table({"kind": ["b", None, "a"]}), "table (rates)")
    rows = Rows(table, RATES, EDGES, torch.tensor([5, 6, 7]))
    read, kept = EdgeLabels.from_rows(rows, {"column": "kind"})
    assert kept.tolist() == [0, 2]
    assert read.edges.tolist() == [[0, 2], [4, 1]]
    assert read.target.tolist() == [1, 0]
    assert read.class_names == ("a", "b")
    assert read.time is not None
    assert read.time.tolist() == [5, 7]
    with pytest.raises(DataError, match="class 'b' is not declared"):
        EdgeLabels.from_rows(rows, {"column": "kind", "classes": ["a", "c"]})
    empty = replace(rows, table=as_source(pa.table({"kind": [None] * 3}), "table"))
    with pytest.raises(DataError, match="no edge is labelled"):
        EdgeLabels.from_rows(empty, {"column": "kind"})


def test_edges_are_counted_by_class() -> None:
    assert GIVEN.statistics() == {
        "target": "user -rates> film",
        "classes": 3,
        "labelled": 3,
        "class_counts": [1, 0, 2],
    }
    assert GIVEN.split_statistics(torch.tensor([2, 0])) == {"edges": 2, "classes": [0, 0, 2]}


def test_everything_counts_in_the_digest() -> None:
    def sha256(labels: EdgeLabels) -> str:
        digest = hashlib.sha256()
        labels.update_digest(digest, "edge_labels")
        return digest.hexdigest()

    others = (
        replace(GIVEN, edge_type=EdgeType("user", "sees", "film")),
        replace(GIVEN, edges=EDGES.flip(1)),
        replace(GIVEN, target=torch.tensor([2, 0, 1])),
        replace(GIVEN, time=None),
        replace(GIVEN, num_classes=4, class_names=()),
    )
    assert len({sha256(GIVEN), *map(sha256, others)}) == 6
    assert sha256(replace(GIVEN, class_names=("a", "b", "c"))) == sha256(GIVEN)
