from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from hetgraph.errors import DataError

pytestmark = pytest.mark.filterwarnings("error")

VECTORS = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)


def fixed(values: Any) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


@pytest.mark.parametrize(
    "values", [fixed(VECTORS), pa.array(VECTORS.tolist(), pa.list_(pa.float32()))]
)
def test_lists_stay_as_they_are(fit: Any, apply: Any, values: Any) -> None:
    encoder, features = fit(values)
    assert np.array_equal(features, VECTORS)
    assert encoder.names == ["x[0]", "x[1]", "x[2]"]
    assert encoder.describe() == ["x: lists of 3 numbers, not scaled"]
    assert np.array_equal(apply(encoder, values[5:9]), VECTORS[5:9])
    _, features = fit(values[5:9])
    assert np.array_equal(features, VECTORS[5:9])


def test_elements_are_scaled_and_filled_as_by_scikit_learn(fit: Any, apply: Any) -> None:
    values = VECTORS.astype(np.float64)
    _, features = fit(fixed(values), scale="standard")
    np.testing.assert_allclose(features, StandardScaler().fit_transform(values), atol=1e-12)
    values[3, 1] = np.nan
    values[4] = np.nan
    peers = SimpleImputer(strategy="mean").fit_transform(values)
    rows = values.tolist()
    rows[4] = None
    encoder, features = fit(pa.array(rows))
    np.testing.assert_allclose(features[:, :3], peers, rtol=1e-12)
    assert np.flatnonzero(features[:, 3]).tolist() == [3, 4]
    assert encoder.describe() == [
        "x: lists of 3 numbers, 2 of 20 missing → mean + indicator, not scaled"
    ]
    assert np.array_equal(apply(encoder, pa.array(rows)), features)
    assert np.array_equal(apply(encoder, pa.nulls(2)), features[[4, 4]])


def test_huge_numbers_in_lists(fit: Any) -> None:
    encoder, features = fit([[1.7e308, 1.0], [1.7e308, None]])
    assert features.tolist() == [[1.7e308, 1, 0], [1.7e308, 1, 1]]
    assert encoder.columns[0][1].fill == [1.7e308, 1.0]


def test_integers_and_booleans_in_lists(fit: Any) -> None:
    assert fit([[1, 2], [3, 4]])[1].tolist() == [[1, 2], [3, 4]]
    assert fit([[True], [False]])[1].tolist() == [[1], [0]]
    assert fit([[True, None], [False, True]])[1].tolist() == [[1, 1, 1], [0, 1, 0]]
    assert fit([[1, None], [3, 4]])[1].tolist() == [[1, 4, 1], [3, 4, 0]]


def test_empty_lists_and_no_rows(fit: Any, apply: Any) -> None:
    assert fit(pa.array([[], []], pa.list_(pa.float32())))[1].shape == (2, 0)
    assert fit(pa.array([], pa.list_(pa.float32(), 4)))[1].shape == (0, 4)
    encoder, _ = fit([[1.0, 2.0]])
    assert apply(encoder, pa.array([], pa.list_(pa.float64()))).shape == (0, 2)


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        ([[1.0], None, [1.0, 2.0]], {}, r"row 2 \(from 0\): the list has 2 values, others 1"),
        ([[1.0, np.inf], [1.0, 2.0]], {}, r"row 0 \(from 0\): inf is not finite"),
        ([[1.0], None], {"fill": "error"}, r"row 1 \(from 0\): the value is missing"),
        (["a"], {"encode": "list"}, "such as 'a'; expected lists of numbers"),
    ],
)
def test_a_bad_list_names_its_row(fit: Any, values: Any, options: Any, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        fit(values, **options)


def test_new_lists_have_the_length_of_the_old(fit: Any, apply: Any) -> None:
    encoder, _ = fit([[1.0, 2.0]])
    with pytest.raises(DataError, match=r"table 'new'.*row 0.*the list has 3 values, others 2"):
        apply(encoder, [[1.0, 2.0, 3.0]])
