"""Relevance as plain data: CSV, dicts, and the order in which people read it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from hetgraph.methods import RelevanceRow

__all__ = ["COLUMNS", "class_name", "largest_first", "split_classes", "to_csv", "to_dicts"]

COLUMNS = ("node_type", "relation", "order", "label", "weight", "std")


def to_dicts(rows: Iterable[RelevanceRow]) -> list[dict[str, Any]]:
    """Returns one dict a row with the keys :data:`COLUMNS`; ``label`` is a class id or ``None``."""
    values = map(asdict, rows)
    return [{name: one[name] for name in COLUMNS} for one in values]


def to_csv(rows: Iterable[RelevanceRow]) -> str:
    """Returns the rows as CSV with a heading; the label of a row for all nodes is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(to_dicts(rows))
    return text.getvalue()


def split_classes(
    rows: Iterable[RelevanceRow],
) -> tuple[list[RelevanceRow], list[RelevanceRow]]:
    """Returns the rows for all nodes, and the rows for the nodes of one class."""
    rows = list(rows)
    return [r for r in rows if r.label is None], [r for r in rows if r.label is not None]


def largest_first(rows: Iterable[RelevanceRow]) -> list[RelevanceRow]:
    """Returns the rows by node type, the largest weight of each first."""
    return sorted(rows, key=lambda row: (row.node_type, -row.weight))


def class_name(names: Sequence[str], label: int) -> str:
    """Returns what a class is called; ``class 3`` where the data set has no names."""
    return names[label] if label < len(names) else f"class {label}"
