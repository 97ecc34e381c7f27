"""Text features: texts encoded once, missing ones filled from neighbours, columns standardised."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from torch import Tensor

from hetgraph.data import HeteroGraph
from hetgraph.errors import DataError
from hetgraph.features import HashEncoder, embed_texts, text, text_features

ENCODER = HashEncoder(8)


@pytest.fixture
def graph(toy_graph: HeteroGraph) -> HeteroGraph:
    """Paper 0 and the venue have texts; see ``toy_graph`` for the edges."""
    lone = {**toy_graph.num_nodes, "lone": 2}
    text = {"paper": ["red", None, None], "venue": ["blue sky"]}
    return toy_graph.replace(num_nodes=lone, text=text)


def test_nodes_without_a_text_have_the_mean_of_their_neighbours(graph: HeteroGraph) -> None:
    red, blue = ENCODER.encode(["red", "blue sky"])
    actual = text_features(graph, ENCODER, standardize=False)
    assert {name: tuple(x.shape) for name, x in actual.items()} == {
        "author": (2, 8), "paper": (3, 8), "venue": (1, 8), "lone": (2, 8),
    }  # fmt: skip
    # First papers 1 and 2 read the venue, and author 0 paper 0; then author 1 both papers.
    torch.testing.assert_close(actual["paper"], torch.stack([red, blue, blue]))
    torch.testing.assert_close(actual["author"], torch.stack([red, blue]))
    torch.testing.assert_close(actual["venue"][0], blue)
    assert not bool(actual["lone"].any())
    plain = text_features(graph, ENCODER, standardize=False, fill=False)
    assert not bool(plain["author"].any() or plain["paper"][1:].any())


def test_columns_are_standardised_over_nodes_that_have_a_vector(graph: HeteroGraph) -> None:
    actual = text_features(graph, ENCODER)
    rows = torch.cat([actual[name] for name in ("author", "paper", "venue")])
    torch.testing.assert_close(rows.mean(0), torch.zeros(8), atol=1e-6, rtol=0)
    std = rows.std(0, correction=0)
    assert bool((((std - 1).abs() < 1e-5) | (std < 1e-6)).all())
    assert not bool(actual["lone"].any())


def test_no_texts_at_all(toy_graph: HeteroGraph) -> None:
    with pytest.raises(DataError, match="no node of toy has a text"):
        text_features(toy_graph, ENCODER)
    blank = toy_graph.replace(text={"venue": [None]})
    assert not bool(text_features(blank, "hash:4")["venue"].any())


class Counting(HashEncoder):
    """Counts the texts it is asked for, and fails at a chosen call."""

    def __init__(self, dim: int = 16, fail_at: int | None = None) -> None:
        super().__init__(dim)
        self.asked: list[str] = []
        self.calls = 0
        self.fail_at = fail_at

    def encode(self, texts: Sequence[str]) -> Tensor:
        if self.calls == self.fail_at:
            raise KeyboardInterrupt
        self.calls += 1
        self.asked += texts
        return super().encode(texts)


TEXTS = ["a b", None, "c", "a b", "  ", " c "]


def test_equal_and_missing_texts() -> None:
    encoder = Counting()
    actual = embed_texts(TEXTS, encoder, progress=False)
    assert encoder.asked == ["a b", "c"]
    expected = torch.zeros(6, 16)
    expected[[0, 3]], expected[[2, 5]] = HashEncoder(16).encode(["a b", "c"]).split(1)
    assert torch.equal(actual, expected)
    assert torch.equal(embed_texts(pa.array(TEXTS), Counting(), progress=False), expected)
    assert embed_texts([None, ""], encoder).shape == (2, 16)
    assert embed_texts([], encoder).shape == (0, 16)


def test_cached_texts_are_not_encoded_again(cache: Path) -> None:
    first = embed_texts(TEXTS, Counting(), progress=False)
    again = Counting()
    assert torch.equal(embed_texts(TEXTS, again, progress=False), first)
    assert again.asked == []
    other = Counting(dim=8)
    embed_texts(TEXTS, other, progress=False)
    assert other.asked  # another identity
    changed = Counting()
    embed_texts([*TEXTS, "d"], changed, progress=False)
    assert changed.asked
    suffixes = {path.suffix for path in (cache / "text").iterdir()}
    assert suffixes == {".safetensors", ".used"}  # nothing half-written


def test_an_interrupted_run_resumes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_BLOCK", 2)
    texts = [f"text {number}" for number in range(7)]
    with pytest.raises(KeyboardInterrupt):
        embed_texts(texts, Counting(fail_at=2), progress=False)
    rest = Counting()
    actual = embed_texts(texts, rest, progress=False)
    assert rest.asked == texts[4:]
    assert torch.equal(actual, HashEncoder(16).encode(texts))


def test_a_damaged_file_is_recomputed(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = embed_texts(TEXTS, Counting(), progress=False)
    (path,) = (cache / "text").glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:20])
    again = Counting()
    with caplog.at_level(logging.WARNING, "hetgraph.features"):
        assert torch.equal(embed_texts(TEXTS, again, progress=False), expected)
    assert again.asked
    assert "computed again" in caplog.text


def test_a_folder_that_cannot_be_written_is_no_error(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.mkdir(parents=True)
    (cache / "text").write_text("in the way")
    with caplog.at_level(logging.WARNING, "hetgraph.features"):
        assert embed_texts(TEXTS, Counting(), progress=False).shape == (6, 16)
    assert "is not cached" in caplog.text
