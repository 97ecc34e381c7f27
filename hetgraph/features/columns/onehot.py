"""Columns of categories: one column per category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from hetgraph.features.columns.base import Array, Block, ColumnKind, Place
from hetgraph.features.columns.vocabulary import as_texts, choose, places

__all__ = ["OneHot", "indicators"]

_FEW = 20
"""A text column with at most so many distinct values is one of categories."""
_WORDS = 4
"""Categories have at most so many words on average; longer texts are read as texts."""


@dataclass(frozen=True)
class OneHot(ColumnKind):
    """Texts, numbers, booleans or dates as categories.

    The last two columns are for categories that are rare or were not there when fitted, and for
    missing cells.

    Args:
        rows: Number of rows when fitted.
        missing: How many of them had no value.
        categories: Categories with a column of their own.
        rare: Number of other categories when fitted.
        rare_rows: Number of rows with one of these.
    """

    kind: ClassVar[str] = "onehot"
    as_written: ClassVar[bool] = True
    rows: int
    missing: int
    categories: list[str]
    rare: int
    rare_rows: int

    class Options(ColumnKind.Options, frozen=True):
        """What a user may choose.

        Args:
            max_categories: The rarest beyond this number count as other; default 1000, for columns
                of edges 64.
            min_count: Categories that occur less often count as other.
        """

        max_categories: int | None = None
        min_count: int = 1

    @classmethod
    def claim(cls, values: pa.Array) -> int:
        """Short texts that repeat, or are few."""
        if not pa.types.is_large_string(values.type):
            return 0
        distinct = pc.unique(pc.utf8_trim_whitespace(values.drop_null()))
        distinct = distinct.filter(pc.not_equal(distinct, ""))
        words = pc.add(pc.count_substring(distinct, " "), 1)
        short = len(distinct) == 0 or pc.mean(words).as_py() <= _WORDS
        few = len(distinct) <= _FEW or len(distinct) <= min(1000, len(values) / 2)
        return 2 if short and few else 0

    @classmethod
    def fit(cls, values: pa.Array, options: Any, place: Place) -> Self:
        """Chooses the categories."""
        texts = as_texts(values, place)
        most = options.max_categories if options.max_categories is not None else cls.limit(place)
        categories, rare, rare_rows = choose(texts, most, options.min_count)
        return cls(len(texts), texts.null_count, categories, rare, rare_rows)

    @classmethod
    def limit(cls, place: Place) -> int | None:
        """Number of categories if the options give none."""
        return place.limit

    def encode(self, values: pa.Array, place: Place) -> Block:
        """Returns sparse ``[num_rows, num_categories + 2]``."""
        index = places(as_texts(values, place), self.categories, place)
        size = len(self.categories) + 2
        return indicators(np.where(index < 0, index + size, index), size)

    def names(self, column: str) -> list[str]:
        """``column=category``, then ``column (other)`` and ``column (missing)``."""
        names = [f"{column}={category}" for category in self.categories]
        return [*names, f"{column} (other)", f"{column} (missing)"]

    def describe(self) -> str:
        """Such as ``one-hot of 1000 categories, 35 rarer ones in 47 rows → other``."""
        return f"one-hot of {self._vocabulary()}"

    def _vocabulary(self) -> str:
        size = len(self.categories)
        parts = [f"{size} {'category' if size == 1 else 'categories'}"]
        if self.rare:
            parts.append(f"{self.rare} rarer in {self.rare_rows} of {self.rows} rows → other")
        if self.missing:
            parts.append(f"{self.missing} of {self.rows} missing → a column of their own")
        return ", ".join(parts)


def indicators(index: Array, dim: int) -> sp.csr_array:
    """Returns the ``[n, dim]`` matrix with a 1 at each row's place."""
    ones = np.ones(index.size, dtype=np.float32)
    return sp.csr_array((ones, index, np.arange(index.size + 1)), shape=(index.size, dim))
