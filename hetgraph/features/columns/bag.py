"""Columns of sets of words: lists, texts with a separator, or maps ``{feature: value}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from hetgraph.errors import ConfigError
from hetgraph.features.columns.base import Array, Block, ColumnKind, Place, bad_cell, first_row
from hetgraph.features.columns.list import is_list
from hetgraph.features.columns.number import is_number
from hetgraph.features.columns.scaling import bad_cell_type
from hetgraph.features.columns.vocabulary import MISSING, as_texts, choose, places

__all__ = ["Bag"]


@dataclass(frozen=True)
class Bag(ColumnKind):
    """Sets of words as counts, maps as their values.

    The last two columns are for words that are rare or were not there when fitted, and for missing
    cells.

    Args:
        rows: Number of rows when fitted.
        missing: How many of them had no value.
        words: Words with a column of their own.
        rare: Number of other words when fitted.
        separator: What separates the words of a text.
    """

    kind: ClassVar[str] = "bag"
    as_written: ClassVar[bool] = True
    rows: int
    missing: int
    words: list[str]
    rare: int
    separator: str | None = None

    class Options(ColumnKind.Options, frozen=True):
        """What a user may choose.

        Args:
            separator: What separates the words of a text, such as ``"|"``.
            max_words: The rarest beyond this number count as other; default 10,000, for columns of
                edges 64.
            min_count: Words that occur less often count as other.
        """

        separator: str | None = None
        max_words: int | None = None
        min_count: int = 1

    @classmethod
    def claim(cls, values: pa.Array) -> int:
        """Lists of texts, and maps."""
        kind = values.type
        if pa.types.is_map(kind):
            return 2
        return 2 if is_list(kind) and _is_text(kind.value_type) else 0

    @classmethod
    def fit(cls, values: pa.Array, options: Any, place: Place) -> Self:
        """Chooses the words."""
        most = options.max_words
        if most is None:
            most = place.limit * 10 if place.limit >= 1000 else place.limit
        cells = _Cells.read(values, options.separator, place)
        words, rare, _ = choose(cells.words, most, options.min_count)
        return cls(len(values), int(cells.missing.sum()), words, rare, options.separator)

    def encode(self, values: pa.Array, place: Place) -> Block:
        """Returns sparse ``[num_rows, num_words + 2]``."""
        cells = _Cells.read(values, self.separator, place)
        index = places(cells.words, self.words, place, cells.rows)
        size = len(self.words) + 2
        present = index != MISSING  # A list may hold empty places.
        absent = np.flatnonzero(cells.missing)
        rows = np.concatenate([cells.rows[present], absent])
        columns = np.where(index < 0, index + size, index)[present]
        columns = np.concatenate([columns, np.full(absent.size, size - 1)])
        weights = np.concatenate([cells.values[present], np.ones(absent.size)])
        shape = (len(values), size)
        return sp.csr_array(sp.coo_array((weights, (rows, columns)), shape=shape))

    def names(self, column: str) -> list[str]:
        """``column=word``, then ``column (other)`` and ``column (missing)``."""
        names = [f"{column}={word}" for word in self.words]
        return [*names, f"{column} (other)", f"{column} (missing)"]

    def describe(self) -> str:
        """Such as ``bag of 120 words, 3 rarer → other``."""
        parts = [f"bag of {len(self.words)} words"]
        parts += [f"{self.rare} rarer → other"] if self.rare else []
        if self.missing:
            parts.append(f"{self.missing} of {self.rows} missing → a column of their own")
        return ", ".join(parts)


@dataclass(frozen=True)
class _Cells:
    """The words of all rows one after the other.

    Args:
        words: ``[n]`` texts.
        rows: ``[n]`` row of each.
        values: ``[n]`` value of each; 1 in lists.
        missing: ``[num_rows]`` whether the cell is missing.
    """

    words: pa.Array
    rows: Array
    values: Array
    missing: Array

    @classmethod
    def read(cls, values: pa.Array, separator: str | None, place: Place) -> _Cells:
        """Returns the words of a column."""
        kind, missing = values.type, np.asarray(values.is_null())
        if pa.types.is_null(kind):
            none = pa.array([], pa.large_string())
            return cls(none, np.zeros(0, np.int64), np.zeros(0), missing)
        known, values = np.flatnonzero(~missing), values.drop_null()
        if pa.types.is_large_string(kind):
            values = _split(values, separator, place)
        elif not (is_list(kind) or pa.types.is_map(kind)):
            raise bad_cell_type(place, values, "lists, maps, or texts with a separator")
        if pa.types.is_map(values.type):
            starts = values.offsets.to_numpy()
            span = slice(int(starts[0]), int(starts[-1])) if starts.size else slice(0, 0)
            rows = np.repeat(known, np.diff(starts))
            return cls(
                as_texts(_plain_texts(values.keys[span]), place),
                rows,
                _weights(values.items[span], rows, place),
                missing,
            )
        lengths = pc.list_value_length(values).to_numpy(zero_copy_only=False)
        words = as_texts(_plain_texts(values.flatten()), place)
        return cls(words, np.repeat(known, lengths), np.ones(len(words)), missing)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _plain_texts(words: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(words.type):
        words = words.dictionary_decode()
    return words.cast(pa.large_string()) if _is_text(words.type) else words


def _split(values: pa.Array, separator: str | None, place: Place) -> pa.Array:
    """Returns lists of the words between separators; empty ones are missing."""
    if not separator:
        raise ConfigError(
            f"{place.where}: a bag of texts needs a separator, for example "
            "{encode: bag, separator: '|'}."
        )
    lists = pc.split_pattern(values, separator)
    words = pc.utf8_trim_whitespace(lists.flatten())
    words = pc.if_else(pc.equal(words, ""), pa.scalar(None, words.type), words)
    return pa.ListArray.from_arrays(lists.offsets, words)


def _weights(values: pa.Array, rows: Array, place: Place) -> Array:
    if not is_number(values.type):
        raise bad_cell_type(place, values, "numbers as the values of maps")
    numbers: Array = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    bad = first_row(~np.isfinite(numbers))
    if bad is not None:
        raise bad_cell(
            place, int(rows[bad]), f"the map holds the value {numbers[bad]}; expected a number."
        )
    return numbers
