"""Relevance as plain data: CSV, dicts, and rows sorted for reading."""

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
    """Returns one dict per row with the keys :data:`COLUMNS`.

    ``label`` is a class id, or ``None`` in a row for all nodes.

    Example:
        >>> to_dicts([RelevanceRow("author", "writes", order=0, weight=0.75)])[0]["weight"]
        0.75
    """
    return [{name: values[name] for name in COLUMNS} for values in map(asdict, rows)]


def to_csv(rows: Iterable[RelevanceRow]) -> str:
    """Returns the rows as CSV with a header; the label is empty in a row for all nodes.

    Example:
        >>> print(to_csv([RelevanceRow("author", "writes", order=0, weight=0.75)]), end="")
        node_type,relation,order,label,weight,std
        author,writes,0,,0.75,0.0
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(to_dicts(rows))
    return text.getvalue()


def split_classes(
    rows: Iterable[RelevanceRow],
) -> tuple[list[RelevanceRow], list[RelevanceRow]]:
    """Returns the rows for all nodes, and the rows for the nodes of one class.

    Example:
        >>> from dataclasses import replace
        >>> row = RelevanceRow("author", "writes", order=0, weight=0.7)
        >>> everyone, of_class = split_classes([row, replace(row, weight=0.9, label=2)])
        >>> everyone[0].weight, of_class[0].label
        (0.7, 2)
    """
    rows = list(rows)
    everyone = [row for row in rows if row.label is None]
    return everyone, [row for row in rows if row.label is not None]


def largest_first(rows: Iterable[RelevanceRow]) -> list[RelevanceRow]:
    """Returns the rows sorted by node type, then by decreasing weight.

    Example:
        >>> rows = RelevanceRow("author", "writes", 0, 0.2), RelevanceRow("author", "cites", 0, 0.8)
        >>> [row.relation for row in largest_first(rows)]
        ['cites', 'writes']
    """
    return sorted(rows, key=lambda row: (row.node_type, -row.weight))


def class_name(names: Sequence[str], label: int) -> str:
    """Returns the name of a class, or a text such as ``class 3`` if the data set has no names.

    Example:
        >>> class_name(("databases", "vision"), 1), class_name((), 3)
        ('vision', 'class 3')
    """
    return names[label] if label < len(names) else f"class {label}"
