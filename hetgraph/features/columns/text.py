"""Columns of texts, through the text encoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from hetgraph.errors import ConfigError
from hetgraph.features.columns.base import Array, Block, ColumnKind, Place
from hetgraph.features.columns.scaling import bad_cell_type
from hetgraph.features.encoder import HashEncoder, make_encoder
from hetgraph.features.text import embed_texts

__all__ = ["Text"]

_BLOCK = 4096
"""Number of texts whose dense vectors are in memory at a time."""


@dataclass(frozen=True)
class Text(ColumnKind):
    """Texts as vectors; a missing or blank text is a vector of zeros.

    Args:
        rows: Number of rows when fitted.
        missing: How many of them had no text.
        encoder: Name of the text encoder, see :func:`hetgraph.features.make_encoder`.
        identity: What determines its vectors.
        dim: Dim of the vectors.
    """

    kind: ClassVar[str] = "text"
    as_written: ClassVar[bool] = True
    rows: int
    missing: int
    encoder: str
    identity: str
    dim: int

    class Options(ColumnKind.Options, frozen=True):
        """What a user may choose.

        Args:
            encoder: ``hash:256`` (default; for columns of edges ``hash:64``), ``minilm``, or the
                folder of a sentence-transformers model.
        """

        encoder: str | None = None

    @classmethod
    def claim(cls, values: pa.Array) -> int:
        """Any text."""
        return 1 if pa.types.is_large_string(values.type) else 0

    @classmethod
    def fit(cls, values: pa.Array, options: Any, place: Place) -> Self:
        """Nothing but the counts depends on the values."""
        name = options.encoder or f"hash:{min(256, place.limit)}"
        encoder = make_encoder(name)
        texts = _known(values, place)
        return cls(len(texts), texts.null_count, name, encoder.identity, encoder.dim)

    def encode(self, values: pa.Array, place: Place) -> Block:
        """Returns ``[num_rows, dim]``, sparse if the texts are hashed."""
        encoder = make_encoder(self.encoder)
        if encoder.identity != self.identity:
            raise ConfigError(
                f"{place.where}: the text encoder {self.encoder!r} is {encoder.identity}, but the "
                f"column was encoded by {self.identity}; install that version."
            )
        texts = _known(values, place)
        if not isinstance(encoder, HashEncoder):
            vectors: Array = embed_texts(texts, encoder).numpy()
            return vectors
        coded = texts.dictionary_encode()
        blocks = [sp.csr_array((1, self.dim), dtype=np.float32)]  # of missing texts
        for start in range(0, len(coded.dictionary), _BLOCK):
            block = coded.dictionary[start : start + _BLOCK].to_pylist()
            blocks.append(sp.csr_array(encoder.encode(block).numpy()))
        rows = pc.add(pc.fill_null(coded.indices.cast(pa.int64()), -1), 1)
        return sp.vstack(blocks, format="csr")[rows.to_numpy(zero_copy_only=False)]

    def names(self, column: str) -> list[str]:
        """The elements of the vector."""
        return [f"{column}[{index}]" for index in range(self.dim)]

    def describe(self) -> str:
        """Such as ``text by hash:256, 3 of 400 missing → zeros``."""
        text = f"text by {self.encoder}"
        return text + (f", {self.missing} of {self.rows} missing → zeros" if self.missing else "")


def _known(values: pa.Array, place: Place) -> pa.Array:
    """Returns the texts; blank ones are missing."""
    if pa.types.is_null(values.type):
        values = values.cast(pa.large_string())
    if not pa.types.is_large_string(values.type):
        raise bad_cell_type(place, values, "texts")
    trimmed = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.large_string()), trimmed)
