"""Held-out edges."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
import torch

from hetgraph.catalog import Links
from hetgraph.catalog.targets import Rows
from hetgraph.data import EdgeType
from hetgraph.errors import DataError
from hetgraph.io.sources import as_source

LIKES, BUYS = EdgeType("user", "likes", "film"), EdgeType("user", "buys", "film")
PAIRS = torch.tensor([[0, 2, 2], [4, 1, 1]])
ONE = Links((BUYS,), PAIRS, PAIRS[:, :2], PAIRS.flip(1), PAIRS[:, 1:])
SEVERAL = Links((LIKES, BUYS), None, PAIRS, test_type=torch.tensor([1, 0, 1]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edge_types": ()}, "links are of none; expected different edge types"),
        ({"edge_types": (BUYS, BUYS)}, "expected different edge types"),
        ({"test": PAIRS.T}, r"test is torch.int64 \[3, 2\], expected int64 \[2, n\]"),
        ({"valid": PAIRS.float()}, r"valid is torch.float32 \[2, 3\]"),
        ({"test_negatives": -PAIRS}, "test_negatives holds the node -4"),
        ({"test_type": torch.zeros(2).long()}, "test_type is given; .* several relations"),
        ({"edge_types": (BUYS, LIKES)}, "valid_type is missing; .* several relations"),
    ],
)
def test_bad_links_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(ONE, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_type": torch.tensor([0, 2, 1])}, r"test_type runs from 0 to 2, expected 0\.\.1"),
        (
            {"test_type": torch.tensor([0, 1])},
            r"test_type is torch.int64 \[2\], expected int64 \[3",
        ),
        ({"test_type": torch.zeros(3)}, r"test_type is torch.float32 \[3\]"),
        ({"test_type": None}, "test_type is missing"),
        ({"valid_type": torch.tensor([0])}, "valid_type is given"),
        ({"test_negatives": PAIRS}, "negative pairs are given for one relation only"),
        ({"valid_negatives": PAIRS}, "negative pairs are given for one relation only"),
    ],
)
def test_bad_links_of_several_relations_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(SEVERAL, **changes)


def test_one_edge_type_stands_for_a_tuple_of_it() -> None:
    assert Links(BUYS, None, PAIRS).edge_types == (BUYS,)  # type: ignore[arg-type]
    assert Links(("user", "buys", "film"), None, PAIRS).edge_type == BUYS  # type: ignore[arg-type]
    with pytest.raises(DataError, match="expected one relation"):
        _ = SEVERAL.edge_type


def test_pairs_by_relation() -> None:
    assert SEVERAL.of(BUYS, "test").tolist() == [[0, 2], [4, 1]]
    assert SEVERAL.of(LIKES, "test").tolist() == [[2], [1]]
    assert SEVERAL.of(LIKES, "valid").shape == (2, 0)
    assert torch.equal(ONE.of(BUYS, "valid"), PAIRS)


@pytest.mark.parametrize("links", [ONE, SEVERAL, Links((BUYS,), None, PAIRS)])
def test_they_are_stored_whole(links: Links, stored: Any) -> None:
    stored(links)


@pytest.mark.parametrize("links", [ONE, Links((BUYS,), None, PAIRS)])
def test_those_of_one_relation_go_through_rows(links: Links, through_rows: Any) -> None:
    read, _ = through_rows(links)
    assert read.edge_types == (BUYS,)
    assert list(read.pairs()) == list(links.pairs())
    for name, pairs in links.pairs().items():
        assert torch.equal(read.pairs()[name], pairs)
    assert SEVERAL.to_rows({}, lists=True) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["test", "tset", None], "holds 'tset'; expected valid, test"),
        (["test", "None", None], "holds 'None'"),
        (["valid", None, None], "no pair is marked 'test'"),
    ],
)
def test_bad_columns_are_told(words: list[str | None], message: str) -> None:
    rows = Rows(as_source(pa.table({"set": words}), "table"), BUYS, PAIRS)
    with pytest.raises(DataError, match=message):
        Links.from_rows(rows, {"column": "set"})


def test_they_are_counted() -> None:
    assert ONE.statistics() == {"valid": 3, "test": 2, "valid_negatives": 3, "test_negatives": 2}
    assert SEVERAL.statistics() == {"test": 3}


def test_what_counts_in_the_digest() -> None:
    def sha256(links: Links, name: str = "links") -> str:
        digest = hashlib.sha256()
        links.update_digest(digest, name)
        return digest.hexdigest()

    others = (
        ONE,
        replace(ONE, valid=None),
        replace(ONE, test=PAIRS),
        replace(ONE, test_negatives=None),
        replace(ONE, edge_types=(LIKES,)),
        replace(SEVERAL, edge_types=(BUYS, LIKES)),
        replace(SEVERAL, test_type=torch.tensor([1, 0, 0])),
    )
    assert len({sha256(SEVERAL), sha256(SEVERAL, "more"), *map(sha256, others)}) == 9
