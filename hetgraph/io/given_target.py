"""Labels and values of nodes from what a user has in Python: lists, arrays, columns, dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.catalog import Labels, Values
from hetgraph.data.graph import HeteroGraph
from hetgraph.errors import ConfigError, DataError
from hetgraph.io.lookup import node_numbers

__all__ = ["index_ids", "read_target"]

_OF_VALUES = ("node-regression", "node-importance")
_OF_CLASSES = ("node-classification", "few-shot")
_MANY = 20
"""Different labels that are classes, however few nodes there are."""


def read_target(graph: HeteroGraph, target: Any, family: str = "") -> Labels | Values:
    """Returns the target that a pair of a node type and its labels stands for.

    Args:
        graph: The graph.
        target: ``(node_type, labels)``, see :func:`hetgraph.io.as_dataset`.
        family: Family of tasks; it decides whether numbers are classes or values.

    Raises:
        ConfigError: If the target is of no known form, or classes and values cannot be told apart.
        DataError: If labels do not fit the nodes.

    Example:
        >>> graph = HeteroGraph(num_nodes={"paper": 3}, relations={})
        >>> read_target(graph, ("paper", [1999.5, None, 2004.25])).index.tolist()
        [0, 2]
    """
    if not (isinstance(target, tuple) and len(target) == 2 and isinstance(target[0], str)):
        raise ConfigError(
            f"the target is {target!r:.80}; expected (node_type, labels), an edge type of three "
            "words, a Target, or the name of one."
        )
    node_type, given = target
    graph.schema.node_type(node_type)
    size, rows = graph.num_nodes[node_type], torch.arange(graph.num_nodes[node_type])
    if isinstance(given, Mapping):
        ids: list[Any] | None = list(given)
        given = list(given.values())
    else:
        ids = index_ids(given, f"the labels of {node_type!r}")
        given = given.to_numpy() if ids is not None and not hasattr(given, "columns") else given
    if ids is not None:
        rows, size = node_numbers(graph, node_type, ids), len(ids)
    if isinstance(given, Tensor):
        given = given.detach().cpu().numpy()
    shape = tuple(getattr(given, "shape", ()))
    if len(shape) == 2:
        names = getattr(given, "columns", None)
        table = given.to_numpy() if names is not None else np.asarray(given)
        if shape[1] != 1:
            return _several(node_type, rows, table, size, names)
        given = table[:, 0]
    column = _column(node_type, given)
    if len(column) != size:
        raise DataError(
            f"{len(column):,} labels of {node_type!r}, expected {size:,}: one per node, or a dict "
            "by id."
        )
    return _of_column(node_type, rows, column, family)


def index_ids(given: Any, what: str) -> list[Any] | None:
    """Returns the ids in the index of a column or a frame of pandas.

    ``None`` stands for something else, or an index that counts the rows: an entry per node.

    Args:
        given: What the user has.
        what: What it is, in messages.

    Raises:
        ConfigError: If the index may hold ids or rows.
        DataError: If an id is repeated.

    Example:
        >>> import pandas as pd
        >>> index_ids(pd.Series([1, 2], index=["ann", "bob"]), "the labels")
        ['ann', 'bob']
    """
    index = getattr(given, "index", None)
    if callable(index) or index is None or not hasattr(index, "is_unique"):
        return None  # lists have a method `index`
    if type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1:
        return None
    if index.name is None and index.dtype.kind in "iu":
        raise ConfigError(
            f"{what} have an index of whole numbers without a name, which may be ids or rows: give "
            "them as .to_numpy() for one entry per node, or name the index for entries by id."
        )
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise DataError(f"{what}: {twice!r} is twice in the index.")
    return list(index)


def _column(node_type: str, given: Any) -> pa.Array:
    try:
        column = pa.array(given, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"labels of {node_type!r} are {given!r:.60}; expected a word or a number per node, or "
            "a matrix of 0 and 1 with a column per class."
        ) from error
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type):
        raise DataError(
            f"labels of {node_type!r} are {column.type}; expected a word or a number per node. "
            "Several classes per node are given as a matrix of 0 and 1."
        )
    return column


def _several(node_type: str, rows: Tensor, table: Any, size: int, names: Any) -> Labels:
    wrong = table.shape[0] != size or not np.isin(table, (0, 1)).all()
    if wrong:
        raise DataError(
            f"labels of {node_type!r} are {list(table.shape)}; expected [{size}, num_classes] of "
            "0 and 1."
        )
    classes = () if names is None else tuple(map(str, names))
    if classes == tuple(map(str, range(len(classes)))):
        classes = ()  # the columns have no names, but numbers
    marks = torch.from_numpy(table.astype(bool))
    return Labels(node_type, table.shape[1], rows, marks, multi_label=True, class_names=classes)


def _of_column(node_type: str, rows: Tensor, column: pa.Array, family: str) -> Labels | Values:
    if not pa.types.is_floating(column.type):
        if family in _OF_VALUES:
            return _values(node_type, rows, column)
        if not family:
            _check_are_classes(node_type, column)
        return _classes(node_type, rows, column)
    if family in _OF_CLASSES:
        return _classes(node_type, rows, _whole(node_type, column))
    if not family and column.null_count and _are_whole(column):
        # numpy and pandas make fractional numbers of whole ones as soon as one is missing.
        raise ConfigError(
            f"the labels of {node_type!r} are whole numbers, some missing, in a column of "
            'fractional numbers: say task="node-classification" or task="node-regression".'
        )
    return _values(node_type, rows, column)


def _check_are_classes(node_type: str, column: pa.Array) -> None:
    """Refuses a number or a word of its own for most nodes."""
    known = column.drop_null()
    different = len(pc.unique(known))
    if different > max(_MANY, len(known) // 2):
        raise ConfigError(
            f"the {len(known):,} labels of {node_type!r} are {different:,} different ones: say "
            'task="node-regression" if they are values, task="node-classification" if classes.'
        )


def _are_whole(column: pa.Array) -> bool:
    known = column.drop_null()
    return len(known) > 0 and bool(pc.all(pc.equal(pc.round(known), known)).as_py())


def _values(node_type: str, rows: Tensor, column: pa.Array) -> Values:
    column = _without_nan(column)
    known = pc.is_valid(column)
    kept = torch.from_numpy(known.to_numpy(zero_copy_only=False))
    try:
        numbers = column.filter(known).cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowException as error:
        raise DataError(
            f"labels of {node_type!r} are {column.type}; expected a number per node."
        ) from error
    if not len(numbers):
        raise _none(node_type, column)
    return Values(node_type, rows[kept], torch.from_numpy(numbers.copy()))


def _without_nan(column: pa.Array) -> pa.Array:
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _classes(node_type: str, rows: Tensor, column: pa.Array) -> Labels:
    known = pc.is_valid(column)
    if pa.types.is_integer(column.type):
        known = pc.fill_null(pc.greater_equal(column, 0), False)
        if len(column) and (least := pc.min(column).as_py()) is not None and least < -1:
            raise DataError(
                f"the labels of {node_type!r} hold {least}; -1 means not labelled, and classes are "
                "whole numbers from 0, or words."
            )
    kept = torch.from_numpy(known.to_numpy(zero_copy_only=False))
    present = column.filter(known)
    if not len(present):
        raise _none(node_type, column)
    values = pc.unique(present).sort()
    codes = torch.from_numpy(pc.index_in(present, value_set=values).to_numpy().astype("int64"))
    listed = values.to_pylist()
    if len(listed) == 1:
        raise DataError(
            f"all labelled nodes of {node_type!r} have the class {listed[0]!r}; expected two "
            "classes or more (-1 means not labelled)."
        )
    numbered = pa.types.is_integer(values.type) and listed == list(range(len(listed)))
    names = () if numbered else tuple(map(str, listed))
    return Labels(node_type, len(listed), rows[kept], codes, class_names=names)


def _whole(node_type: str, column: pa.Array) -> pa.Array:
    try:
        return _without_nan(column).cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise DataError(
            f"labels of {node_type!r} are numbers that are not whole; expected classes."
        ) from error


def _none(node_type: str, column: pa.Array) -> DataError:
    return DataError(f"none of {len(column):,} {node_type!r} nodes is labelled.")
