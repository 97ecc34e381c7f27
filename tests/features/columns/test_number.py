"""Numbers: against scikit-learn, and where it has no answer."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import RobustScaler, StandardScaler

from hetgraph.errors import ConfigError, DataError

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(0)
COLUMNS = {
    "floats": RNG.normal(3, 7, 50),
    "ints": RNG.integers(-5, 100, 51),
    "ties": np.array([2, 2, 1, 1, 5]),
    "one": np.array([4.5]),
    "constant": np.array([0.1] * 10),
    "rounding": np.array([1.0, np.nextafter(1, 2)] * 5),
    "huge": np.array([1e300, -1e308, 1e308]),
    "huge ints": np.array([2**62, 2**62 + 2**20, 5]),
    "unsigned": np.array([2**64 - 1, 0, 7], dtype=np.uint64),
    "tiny": np.array([1e-300, 2e-300]),
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    ("scale", "peer"), [("standard", StandardScaler), ("robust", RobustScaler)]
)
def test_scales_equal_scikit_learn(fit: Any, column: str, scale: str, peer: Any) -> None:
    values = COLUMNS[column]
    # Of huge values scikit-learn's variance is infinite, tiny ones it takes for constant.
    factor = {"huge": 1e-300, "tiny": 1e300}.get(column, 1.0)
    peers = peer().fit_transform((values * factor)[:, np.newaxis])
    _, features = fit(values, scale=scale)
    np.testing.assert_allclose(features, peers, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("fill", ["median", "mean", "most_frequent"])
def test_fills_equal_scikit_learn(fit: Any, fill: str) -> None:
    values = np.array([3.0, np.nan, 1.0, 1.0, np.nan, 8.0, 3.0])
    peers = SimpleImputer(strategy=fill, add_indicator=True).fit_transform(values[:, np.newaxis])
    _, features = fit(values, fill=fill, scale="none")
    np.testing.assert_array_equal(features, peers)


def test_the_scale_is_that_of_the_known_values(fit: Any) -> None:
    encoder, features = fit([1.0, None, 3.0, float("nan")])
    assert features.tolist() == [[-1, 0], [0, 1], [1, 0], [0, 1]]
    assert encoder.names == ["x", "x (missing)"]
    assert encoder.describe() == [
        "x: number, 2 of 4 missing → median 2 + indicator, standard scale"
    ]


def test_new_rows_are_encoded_as_the_old(fit: Any, apply: Any) -> None:
    values = [1.0, None, 3.0]
    encoder, features = fit(values)
    assert np.array_equal(apply(encoder, values), features)
    assert apply(encoder, [5, None]).tolist() == [[3, 0], [0, 1]]  # Whole numbers, too.
    assert apply(encoder, [None, None]).tolist() == [[0, 1], [0, 1]]
    assert apply(encoder, pa.array([], pa.float64())).shape == (0, 2)


def test_a_missing_value_in_new_rows_is_filled_without_an_indicator(fit: Any, apply: Any) -> None:
    encoder, features = fit([1.0, 2.0, 9.0], scale="none")
    assert features.shape == (3, 1)
    assert apply(encoder, [None, 4.0]).tolist() == [[2], [4]]
    encoder, features = fit([1.0, 2.0, 9.0], scale="none", indicator=True)
    assert apply(encoder, [None, 4.0]).tolist() == [[2, 1], [4, 0]]
    encoder, features = fit([1.0, None], scale="none", indicator=False)
    assert features.tolist() == [[1], [1]]


def test_huge_numbers_have_a_median_and_a_mean(fit: Any) -> None:
    for fill in ("median", "mean"):
        _, features = fit([1.7e308, 1.7e308, None], fill=fill, scale="none")
        assert features.tolist() == [[1.7e308, 0], [1.7e308, 0], [1.7e308, 1]]


def test_a_value_of_ones_own_fills(fit: Any) -> None:
    _, features = fit([1.0, None], fill=-1, scale="none")
    assert features.tolist() == [[1, 0], [-1, 1]]
    with pytest.raises(ConfigError, match="fill is inf, expected a finite number"):
        fit([1.0, None], fill=float("inf"))
    with pytest.raises(ConfigError, match="fill is 'medain', expected median, mean"):
        fit([1.0, None], fill="medain")


@pytest.mark.parametrize("values", [pa.nulls(3), pa.array([None, None, None], pa.float64())])
@pytest.mark.parametrize("fill", [None, 5.0])
def test_a_column_without_values_is_zero(fit: Any, apply: Any, values: Any, fill: Any) -> None:
    encoder, features = fit(values, fill=fill)
    assert features.tolist() == [[0, 1]] * 3
    # No scale is known, so that new values say nothing either.
    assert apply(encoder, [1e6, None]).tolist() == [[0, 0], [0, 1]]
    assert encoder.describe()[0].startswith("x: number, 3 of 3 missing → 0 + indicator")


def test_booleans_are_0_and_1(fit: Any, apply: Any) -> None:
    encoder, features = fit([True, False, True, None])
    assert features.tolist() == [[1, 0], [0, 0], [1, 0], [1, 1]]
    assert encoder.describe() == [
        "x: number, 1 of 4 missing → most_frequent 1 + indicator, not scaled"
    ]
    assert apply(encoder, [False]).tolist() == [[0, 0]]
    _, features = fit([True, False], scale="standard")
    assert features.tolist() == [[1], [-1]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([Decimal("1.5"), None, Decimal("2.5")], [1.5, 2, 2.5]),
        ([datetime.timedelta(minutes=1), datetime.timedelta(days=2)], [60, 172800]),
        ([" 12", "-1.5e3", None, ".5"], [12, -1500, 0.5, 0.5]),
        (np.array([1, 2], dtype=np.float16), [1, 2]),
    ],
    ids=["decimal", "duration", "text", "half"],
)
def test_other_types_of_numbers(fit: Any, values: Any, expected: Any) -> None:
    _, features = fit(values if not isinstance(values, list) else pa.array(values), scale="none")
    assert features[:, 0].tolist() == expected


def test_texts_are_numbers_if_most_are(fit: Any) -> None:
    numbers = [str(i) for i in range(20)]
    encoder, _ = fit(pa.array(numbers, pa.string()))
    assert encoder.columns[0][1].kind == "number"
    with pytest.raises(DataError, match=r"column 'x', row 20 \(from 0\): '12,5' is not a number"):
        fit([*numbers, "12,5"])
    encoder, _ = fit(["007", "008", "010"])  # codes
    assert encoder.columns[0][1].kind == "onehot"
    encoder, _ = fit(["36", "38", "40", "42", "S"])
    assert encoder.columns[0][1].kind == "onehot"


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        ([1.0, None], {"fill": "error"}, r"row 1 \(from 0\): the value is missing; fill it in, or"),
        ([1.0, -np.inf], {}, r"row 1 \(from 0\): -inf is not finite; replace it"),
        ([np.nan, np.inf, 1.0], {}, r"row 1 \(from 0\): inf is not finite"),
        ([1e300, -np.inf, 1e308, 1e308], {}, "row 1 .* -inf"),
        ([None, "a"], {"encode": "number"}, r"row 1 \(from 0\): 'a' is not a number; correct it"),
        ([[1.0]], {"encode": "number"}, r"holds list<.*> such as \[1.0\]; expected numbers"),
        ([b"a"], {"encode": "number"}, "holds binary such as b'a'; expected numbers"),
    ],
)
def test_a_bad_value_names_table_column_row_and_cure(
    fit: Any, values: Any, options: Any, expected: str
) -> None:
    with pytest.raises(DataError, match="table 't', column 'x', " + ".*" + expected):
        fit(values, **options)


def test_bad_new_rows_name_their_table(fit: Any, apply: Any) -> None:
    encoder, _ = fit([1.0, 2.0], fill="error")
    with pytest.raises(DataError, match=r"table 'new', column 'x', row 0 \(from 0\): the value is"):
        apply(encoder, [None, 1.0])
    encoder, _ = fit([1.0, 2.0])
    with pytest.raises(DataError, match=r"row 1 .*: inf is not finite"):
        apply(encoder, [1.0, np.inf])


def test_no_rows(fit: Any, apply: Any) -> None:
    encoder, features = fit(pa.array([], pa.int64()))
    assert features.shape == (0, 1)
    assert apply(encoder, [3]).tolist() == [[0]]


def test_unscaled_numbers_keep_every_bit(fit: Any) -> None:
    values = RNG.normal(size=1000)
    _, features = fit(values, scale="none")
    assert np.array_equal(features[:, 0], values)
