"""The hash encoder: counts by hand, the same everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import torch

import hetgraph
from hetgraph.errors import ConfigError
from hetgraph.features import HashEncoder

TEXTS = ["The cat, the hat", "", "!?", "Ünïcode café café"]


def test_vectors_by_hand() -> None:
    encoder = HashEncoder(dim=32, most=2)
    expected = torch.zeros(4, 32)
    runs = [["the", "cat", "the", "hat", "the cat", "cat the", "the hat"], [], [],
            ["ünïcode", "café", "café", "ünïcode café", "café café"]]  # fmt: skip
    for row, found in enumerate(runs):
        for run in set(found):
            code = zlib.crc32(run.encode())
            sign = -1 if code >> 31 else 1
            column = (code & 0x7FFFFFFF) % 32
            expected[row, column] += sign * torch.tensor(1.0 + found.count(run)).log()
    expected = torch.nn.functional.normalize(expected, dim=1)
    torch.testing.assert_close(encoder.encode(TEXTS), expected)
    assert encoder.encode([]).shape == (0, 32)


def test_like_texts_have_like_vectors() -> None:
    one, two, other = HashEncoder().encode(
        ["American film director", "American film actor", "capital of France"]
    )
    assert float(one @ two) > 0.3
    assert abs(float(one @ other)) < 0.2


def test_other_processes_give_the_same_vectors() -> None:
    """Python salts its own hashes anew in every process; the vectors must not notice."""
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


def test_settings() -> None:
    assert HashEncoder(8).identity != HashEncoder(9).identity != HashEncoder(9, 1).identity
    with pytest.raises(ConfigError, match="dim is 0"):
        HashEncoder(0)
