from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hetgraph.errors import ConfigError, DataError
from hetgraph.features import HashEncoder, embed_texts
from hetgraph.features.columns import TableEncoder

TEXTS = ["graph learning", None, "Größe zählt", "  ", "graph learning", "!"]


def test_texts_go_through_the_text_encoder(fit: Any, apply: Any, cache: Path) -> None:
    encoder, features = fit(TEXTS, "text", encoder="hash:32")
    assert not cache.exists()  # Hashing is faster than reading a file.
    expected = embed_texts(TEXTS, HashEncoder(32), progress=False).numpy()
    assert np.array_equal(features, expected)
    assert np.array_equal(apply(encoder, TEXTS[::-1]), features[::-1])
    assert encoder.describe() == ["x: text by hash:32, 2 of 6 missing → zeros"]
    assert encoder.names == [f"x[{i}]" for i in range(32)]


def test_more_texts_than_a_block(fit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hetgraph.features.columns.text._BLOCK", 2)
    texts = [f"word{i} and word{i + 1}" for i in range(9)]
    assert np.array_equal(fit(texts, "text")[1], HashEncoder(256).encode(texts).numpy())


def test_another_encoder(fit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Length(HashEncoder):
        identity = "test:length"

    class Own:
        identity, dim = "test:own:1", 2

        def encode(self, texts: Any) -> Any:
            import torch

            return torch.tensor([[len(text), 1.0] for text in texts])

    monkeypatch.setattr("hetgraph.features.columns.text.make_encoder", lambda name: Own())
    encoder, features = fit(["ab", None, "abc"], "text", encoder="own")
    assert features.tolist() == [[2, 1], [0, 0], [3, 1]]
    Own.identity = "test:own:2"
    with pytest.raises(
        ConfigError, match="is test:own:2, but the column was encoded by test:own:1"
    ):
        encoder.encode(lambda *_: pa.array(["ab"]))


@pytest.mark.parametrize(("edges", "dim"), [(False, 256), (True, 64)])
def test_the_default_dim(fit: Any, edges: bool, dim: int) -> None:
    assert fit(["a"], "text", edges=edges)[1].shape == (1, dim)


def test_nothing_to_read(fit: Any) -> None:
    assert fit(pa.nulls(3), "text", encoder="hash:4")[1].tolist() == [[0] * 4] * 3
    assert fit(pa.array([], pa.string()), "text", encoder="hash:4")[1].shape == (0, 4)
    with pytest.raises(DataError, match="holds int64 such as 5; expected texts"):
        fit([5], "text")
    with pytest.raises(ConfigError, match="unknown text encoder"):
        fit(["a"], "text", encoder="nothing")


def test_a_text_column_is_sparse() -> None:
    from hetgraph.data import CSR
    from hetgraph.features.columns import Column

    texts = pa.array([f"one of the titles, number {i}" for i in range(100)])
    encoder, features = TableEncoder.fit(lambda *_: texts, [Column("x")])
    assert encoder.layout == "sparse"
    assert isinstance(features, CSR)
    assert features.shape == (100, 256)
