from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from hetgraph.features.columns import Column, TableEncoder


def test_alone_it_gives_codes(fit: Any, apply: Any) -> None:
    encoder, codes = fit(["b", None, "a", "b"], "embedding")
    assert codes.tolist() == [3, 1, 2, 3]
    assert codes.dtype == np.int64
    assert encoder.names == ["x (other)", "x (missing)", "x=a", "x=b"]
    assert encoder.layout == "codes"
    assert apply(encoder, ["a", "z", None]).tolist() == [2, 0, 1]
    assert encoder.describe() == [
        "x: embedding of 2 categories, 1 of 4 missing → a column of their own"
    ]


def test_beside_others_it_is_one_hot() -> None:
    table = {"x": pa.array(["b", "a"]), "y": pa.array([1.0, 3.0])}
    columns = [Column("x", "embedding"), Column("y")]
    encoder, features = TableEncoder.fit(lambda name, _: table[name], columns)
    assert features.tolist() == [[0, 1, 0, 0, -1], [1, 0, 0, 0, 1]]
    assert len(encoder.names) == 5


def test_no_limit_but_for_edges(fit: Any) -> None:
    values = [f"v{i}" for i in range(3000)]
    encoder, codes = fit(values, "embedding")
    assert len(set(codes.tolist())) == 3000
    assert encoder.dim == 3002
    _, features = fit(values, "embedding", edges=True)
    assert features.shape == (3000, 66)


@pytest.mark.parametrize("values", [["a", "b"], pa.array([], pa.string())])
def test_it_is_never_chosen(values: Any) -> None:
    encoder, _ = TableEncoder.fit(lambda *_: pa.array(values), [Column("x")], dtype=torch.float32)
    assert encoder.layout == "dense"
