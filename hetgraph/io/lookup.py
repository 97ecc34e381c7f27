"""The user's ids of the nodes that are asked about, and their row numbers."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.errors import DataError, FileFormatError
from hetgraph.io.attributes import id_column
from hetgraph.io.ids import IdMap, missing_row, show
from hetgraph.io.sources import Source, as_source
from hetgraph.io.sources.base import plain
from hetgraph.io.sources.paths import table_name

__all__ = ["node_numbers", "read_ids", "read_pairs"]

_LISTED = 5
"""Unknown ids that a message lists."""
_MOST = 20_000
"""Ids among which a similar one is looked for: each is compared letter by letter."""


def node_numbers(graph: HeteroGraph, node_type: str, ids: Sequence[Any] | pa.Array) -> Tensor:
    """Returns the row numbers of nodes, ``[n]`` int64, in the order of the given ids.

    Texts, as from a command line, stand for integer ids, and integers for texts.

    Args:
        graph: The graph; without ``graph.ids`` of the type, ids are the numbers 0, 1, ...
        node_type: Type of the nodes.
        ids: ``[n]`` ids; an id may be given several times.

    Raises:
        SchemaError: If there is no such type.
        DataError: If ids are missing or unknown, with their number and up to five of them.

    Example:
        >>> from hetgraph.io import from_tables
        >>> graph = from_tables({"user": {"id": [7, 9]}, "item": {"id": ["tea", "mug"]}}, {})
        >>> node_numbers(graph, "user", ["9", "7"]).tolist()
        [1, 0]
        >>> node_numbers(graph, "item", ["mugg"])
        Traceback (most recent call last):
        hetgraph.errors.DataError: 'mugg' is not the id of a 'item' node. Did you mean 'mug'?
    """
    graph.schema.node_type(node_type)
    what = f"ids of {node_type!r}"
    given = plain(ids) if isinstance(ids, (pa.Array, pa.ChunkedArray)) else id_column(what, ids)
    if pa.types.is_nested(given.type):
        raise DataError(f"{what} are {given.type}; expected a text or a number per node.")
    row = missing_row(given)
    if row is not None:
        raise DataError(f"{what}: the one at place {row} (from 0) is missing; leave it out.")
    known = graph.ids.get(node_type)
    if known is not None and not _is_plain(known.type):
        known = _as_texts(known)  # Dates, bytes, ...: a command line gives them as texts.
    of_type = IdMap(node_type, graph.num_nodes[node_type] if known is None else plain(known))
    if pa.types.is_large_string(of_type.type) and not pa.types.is_large_string(given.type):
        given = _as_texts(given)
    numbers = of_type.find(plain(given), what)
    unknown = np.flatnonzero(numbers < 0)
    if unknown.size:
        raise _unknown(of_type, known, given, unknown)
    return torch.from_numpy(numbers.astype(np.int64))


def is_mask(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array marks rows, be it of objects, as of a nullable column of pandas.

    Example:
        >>> is_mask(np.array([True, False])), is_mask(np.array([1, 0]))
        (True, False)
    """
    if array.dtype == bool:
        return True
    objects = array.dtype == object and array.size > 0
    return objects and all(isinstance(value, (bool, np.bool_)) for value in array.flat)


def read_ids(path: str | os.PathLike[str]) -> pa.Array:
    r"""Reads ids from a file.

    Args:
        path: A text file (``.txt``) with an id per line, or a ``.csv``, ``.tsv``, ``.parquet`` or
            ``.jsonl`` file with a column ``id``, or with a single column.

    Raises:
        FileFormatError: If there is no such file, or it cannot be read.
        DataError: If it is not clear which column holds the ids, or there are none.

    Example:
        >>> _ = Path("ask.txt").write_text("ann\nbob\n")
        >>> read_ids("ask.txt").to_pylist()
        ['ann', 'bob']
    """
    file = Path(path)
    if file.is_file() and table_name(file) is None:
        return _lines(file)
    source = as_source(file, "ids")
    names = list(source.names)
    if "id" not in names and len(names) != 1:
        raise DataError(
            f"{source.label} has the columns {', '.join(names)}; name the one with the ids 'id'."
        )
    return _ids(source, "id" if "id" in names else names[0])


