from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from hetgraph.errors import ConfigError
from hetgraph.features.columns import Column, ColumnKind, TableEncoder, as_columns
from hetgraph.registry import columns as kinds


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("a", [Column("a")]),
        (["a", Column("b", "onehot")], [Column("a"), Column("b", "onehot")]),
        (Column("a"), [Column("a")]),
        ({"a": None, "b": "date"}, [Column("a"), Column("b", "date")]),
        ({"a": {"fill": 3, "encode": "number"}}, [Column("a", "number", fill=3)]),
        ({"a": Column("z", "hash", dim=3)}, [Column("a", "hash", dim=3)]),
        ((), []),
    ],
)
def test_every_way_to_declare_columns(declared: Any, expected: list[Column]) -> None:
    assert as_columns(declared, "table") == tuple(expected)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (["a", "a"], "table: column 'a' is declared twice"),
        ([3], "the feature 3 is no name"),
        (3, "features is 3, expected a list of columns"),
        ({"a": 3}, "column 'a': 3 is no encoder"),
        ({"a": {"encode": 3}}, "encode is 3, expected a name"),
    ],
)
def test_a_wrong_declaration_is_told(declared: Any, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        as_columns(declared, "table")


def test_options_decide_between_encoders_that_suit_the_column() -> None:
    texts = ["red", "blue", "red"]
    assert fit(texts).columns[0][1].kind == "onehot"
    assert fit(texts, encoder="hash:8").columns[0][1].kind == "text"
    assert fit(texts, min_count=2).columns[0][1].kind == "onehot"


def test_columns_are_values() -> None:
    assert Column("a", fill=1) == Column("a", "auto", fill=1)
    assert len({Column("a"), Column("a"), Column("a", "date")}) == 2
    assert Column("a") != "a"


def fit(values: Any, *declared: Any, **options: Any) -> TableEncoder:
    return TableEncoder.fit(lambda *_: pa.array(values), [Column("x", *declared, **options)])[0]


def test_unknown_encoders_and_options_are_told() -> None:
    with pytest.raises(ConfigError, match=r"unknown encoder 'one-hot'. Did you mean 'onehot'"):
        fit(["a"], "one-hot")
    with pytest.raises(ConfigError, match="unknown encoder 'base'"):
        fit(["a"], "base")
    with pytest.raises(ConfigError, match=r"\(number\): unknown key 'fil'. Did you mean 'fill'"):
        fit([1], fil="mean")
    with pytest.raises(ConfigError, match=r"holds struct<.*>, which no encoder reads"):
        fit([{"a": 1}])


def test_another_package_adds_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    class Parity(ColumnKind):
        kind = "parity"

        @classmethod
        def claim(cls, values: Any) -> int:
            return 3

        @classmethod
        def fit(cls, values: Any, options: Any, place: Any) -> Any:
            return cls()

        def encode(self, values: Any, place: Any) -> Any:
            return values.to_numpy()[:, None] % 2

        def names(self, column: str) -> list[str]:
            return [f"{column} is odd"]

        def describe(self) -> str:
            return "parity"

    monkeypatch.setitem(kinds._added, "parity", Parity)
    _, features = TableEncoder.fit(lambda *_: pa.array([1, 2]), [Column("x")])
    assert features.tolist() == [[1], [0]]
