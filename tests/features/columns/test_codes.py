from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hetgraph.errors import DataError
from hetgraph.features.columns import Column, TableEncoder


def test_codes_are_kept(fit: Any, apply: Any) -> None:
    encoder, codes = fit([2, 0, 2], "codes")
    assert codes.tolist() == [2, 0, 2]
    assert encoder.dim == 3
    assert apply(encoder, pa.array([1], pa.uint8())).tolist() == [1]
    assert fit([2, 0], "codes", size=7)[0].dim == 7
    assert fit([999_999, 0], "codes", size=None)[0].dim == 1_000_000
    assert fit([2_000_000], "codes", size=3_000_000)[0].dim == 3_000_000
    assert encoder.describe() == ["x: categories 0..2, as they are"]


def test_beside_others_they_are_one_hot() -> None:
    table = {"x": pa.array([1, 0]), "y": pa.array([True, False])}
    columns = [Column("x", "codes", size=3), Column("y")]
    _, features = TableEncoder.fit(lambda name, _: table[name], columns)
    assert features.tolist() == [[0, 1, 0, 1], [1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("values", "size", "expected"),
    [
        ([0, None], None, r"row 1 \(from 0\): the category is missing; fill it in, or declare"),
        ([0, -1], None, r"row 1 \(from 0\): the code -1 is outside 0\.\.0"),
        ([5, 1], 5, r"row 0 \(from 0\): the code 5 is outside 0\.\.4"),
        (np.array([1, 2**64 - 1], np.uint64), 5, "row 1 .*18446744073709551615 is outside"),
        ([0, 10**12, 3], None, r"row 1 \(from 0\): 1000000000000 is far more than 3 rows have"),
        (["a"], None, "expected whole numbers as codes"),
        ([0.0], None, "expected whole numbers as codes"),
    ],
)
def test_a_bad_code_names_its_row(fit: Any, values: Any, size: Any, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        fit(values, "codes", size=size)


def test_new_codes_have_no_place(fit: Any, apply: Any) -> None:
    encoder, _ = fit([2, 0], "codes")
    with pytest.raises(DataError, match=r"table 'new'.*code 3 is outside"):
        apply(encoder, [0, 3])


def test_no_rows(fit: Any) -> None:
    assert fit(pa.array([], pa.int64()), "codes")[1].shape == (0,)