def read_pairs(path: str | os.PathLike[str]) -> tuple[pa.Array, pa.Array, pa.Array | None]:
    r"""Reads pairs of nodes from a file.

    Args:
        path: A ``.csv``, ``.tsv``, ``.parquet`` or ``.jsonl`` file with the columns ``src`` and
            ``dst``, and possibly ``relation``.

    Returns:
        ``[n]`` ids of sources, ``[n]`` ids of destinations, and ``[n]`` names of relations or
        ``None``.

    Raises:
        FileFormatError: If there is no such file, or it cannot be read.
        DataError: If a column or a value is missing.

    Example:
        >>> _ = Path("pairs.csv").write_text("src,dst\nann,7\nbob,9\n")
        >>> src, dst, relation = read_pairs("pairs.csv")
        >>> dst.to_pylist(), relation is None
        (['7', '9'], True)
    """
    source = as_source(Path(path), "pairs")
    src, dst = (_ids(source, name) for name in ("src", "dst"))
    if "relation" not in source.names:
        return src, dst, None
    relation = source.written("relation")
    row = missing_row(relation)
    if row is not None:
        raise DataError(f"{source.label}, row {row} (from 0): the relation is missing; fill it in.")
    return src, dst, relation.cast(pa.large_string())


# ----------------------------------------------------------------------------- internals


def _lines(file: Path) -> pa.Array:
    """Returns the lines of a text file that are not empty."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{file} is not a text file in UTF-8; expected an id per line, or a .csv, .parquet or "
            ".jsonl file with a column 'id'."
        ) from error
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise DataError(f"{file} holds no ids; expected one per line.")
    return pa.array([line.removesuffix("\r") for line in lines], pa.large_string())


def _ids(source: Source, name: str) -> pa.Array:
    column = source.written(name)
    if not len(column):
        raise DataError(f"{source.label} has no rows; expected ids in column {name!r}.")
    row = missing_row(column)
    if row is not None:
        raise DataError(
            f"{source.label}, column {name!r}, row {row} (from 0): the id is missing; fill it in "
            "or leave the row out."
        )
    return column


def _is_plain(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_large_string)
    return any(test(kind) for test in (*tests, pa.types.is_string, pa.types.is_null))


def _as_texts(column: pa.Array) -> pa.Array:
    """Returns ids as they are written on a command line: bytes as hexadecimal digits."""
    values = column.to_pylist()
    texts = [value.hex() if isinstance(value, bytes) else str(value) for value in values]
    return pa.array(texts, pa.large_string())


def _unknown(
    of_type: IdMap, known: pa.Array | None, given: pa.Array, rows: np.ndarray[Any, Any]
) -> DataError:
    """Returns the error of unknown ids."""
    listed = [show(given, int(row)) for row in rows[:_LISTED]]
    hint = _near(of_type, known, given[int(rows[0])].as_py())
    if len(rows) == 1:
        return DataError(f"{listed[0]} is not the id of a {of_type.node_type!r} node.{hint}")
    more = ", ..." if len(rows) > _LISTED else ""
    return DataError(
        f"{len(rows):,} of {len(given):,} ids are not those of {of_type.node_type!r} nodes: "
        f"{', '.join(listed)}{more}.{hint}"
    )


def _near(of_type: IdMap, known: pa.Array | None, value: Any) -> str:
    """Returns a sentence about the ids that there are, and one that is similar."""
    if known is None:
        last = of_type.num_nodes - 1
        return f" Nodes of this type have no ids; give their numbers, 0..{last}."
    if hint := of_type.near(value):
        return hint
    if len(known) <= _MOST:
        names = [str(other) for other in known.to_pylist()]
        if close := difflib.get_close_matches(str(value), names, n=1):
            return f" Did you mean {close[0]!r}?"
    some = ", ".join(show(known, row) for row in range(min(3, len(known))))
    return f" Its {len(known):,} ids are such as {some}."
