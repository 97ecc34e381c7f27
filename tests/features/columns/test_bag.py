from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer

from hetgraph.errors import ConfigError, DataError
from hetgraph.features.columns import Place
from hetgraph.features.columns.bag import Bag

LISTS = [["b", "a", "b"], [], None, ["ü", None]]


def test_lists_are_counts_as_by_scikit_learn(fit: Any, apply: Any) -> None:
    encoder, features = fit(LISTS)
    peer = CountVectorizer(analyzer=lambda words: [word for word in words or () if word])
    assert np.array_equal(features[:, :-2], peer.fit_transform(LISTS).toarray())
    assert features[:, -2:].tolist() == [[0, 0], [0, 0], [0, 1], [0, 0]]
    assert encoder.names == ["x=a", "x=b", "x=ü", "x (other)", "x (missing)"]
    assert apply(encoder, [["z", "a", "y"], None]).tolist() == [[1, 0, 0, 2, 0], [0, 0, 0, 0, 1]]
    assert encoder.describe() == ["x: bag of 3 words, 1 of 4 missing → a column of their own"]


def test_texts_with_a_separator(fit: Any) -> None:
    texts = ["b| a|b", "", None, "ü||"]
    assert np.array_equal(fit(texts, "bag", separator="|")[1], fit(LISTS)[1])
    with pytest.raises(ConfigError, match="a bag of texts needs a separator"):
        fit(texts, "bag")


def test_maps_are_their_values(fit: Any, apply: Any) -> None:
    rows = [{"a": 0.5, "b": -2.0}, {}, {"b": 3.0}]
    values = pa.array([list(row.items()) for row in rows], pa.map_(pa.string(), pa.float32()))
    encoder, features = fit(values)
    assert np.array_equal(features[:, :-2], DictVectorizer(sparse=False).fit_transform(rows))
    assert np.array_equal(fit(values[1:])[1][:, 0], [0, 3])
    new = pa.array([[("c", 4.0)], None], pa.map_(pa.string(), pa.float32()))
    assert apply(encoder, new).tolist() == [[0, 0, 4, 0], [0, 0, 0, 1]]


def test_whole_numbers_as_words(fit: Any) -> None:
    encoder, features = fit(pa.array([[7, 9], [9, 9]]), "bag")
    assert encoder.names[:2] == ["x=7", "x=9"]
    assert features[:, :2].tolist() == [[1, 1], [0, 2]]
    values = pa.array([[(7, 2)]], pa.map_(pa.int32(), pa.int8()))
    assert fit(values)[1].tolist() == [[2, 0, 0]]


def test_missing_cells_before_words(fit: Any) -> None:
    values = pa.array([None, [("a", 1.0)], None, [("a", 2.0)]], pa.map_(pa.string(), pa.float64()))
    assert fit(values)[1].tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1], [2, 0, 0]]
    lists = pa.array([None, ["a"], None, ["a", "a"]])
    assert fit(lists)[1].tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1], [2, 0, 0]]


def test_rare_words_count_as_other(fit: Any) -> None:
    encoder, features = fit([["a", "b"], ["a", "c"]], max_words=1)
    assert features.tolist() == [[1, 1, 0], [1, 1, 0]]
    assert encoder.describe() == ["x: bag of 1 words, 2 rarer → other"]
    assert fit([["a", "b"], ["a", "c"]], min_count=2)[1].tolist() == features.tolist()
    words = [[f"w{i}"] for i in range(11_000)]
    assert fit(words)[0].dim == 10_002
    assert fit(words, edges=True)[0].dim == 66


def test_nothing_in_the_bag(fit: Any) -> None:
    assert fit(pa.array([], pa.list_(pa.string())))[1].shape == (0, 2)
    assert fit(pa.nulls(2), "bag")[1].tolist() == [[0, 1], [0, 1]]


def test_a_bad_bag_is_told(fit: Any) -> None:
    values = pa.array([[("a", 1.0)], [("b", np.nan)]], pa.map_(pa.string(), pa.float64()))
    with pytest.raises(DataError, match=r"row 1 \(from 0\): the map holds the value nan"):
        fit(values)
    with pytest.raises(DataError, match="expected lists, maps, or texts with a separator"):
        fit([5], "bag")
    values = pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string()))
    with pytest.raises(DataError, match="expected numbers as the values of maps"):
        fit(values)


def test_the_row_of_a_new_word_is_told() -> None:
    lines: list[str] = []
    known = Bag.fit(pa.array([["a", "b"]]), Bag.Options(), Place("old"))
    words = pa.array([["a", "b"], ["b", "b"], None, ["a", "z", "y"]])
    known.encode(words, Place("table 'new', column 'x'", new=True, tell=lines.append))
    (line,) = lines
    assert "2 of 7 values are not among the 2 categories" in line
    assert "first in row 3 (from 0): 'z'" in line
