"""Categories as texts, whatever their type, and their places in a vocabulary."""

from __future__ import annotations

import logging
import reprlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.features.columns.base import Array, Place, first_row
from hetgraph.features.columns.scaling import bad_cell_type

__all__ = ["MISSING", "OTHER", "as_texts", "choose", "places"]

_LOG = logging.getLogger("hetgraph.features")

OTHER, MISSING = -2, -1
"""Places of a category that is not in the vocabulary, and of a missing cell."""


def as_texts(values: pa.Array, place: Place) -> pa.Array:
    """Returns categories as texts, so that 3, 3.0 and "3" are one in every kind of table.

    Raises:
        DataError: If the values are neither texts, numbers, booleans nor dates.
    """
    kind = values.type
    if pa.types.is_large_string(kind):
        return values
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, kind), values)
        whole = pc.all(pc.equal(values, pc.floor(values)), min_count=0).as_py()
        small = pc.all(pc.less(pc.abs(values), 2.0**53), min_count=0).as_py()
        values = values.cast(pa.int64()) if whole and small else values
    elif not (
        pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_temporal(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
    ):
        raise bad_cell_type(place, values, "texts or numbers as categories")
    return values.cast(pa.large_string())


def choose(texts: pa.Array, most: int | None, min_count: int) -> tuple[list[str], int, int]:
    """Returns the categories with a place of their own, sorted, independent of the row order.

    Args:
        texts: The categories; missing ones are left out.
        most: Number of categories; ``None``: all. The rarest, of equal ones the last in order, are
            left out.
        min_count: A category that occurs less often is left out.

    Returns:
        The categories, the number of those left out, and the number of cells that hold them.
    """
    table = pc.value_counts(texts.drop_null())
    names, counts = table.field("values"), table.field("counts").to_numpy()
    by_name = pc.sort_indices(names).to_numpy()
    order = by_name[np.argsort(-counts[by_name], kind="stable")]
    kept = order[counts[order] >= min_count][:most]
    chosen = sorted(names.take(pa.array(kept)).to_pylist())
    return chosen, len(names) - kept.size, int(counts.sum() - counts[kept].sum())


def places(
    texts: pa.Array, categories: list[str], place: Place, rows: Array | None = None
) -> Array:
    """Returns ``[n]`` the number of each category, :data:`OTHER` or :data:`MISSING`.

    New rows with categories that are not in the vocabulary are told.

    Args:
        texts: ``[n]`` the categories.
        categories: The vocabulary.
        place: Where the values come from.
        rows: ``[n]`` row of each text, of cells that hold several; ``None``: 0, 1, ...
    """
    known = pa.array(categories, pa.large_string())
    index = pc.index_in(texts, value_set=known)
    unknown = pc.and_(index.is_null(), texts.is_valid())
    if place.new and (row := first_row(unknown)) is not None:
        first = row if rows is None else int(rows[row])
        line = (
            f"{place.where}: {pc.sum(unknown).as_py():,} of {len(texts):,} values are not among "
            f"the {len(categories):,} categories of the encoder, first in row {first} (from 0): "
            f"{reprlib.repr(texts[row].as_py())}; they count as other."
        )
        _LOG.warning("%s", line) if place.tell is None else place.tell(line)
    numbers: Array = pc.fill_null(index, MISSING).to_numpy(zero_copy_only=False).astype(np.int64)
    numbers[np.asarray(unknown)] = OTHER
    return numbers
