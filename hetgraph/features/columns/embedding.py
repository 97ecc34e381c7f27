"""Columns of categories with a learned vector each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from hetgraph.features.columns.base import Array, Place
from hetgraph.features.columns.onehot import OneHot
from hetgraph.features.columns.vocabulary import as_texts, places

__all__ = ["Embedding"]


@dataclass(frozen=True)
class Embedding(OneHot):
    """As one-hot, but all categories, and codes if no column stands beside it.

    A learned linear map of a one-hot column *is* an embedding: its weights hold one vector per
    category. Alone, the column becomes the categorical features of the nodes: code 0 for other
    categories, 1 for missing cells, then the categories.
    """

    kind: ClassVar[str] = "embedding"

    @classmethod
    def claim(cls, values: pa.Array) -> int:
        """Never chosen unless declared."""
        return 0

    @classmethod
    def limit(cls, place: Place) -> int | None:
        """All categories of nodes have a vector."""
        return None if place.limit >= 1000 else place.limit

    def codes(self, values: pa.Array, place: Place) -> Array | None:
        """Returns ``[num_rows]`` codes."""
        return places(as_texts(values, place), self.categories, place) + 2

    @property
    def num_codes(self) -> int:
        """One more than the largest code."""
        return len(self.categories) + 2

    def code_names(self, column: str) -> list[str]:
        """The names by code: other categories, missing cells, then the categories."""
        names = self.names(column)
        return [*names[-2:], *names[:-2]]

    def describe(self) -> str:
        """Such as ``embedding of 7 categories``."""
        return f"embedding of {self._vocabulary()}"
