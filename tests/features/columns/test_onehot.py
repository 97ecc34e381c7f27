from __future__ import annotations

import datetime
import logging
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import OneHotEncoder

from hetgraph.errors import ConfigError, DataError

CITIES = ["Rome", "Oslo", "Rome", "İzmir", "", "東京", "Oslo"]


@pytest.mark.parametrize("values", [CITIES, [3, 1, 2, 3], [2.5, 1.0, 2.5]])
def test_categories_equal_scikit_learn(fit: Any, values: Any) -> None:
    encoder, features = fit(values, "onehot")
    peers = OneHotEncoder(sparse_output=False).fit_transform(np.array(values)[:, np.newaxis])
    assert np.array_equal(features[:, :-2], peers)
    assert not features[:, -2:].any()
    assert encoder.names[-2:] == ["x (other)", "x (missing)"]
    assert encoder.names[0] == f"x={min(values)}".removesuffix(".0")


def test_rare_categories_equal_scikit_learn(fit: Any) -> None:
    values = list("aaabbbbcdde")
    for options, peer in (
        ({"min_count": 2}, OneHotEncoder(min_frequency=2, sparse_output=False)),
        ({"max_categories": 2}, OneHotEncoder(max_categories=3, sparse_output=False)),
    ):
        encoder, features = fit(values, "onehot", **options)
        expected = peer.fit_transform(np.array(values)[:, np.newaxis])
        assert np.array_equal(features[:, :-1], expected)
    assert encoder.describe() == ["x: one-hot of 2 categories, 3 rarer in 4 of 11 rows → other"]


def test_unknown_and_missing_categories_have_a_place(
    fit: Any, apply: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fit(["a", "b", "b"], "onehot", min_count=2)
    encoder, features = fit(["a", None, "b"])
    assert encoder.names == ["x=a", "x=b", "x (other)", "x (missing)"]
    assert features.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]]
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        assert apply(encoder, ["b", "c", None]).tolist() == [
            [0, 1, 0, 0],
            [0, 0, 1, 0],
            [0, 0, 0, 1],
        ]
    assert "table 'new', column 'x': 1 of 3 values are not among the 2 categories" in caplog.text
    assert "row 1 (from 0): 'c'" in caplog.text


def test_the_row_order_does_not_matter(fit: Any) -> None:
    values = list("aabbccdd")
    first, _ = fit(values, "onehot", max_categories=2)
    second, _ = fit(values[::-1], "onehot", max_categories=2)
    assert first == second
    assert first.columns[0][1].categories == ["a", "b"]


def test_numbers_of_any_type_are_the_same_categories(fit: Any, apply: Any) -> None:
    encoder, features = fit([3, 1, None], "onehot")
    for values in ([3.0, 1.0, np.nan], ["3", "1", None], pa.array([3, 1, None], pa.uint8())):
        assert np.array_equal(apply(encoder, values), features)
    encoder, features = fit([123_456_789_012, 2**53 - 1, None], "onehot")
    assert np.array_equal(apply(encoder, [123_456_789_012.0, 2.0**53 - 1, None]), features)
    assert fit([1e300, 2.0], "onehot")[0].names[:2] == ["x=1e+300", "x=2"]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([True, False], ["x=false", "x=true"]),
        ([datetime.date(2020, 1, 2)], ["x=2020-01-02"]),
        ([0.5, 1e300], ["x=0.5", "x=1e+300"]),
        ([2**63 - 1, -(2**63)], ["x=-9223372036854775808", "x=9223372036854775807"]),
        (pa.nulls(2), []),
        (pa.array([], pa.string()), []),
    ],
)
def test_categories_of_other_types(fit: Any, values: Any, names: list[str]) -> None:
    encoder, features = fit(values, "onehot")
    assert encoder.names[:-2] == names
    assert np.array_equal(features.sum(axis=1), np.ones(len(values)))


def test_many_texts_do_not_explode(fit: Any) -> None:
    values = [f"v{i}" for i in range(5000)]
    encoder, features = fit(values, "onehot")
    assert features.shape == (5000, 1002)
    assert features[:, -2].sum() == 4000
    assert encoder.describe() == [
        "x: one-hot of 1000 categories, 4000 rarer in 4000 of 5000 rows → other"
    ]
    assert fit(values, "onehot", edges=True)[1].shape == (5000, 66)
    assert fit(values, "onehot", max_categories=0)[1].shape == (5000, 2)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["red", "blue", "red"], "onehot"),
        ([f"u{i}" for i in range(21)], "text"),
        ([f"u{i % 21}" for i in range(42)], "onehot"),
        (["a long line of many words", "and one more line of many words"], "text"),
        (["", " ", "a long line of many words"], "text"),
        ([None, None, "a"], "onehot"),
    ],
)
def test_texts_are_categories_if_short_and_few(fit: Any, values: Any, kind: str) -> None:
    assert fit(values)[0].columns[0][1].kind == kind


def test_what_is_no_category_is_told(fit: Any) -> None:
    with pytest.raises(DataError, match="expected texts or numbers as categories"):
        fit([[1], [2]], "onehot")
    with pytest.raises(ConfigError, match=r"column 'x' \(onehot\): unknown key 'scale'"):
        fit(["a", "b"], scale="none")
