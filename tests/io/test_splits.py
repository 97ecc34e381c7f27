"""Splits as columns."""

from __future__ import annotations

import pyarrow as pa
import pytest
import torch

from hetgraph.catalog import Split
from hetgraph.errors import DataError
from hetgraph.io.sources import as_source
from hetgraph.io.splits import read_split, split_column


def test_a_split_goes_to_a_column_and_back() -> None:
    split = Split(torch.tensor([4, 0]), None, torch.tensor([2]))
    column = split_column(split, 5)
    assert column.to_pylist() == ["train", None, "test", None, "train"]
    split = read_split(as_source(pa.table({"s": column}), "table"), "s")
    assert (split.train.tolist(), split.valid, split.test.tolist()) == ([0, 4], None, [2])


def test_an_id_twice_is_told() -> None:
    split = Split(torch.tensor([0, 1]), torch.tensor([1]), torch.tensor([2]))
    with pytest.raises(DataError, match="an id is both in 'train' and in 'valid'"):
        split_column(split, 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "tset"], "holds 'tset'; expected train, valid, test or a missing value"),
        (["train", "val"], "no row is marked 'test'"),
        ([1, 2], "holds int64; expected the texts"),
    ],
)
def test_bad_columns_are_told(words: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_split(as_source(pa.table({"s": words}), "table"), "s")
