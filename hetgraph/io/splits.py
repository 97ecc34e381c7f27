"""Splits as columns of a table, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.catalog.split import Split
from hetgraph.catalog.targets.base import Table
from hetgraph.errors import DataError

__all__ = ["read_split", "split_column"]

Array = np.ndarray[Any, Any]

_SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
}


def read_split(source: Table, column_name: str) -> Split:
    """Reads a column of the words ``train``, ``valid`` and ``test`` as row numbers.

    Rows without a word are in no split.

    Raises:
        DataError: If the column holds another word, or the training or test split is empty.
    """
    column = source.written(column_name)
    where = f"{source.label}, column {column_name!r}"
    if not pa.types.is_large_string(column.type):
        raise DataError(f"{where} holds {column.type}; expected the texts train, valid and test.")
    rows: dict[str, list[Array]] = {"train": [], "valid": [], "test": []}
    for word in pc.unique(column.drop_null()).to_pylist():
        split = _SPLITS.get(word.strip().lower())
        if split is None:
            raise DataError(
                f"{where} holds {word!r}; expected train, valid, test or a missing value."
            )
        rows[split].append(np.flatnonzero(np.asarray(pc.equal(column, word).fill_null(False))))
    for split in ("train", "test"):
        if not rows[split]:
            raise DataError(f"{where}: no row is marked {split!r}; mark at least one.")
    ids = {
        split: torch.from_numpy(np.sort(np.concatenate(marked)))
        for split, marked in rows.items()
        if marked
    }
    return Split(ids["train"], ids.get("valid"), ids["test"])


def split_column(split: Split, num_rows: int) -> pa.Array:
    """Returns a split as a column of words, which :func:`read_split` reads.

    Raises:
        DataError: If an id is in two of the three.
    """
    words = np.array([None] * num_rows, dtype=object)
    ids_by_word: Mapping[str, Tensor | None] = vars(split)
    for word in ("train", "valid", "test"):
        ids = ids_by_word[word]
        if ids is None:
            continue
        taken = [other for other in words[ids.numpy()] if other is not None]
        if taken:
            raise DataError(f"an id is both in {taken[0]!r} and in {word!r}; leave it in one.")
        words[ids.numpy()] = word
    return pa.array(words, pa.large_string())
