"""Columns of categories in a fixed number of columns, by their checksum."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.errors import ConfigError
from hetgraph.features.columns.base import Block, ColumnKind, Place
from hetgraph.features.columns.onehot import indicators
from hetgraph.features.columns.vocabulary import as_texts

__all__ = ["Hash"]


@dataclass(frozen=True)
class Hash(ColumnKind):
    """Categories by their CRC-32 modulo ``dim``; new ones have a place without being known.

    Args:
        rows: Number of rows when fitted.
        missing: How many of them had no value.
        dim: Number of columns; one more is for missing cells.
    """

    kind: ClassVar[str] = "hash"
    as_written: ClassVar[bool] = True
    rows: int
    missing: int
    dim: int

    class Options(ColumnKind.Options, frozen=True):
        """What a user may choose.

        Args:
            dim: Number of columns; default 256, for columns of edges 64.
        """

        dim: int | None = None

    @classmethod
    def claim(cls, values: pa.Array) -> int:
        """Never chosen unless declared."""
        return 0

    @classmethod
    def fit(cls, values: pa.Array, options: Any, place: Place) -> Self:
        """Nothing but the counts depends on the values."""
        dim = options.dim if options.dim is not None else min(256, place.limit)
        if dim < 1:
            raise ConfigError(f"{place.where}: dim is {dim}, expected 1 or more.")
        texts = as_texts(values, place)
        return cls(len(texts), texts.null_count, dim)

    def encode(self, values: pa.Array, place: Place) -> Block:
        """Returns sparse ``[num_rows, dim + 1]``."""
        coded = as_texts(values, place).dictionary_encode()
        names = coded.dictionary.to_pylist()
        sums = np.fromiter((zlib.crc32(name.encode()) for name in names), np.int64, len(names))
        columns = np.append(sums % self.dim, self.dim)  # The last one is for missing cells.
        return indicators(columns[pc.fill_null(coded.indices, len(names)).to_numpy()], self.dim + 1)

    def names(self, column: str) -> list[str]:
        """``column#number``, then ``column (missing)``."""
        return [*(f"{column}#{number}" for number in range(self.dim)), f"{column} (missing)"]

    def describe(self) -> str:
        """Such as ``categories hashed to 256 columns``."""
        text = f"categories hashed to {self.dim} columns"
        if self.missing:
            text += f", {self.missing} of {self.rows} missing → a column of their own"
        return text
