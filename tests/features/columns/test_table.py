"""Columns side by side: layout, names, state, errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from hetgraph.data import CSR
from hetgraph.errors import DataError, FileFormatError, UserError
from hetgraph.features.columns import Column, TableEncoder, as_columns
from hetgraph.registry import columns as kinds

TABLE: dict[str, Any] = {
    "price": pa.array([1.0, None, 5.0]),
    "cost": pa.array(["1,5", None, "1.204,5"]),
    "sold": pa.array([True, False, True]),
    "city": pa.array(["Rome", None, "Oslo"]),
    "code": pa.array([3, 3, 9]),
    "zip": pa.array(["007", "010", None]),
    "day": pa.array(["2020-01-01", "2021-06-30", None]),
    "title": pa.array(["a long title of many words", "", None]),
    "vector": pa.array([[1.0, 2.0], None, [3.0, 4.0]]),
    "tags": pa.array([["x", "y"], [], None]),
    "kind": pa.array(["k1", "k2", "k1"]),
    "level": pa.array([0, 2, 1]),
}
COLUMNS = as_columns(
    {
        "price": {"scale": "robust"},
        "cost": "decimal-comma",
        "sold": None,
        "city": {"max_categories": 1},
        "code": "onehot",
        "zip": {"encode": "hash", "dim": 4},
        "day": None,
        "title": {"encoder": "hash:8"},
        "vector": {"fill": "median"},
        "tags": None,
        "kind": "embedding",
        "level": {"encode": "codes", "size": 4},
    },
    "table",
)


def fit(table: Mapping[str, Any], columns: Any = COLUMNS, **options: Any) -> Any:
    return TableEncoder.fit(lambda name, _: table[name], columns, **options)


def rows(table: Mapping[str, Any], index: list[int]) -> dict[str, Any]:
    return {name: column.take(pa.array(index, pa.int64())) for name, column in table.items()}


def same(first: torch.Tensor | CSR, second: torch.Tensor | CSR) -> bool:
    if isinstance(first, CSR):
        assert isinstance(second, CSR)
        return torch.equal(first.to_dense(), second.to_dense()) and first.shape == second.shape
    assert isinstance(second, torch.Tensor)
    return torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_new_rows_are_encoded_exactly_as_when_fitted(dtype: torch.dtype) -> None:
    encoder, features = fit(TABLE, dtype=dtype)
    assert features.dtype == dtype
    again = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))
    assert again == encoder
    assert {kind.kind for _, kind in encoder.columns} == set(kinds.names())  # a new kind: add it
    assert len(encoder.names) == len(set(encoder.names)) == features.shape[1] == encoder.dim
    for index in ([2, 0, 0], [1], []):
        new = rows(TABLE, index)
        assert same(again.encode(lambda name, _, new=new: new[name]), features[index])


def test_the_layout_follows_size_and_zeros() -> None:
    def layout(num_columns: int, ones: int, **options: Any) -> str:
        cells = np.zeros((8, num_columns))
        cells.flat[:ones] = 1
        values = pa.FixedSizeListArray.from_arrays(pa.array(cells.ravel()), num_columns)
        return fit({"x": values}, [Column("x")], **options)[0].layout

    assert layout(64, 1) == "dense"
    assert layout(65, 1) == "sparse"
    assert layout(65, 65 * 2 - 1) == "sparse"
    assert layout(65, 65 * 2) == "dense"
    assert layout(65, 1, dense=True) == "dense"


def test_sparse_and_dense_hold_the_same() -> None:
    values = {
        "x": pa.array([f"v{i % 90}" for i in range(200)]),
        "y": pa.array(np.arange(200.0)),
        "v": pa.array([[float(i % 2), 0.0] for i in range(200)]),
    }
    columns = as_columns(["x", "y", "v"], "table")
    encoder, sparse = fit(values, columns, dtype=torch.float64)
    assert isinstance(sparse, CSR)
    assert sparse.weight is not None
    assert sparse.weight.dtype == torch.float64
    narrow = columns[0], *columns[1:]
    _, dense = fit(
        values, [Column("x", max_categories=90), *narrow[1:]], dtype=torch.float64, dense=True
    )
    assert torch.equal(sparse.to_dense(), dense.float())
    half = rows(values, [5, 100])
    assert same(encoder.encode(lambda name, _: half[name]), sparse.rows(torch.tensor([5, 100])))


def test_ones_alone_need_no_weights() -> None:
    values = {"x": pa.array([f"v{i % 90}" for i in range(200)])}
    _, features = fit(values, [Column("x")])
    assert isinstance(features, CSR)
    assert features.weight is None
    assert features.nnz == 200


def test_the_state_is_damaged() -> None:
    state = fit(TABLE)[0].to_dict()
    number = state["columns"][0]
    for change in (
        {"layout": "square"},
        {"dtype": "int64"},
        {"columns": [{**number, "kind": "none"}]},
        {"columns": [{**number, "fill": "much"}]},
        {"columns": [{"column": "x"}]},
        {"columns": 3},
        {"columns": [{"kind": "number", "column": "x"}]},
    ):
        with pytest.raises(FileFormatError, match="a saved encoder of columns is damaged"):
            TableEncoder.from_dict({**state, **change})


def test_every_column_with_a_mistake_is_told() -> None:
    table = {**TABLE, "price": pa.array([1.0, np.inf, 0.0]), "vector": pa.array([[1.0], [], []])}
    errors: list[UserError] = []
    fit(table, failed=errors.append)
    assert [str(error).split(",")[1] for error in errors] == [" column 'price'", " column 'vector'"]
    with pytest.raises(DataError, match="column 'price'"):
        fit(table)
    errors.clear()
    fit(table, [Column("price")], failed=errors.append)
    assert len(errors) == 1


@pytest.mark.parametrize("value", [1e39, -1e39])
def test_a_number_beyond_the_dtype_is_told(value: float) -> None:
    values = {"x": pa.array([1.0, value])}
    column = [Column("x", scale="none")]
    with pytest.raises(DataError, match=r"row 1 \(from 0\): 1e\+39 is too large for float32"):
        fit(values, column)
    assert fit(values, column, dtype=torch.float64)[1].tolist() == [[1.0], [value]]
    assert torch.isfinite(fit(values, [Column("x")])[1]).all()
    with pytest.raises(DataError, match="too large for float16"):
        fit({"x": pa.array([70_000])}, column, dtype=torch.float16)


def test_no_rows_at_all() -> None:
    empty = rows(TABLE, [])
    encoder, features = fit(empty)
    assert features.shape[0] == 0
    assert features.shape[1] == encoder.dim
    with pytest.raises(DataError, match="the list has 2 values, others 0"):
        encoder.encode(lambda name, _: TABLE[name])
    columns = [column for column in COLUMNS if column.name != "vector"]
    encoder, _ = fit(empty, columns)
    assert encoder.encode(lambda name, _: TABLE[name]).shape == (3, encoder.dim)


def test_a_large_table_needs_no_loop_over_rows() -> None:
    size = 200_000
    table = {
        "a": pa.array(np.arange(size)),
        "b": pa.array([None, 1.5] * (size // 2)),
        "c": pa.DictionaryArray.from_arrays(
            np.arange(size) % 7, list("abcdefg")
        ).dictionary_decode(),
        "d": pa.array(np.arange(size), pa.int64()).cast(pa.timestamp("s")),
    }
    encoder, features = fit(table, as_columns(list(table), "table"))
    assert features.shape == (size, encoder.dim)
