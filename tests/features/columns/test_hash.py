from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hetgraph.errors import ConfigError


def test_each_category_has_the_column_of_its_checksum(fit: Any, apply: Any) -> None:
    values = ["Rome", "東京", None, "Rome"]
    encoder, features = fit(values, "hash", dim=8)
    assert features.shape == (4, 9)
    assert np.array_equal(features.sum(axis=1), np.ones(4))
    assert features[0].argmax() == zlib.crc32(b"Rome") % 8
    assert features[1].argmax() == zlib.crc32("東京".encode()) % 8
    assert features[2].argmax() == 8
    assert np.array_equal(features[0], features[3])
    assert apply(encoder, ["Lima"]).argmax() == zlib.crc32(b"Lima") % 8
    assert encoder.names[-2:] == ["x#7", "x (missing)"]


def test_numbers_are_hashed_as_texts(fit: Any) -> None:
    assert np.array_equal(fit([3, 5], "hash")[1], fit(["3", "5"], "hash")[1])


@pytest.mark.parametrize(("edges", "dim"), [(False, 257), (True, 65)])
def test_the_default_dim(fit: Any, edges: bool, dim: int) -> None:
    assert fit(["a"], "hash", edges=edges)[1].shape == (1, dim)


def test_nothing_to_hash(fit: Any) -> None:
    assert fit(pa.array([], pa.string()), "hash")[1].shape == (0, 257)
    assert fit(pa.nulls(2), "hash", dim=1)[1].tolist() == [[0, 1], [0, 1]]
    with pytest.raises(ConfigError, match="dim is 0, expected 1 or more"):
        fit(["a"], "hash", dim=0)
