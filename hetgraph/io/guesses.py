"""What a column of a table may be, guessed from its name and values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.io.sources import Source

__all__ = [
    "as_text",
    "has_decimal_commas",
    "id_column",
    "is_key",
    "is_like",
    "is_number",
    "is_text",
    "is_time",
    "stem",
    "target_kind",
    "type_of",
]

_SAMPLE = 2000
"""Distinct values of a column that are compared with ids at most."""
_WORDS_OF_TEXT = 4.0
_MOST_CLASSES = 20
_TIMES = ("time", "timestamp", "date", "datetime", "when", "created", "created_at")
_COMMAS = r"^\s*-?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)(,[0-9]+)?\s*$"


def id_column(source: Source, name: str) -> str | None:
    """Returns the column that is named as the ids of a table are, such as ``user_id``, if any."""
    names = source.names
    words = (name, name.removesuffix("s"))
    known = ("id", *(f"{word}{ending}" for word in words for ending in ("_id", "id", "Id")))
    for column in known:
        if column in names:
            return column
    # A table of ratings has a column of this name, too.
    same = (word for word in words if word in names and is_key(source.written(word)))
    return next(same, None)


def stem(column: str) -> str:
    """Returns ``user`` for ``user_id``, as the name of a relation."""
    for ending in ("_id", "_key", "Id", "ID"):
        if column.endswith(ending) and len(column) > len(ending):
            return column.removesuffix(ending)
    return column


def is_text(column: pa.Array) -> bool:
    """Whether texts have several words."""
    given = column.drop_null()[:_SAMPLE]
    if not len(given):
        return False
    spaces = pc.count_substring(given, " ")
    return float(pc.mean(spaces).as_py()) + 1 >= _WORDS_OF_TEXT


def is_key(column: pa.Array) -> bool:
    """Whether every row has a value of its own."""
    if column.null_count or not len(column) or pa.types.is_floating(column.type):
        return False
    try:
        return int(pc.count_distinct(column).as_py()) == len(column)
    except pa.ArrowNotImplementedError:
        return False


def as_text(column: pa.Array) -> pa.Array:
    """Returns values as texts; none if they have no texts."""
    try:
        return column.cast(pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([], pa.large_string())


def is_like(node_type: str, column: str) -> bool:
    """Whether the name of a column contains that of a node type, without a plural s."""
    return node_type.removesuffix("s").lower() in column.lower()


def type_of(source: Source, name: str, nodes: Mapping[str, pa.Array | None]) -> str | None:
    """Returns the node type whose ids a column holds: by its values, a like name first."""
    values = pc.unique(as_text(source.written(name).drop_null()))[:_SAMPLE]
    if not len(values):
        return None
    like = sorted(nodes, key=lambda key: not is_like(key, name))
    for node_type in like:
        ids = nodes[node_type]
        if ids is not None and np.asarray(pc.is_in(values, value_set=ids)).mean() > 0.9:
            return node_type
    return None


def is_time(source: Source, name: str) -> bool:
    """Whether a column may be the time of edges: without gaps, and no text."""
    column = source.column(name)
    if column.null_count or pa.types.is_large_string(column.type):
        return False
    return name.lower() in _TIMES or bool(pa.types.is_temporal(column.type))


def is_number(source: Source, name: str) -> bool:
    """Whether a column holds integers or floating-point numbers."""
    kind = source.column(name).type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def target_kind(source: Source, name: str) -> str | None:
    """Returns what a column of a node table could be as a target, if any."""
    if is_number(source, name):
        return "values"
    column = source.column(name)
    if not pa.types.is_large_string(column.type):
        return None
    count = int(pc.count_distinct(column).as_py())
    return "labels" if 2 <= count <= min(_MOST_CLASSES, len(column) // 2) else None


def has_decimal_commas(source: Source, name: str) -> bool:
    """Whether the texts of a column are numbers such as ``4,50`` or ``1.204,50``."""
    column = source.column(name)
    if not pa.types.is_large_string(column.type):
        return False
    given = column.drop_null()[:_SAMPLE]
    commas = pc.any(pc.match_substring(given, ",")).as_py()
    return bool(commas and pc.all(pc.match_substring_regex(given, _COMMAS)).as_py())
