"""Rows of a query in the order of the nodes, and their splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from hetgraph.catalog.split import Split
from hetgraph.catalog.targets.base import Target
from hetgraph.errors import ConfigError, DataError
from hetgraph.io.database.clock import moment
from hetgraph.io.drawn_splits import as_drawn
from hetgraph.io.selected import SelectedRows
from hetgraph.io.sources import Source
from hetgraph.io.splits import read_split

__all__ = ["aligned", "splits_of"]

Array = np.ndarray[Any, Any]


def aligned(source: Source, row_of: Array) -> Source:
    """Returns the rows of a query in the order of the nodes.

    Args:
        source: The query.
        row_of: ``[num_nodes]`` row of each node; below zero: none, so its values are missing.
    """
    return SelectedRows(source, pa.array(row_of, mask=row_of < 0), "in the order of the nodes")


def splits_of(
    declared: Mapping[str, Any],
    where: str,
    table: Source,
    target: Target,
    index: Tensor,
    times: Tensor | None,
) -> dict[str, Split]:
    """Returns the splits of a target: a column, moments, drawn ones, or the default ones.

    Args:
        declared: The declaration of the target.
        where: Its name in messages.
        table: The rows in the order of the nodes.
        target: The target.
        index: ``[n]`` int64 nodes of the target.
        times: ``[n]`` their times, which split by default.

    Raises:
        ConfigError: If the declaration is invalid.
        DataError: If a split is empty.
    """
    options = dict(declared)
    how = options.get("split")
    if how is not None and how not in ("random", "stratified", "time"):
        return {str(how): read_split(table, str(how))}
    dates = {key: options.pop(key) for key in ("valid", "test") if _is_moment(options.get(key))}
    if dates:
        return {"time": _by_moments(where, dates, index, times)}
    if times is not None:
        options.setdefault("split", "time")
    if "split" not in options and ("valid" in options or "test" in options):
        options["split"] = "random"
    drawn = as_drawn(options, where)
    if drawn is None:
        return dict(target.default_splits())
    return {drawn.name: drawn.of(index, time=times, classes=target.strata())}


def _is_moment(value: Any) -> bool:
    """Whether ``valid`` or ``test`` is a moment rather than a fraction."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value is not None and not (is_number and 0 < value < 1)


def _by_moments(where: str, dates: Mapping[str, Any], index: Tensor, times: Tensor | None) -> Split:
    """Splits at given moments: from ``test`` on test targets, from ``valid`` on validation ones."""
    if times is None:
        raise ConfigError(f"{where}: {', '.join(dates)} are moments, but there is no time:.")
    if set(dates) != {"valid", "test"}:
        raise ConfigError(f"{where}: give both valid and test as moments, or as fractions.")
    valid, test = (moment(dates[key], f"{where}: {key}") for key in ("valid", "test"))
    parts = {
        "train": index[times < valid],
        "valid": index[(times >= valid) & (times < test)],
        "test": index[times >= test],
    }
    for name, ids in parts.items():
        if not ids.numel():
            raise DataError(
                f"{where}: the {name} split is empty with valid from {dates['valid']} and "
                f"test from {dates['test']} on."
            )
    return Split(**parts)
