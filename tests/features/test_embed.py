"""Texts are encoded once, ever, and nothing half-written is used."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from torch import Tensor

from hetgraph.features import HashEncoder, embed, embed_texts


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
    found = embed_texts(TEXTS, encoder, progress=False)
    assert encoder.asked == ["a b", "c"]
    expected = torch.zeros(6, 16)
    expected[[0, 3]], expected[[2, 5]] = HashEncoder(16).encode(["a b", "c"]).split(1)
    assert torch.equal(found, expected)
    assert torch.equal(embed_texts(pa.array(TEXTS), Counting(), progress=False), expected)
    assert embed_texts([None, ""], encoder).shape == (2, 16)
    assert embed_texts([], encoder).shape == (0, 16)


def test_a_second_time_nothing_is_encoded(cache: Path) -> None:
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
    assert not [path for path in (cache / "text").iterdir() if path.suffix != ".safetensors"]


def test_a_run_that_was_cut_off_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "_BLOCK", 2)
    texts = [f"text {number}" for number in range(7)]
    with pytest.raises(KeyboardInterrupt):
        embed_texts(texts, Counting(fail_at=2), progress=False)
    rest = Counting()
    found = embed_texts(texts, rest, progress=False)
    assert rest.asked == texts[4:]
    assert torch.equal(found, HashEncoder(16).encode(texts))


def test_a_damaged_file_is_made_again(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = embed_texts(TEXTS, Counting(), progress=False)
    (path,) = (cache / "text").iterdir()
    path.write_bytes(path.read_bytes()[:20])
    again = Counting()
    with caplog.at_level(logging.WARNING, "hetgraph.features"):
        assert torch.equal(embed_texts(TEXTS, again, progress=False), expected)
    assert again.asked
    assert "made again" in caplog.text


def test_a_folder_that_cannot_be_written_is_no_error(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.mkdir(parents=True)
    (cache / "text").write_text("in the way")
    with caplog.at_level(logging.WARNING, "hetgraph.features"):
        assert embed_texts(TEXTS, Counting(), progress=False).shape == (6, 16)
    assert "is not kept" in caplog.text
