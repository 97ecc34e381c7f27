"""Texts as hashed counts of words and pairs of words: no package, no weights, no training."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from hetgraph.errors import ConfigError

__all__ = ["HashEncoder"]

_WORD = re.compile(r"\w+")


class HashEncoder:
    """Counts each run of one to ``most`` words in the column its checksum names.

    Counts enter by their logarithm and with a sign from the checksum, so that collisions cancel on
    average (Weinberger et al., ICML 2009); vectors have length 1. O(words of all texts).

    Args:
        dim: Width of the vectors.
        most: Words of the longest run.

    Raises:
        ConfigError: If a value is below 1.
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
        runs = [Counter(self._codes(text)) for text in texts]
        sizes = torch.tensor([len(one) for one in runs], dtype=torch.int64)
        codes = torch.tensor([code for one in runs for code in one], dtype=torch.int64)
        counts = torch.tensor([count for one in runs for count in one.values()])
        value = counts.float().log1p() * (1 - 2 * (codes >> 31))  # the highest bit is the sign
        place = torch.repeat_interleave(sizes) * self.dim + (codes & 0x7FFFFFFF) % self.dim
        vectors = torch.zeros(len(texts) * self.dim).index_add_(0, place, value)
        return torch.nn.functional.normalize(vectors.view(len(texts), self.dim), dim=1)

    def _codes(self, text: str) -> Iterator[int]:
        words = _WORD.findall(text.lower())
        for size in range(1, self.most + 1):
            for start in range(len(words) - size + 1):
                yield zlib.crc32(" ".join(words[start : start + size]).encode())
