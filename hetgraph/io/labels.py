"""Labels and splits as columns of a node table, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.catalog.dataset import NodeLabels, Split
from hetgraph.errors import DataError, suggest
from hetgraph.io.sources import Source

__all__ = ["label_column", "random_split", "read_labels", "read_split", "split_column"]

Array = np.ndarray[Any, Any]

_PARTS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
}


def read_labels(
    source: Source,
    node_type: str,
    columns: str | Sequence[str],
    *,
    classes: Sequence[str | int] = (),
    separator: str | None = None,
) -> NodeLabels:
    """Reads the classes of the nodes of one type; a missing value means not labelled.

    Args:
        source: The node table.
        node_type: Its node type.
        columns: A column with one class a node, or with a list of classes (multi-label), or
            several columns of 0 and 1, one a class (multi-label).
        classes: The classes in the order they shall have; default: sorted.
        separator: Split the texts of the column at this text (multi-label, for CSV files).

    Raises:
        DataError: If a column is missing, no node is labelled, or a class is not in ``classes``.
    """
    if not isinstance(columns, str):
        return _indicator_labels(source, node_type, list(columns))
    where = f"{source.label}, column {columns!r}"
    as_written = separator is not None or any(isinstance(name, str) for name in classes)
    column = source.written(columns) if as_written else source.column(columns)
    if separator is not None:
        column = _split_texts(column, separator)
    index = np.flatnonzero(np.asarray(column.is_valid()))
    if not index.size:
        raise DataError(f"{where}: no node is labelled; every value is missing.")
    column = column.drop_null()
    is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    flat = column.flatten() if is_list else column
    if pa.types.is_floating(flat.type):
        flat = _whole(flat, where)
    known = pa.array(list(classes)) if classes else pc.unique(flat.drop_null()).sort()
    codes = _codes(flat, known, where)
    names = tuple(str(name) for name in known.to_pylist())
    counted = pa.types.is_integer(known.type) and known.to_pylist() == list(range(len(known)))
    target = torch.from_numpy(codes)
    if is_list:
        rows = np.repeat(np.arange(len(column)), pc.list_value_length(column).to_numpy())
        target = torch.zeros(len(column), len(names), dtype=torch.bool)
        target[torch.from_numpy(rows), torch.from_numpy(codes)] = True
    return NodeLabels(
        node_type=node_type,
        num_classes=len(names),
        index=torch.from_numpy(index),
        target=target,
        multi_label=is_list,
        class_names=() if counted else names,
    )


def read_split(source: Source, column_name: str) -> Split:
    """Reads a column with ``train``, ``valid``, ``test`` or nothing for each node.

    Raises:
        DataError: If another word stands there, or a part that is needed is empty.
    """
    column = source.written(column_name)
    where = f"{source.label}, column {column_name!r}"
    if not pa.types.is_large_string(column.type):
        raise DataError(f"{where} holds {column.type}; expected the texts train, valid and test.")
    parts: dict[str, list[Array]] = {"train": [], "valid": [], "test": []}
    for word in pc.unique(column.drop_null()).to_pylist():
        part = _PARTS.get(word.strip().lower())
        if part is None:
            raise DataError(f"{where} holds {word!r}; expected train, valid, test or nothing.")
        parts[part].append(np.flatnonzero(np.asarray(pc.equal(column, word).fill_null(False))))
    for part in ("train", "test"):
        if not parts[part]:
            raise DataError(f"{where}: no node is marked {part!r}; mark some.")
    found = {
        part: torch.from_numpy(np.sort(np.concatenate(ids))) for part, ids in parts.items() if ids
    }
    return Split(found["train"], found.get("valid"), found["test"])


def random_split(labels: NodeLabels, *, seed: int = 0) -> Split:
    """Returns 60 % training, 20 % validation and 20 % test of the labelled nodes.

    The nodes are ordered by a keyed hash of their number, so the split is the same on every
    platform and with every version of numpy.

    Raises:
        DataError: If fewer than five nodes are labelled.
    """
    count = labels.index.numel()
    if count < 5:
        raise DataError(
            f"{count} labelled {labels.node_type!r} nodes are too few to split at random; "
            "declare a split column."
        )
    order = np.argsort(_mix(labels.index.numpy().astype(np.uint64), seed), kind="stable")
    train, valid = count * 6 // 10, count * 8 // 10
    pieces = (order[:train], order[train:valid], order[valid:])
    ids = labels.index.numpy()
    first, second, third = (torch.from_numpy(np.sort(ids[piece])) for piece in pieces)
    return Split(first, second, third)


def label_column(labels: NodeLabels, num_nodes: int, *, separator: str | None = None) -> pa.Array:
    """Returns the classes as a column; :func:`read_labels` reads it.

    Args:
        labels: The labels.
        num_nodes: Number of nodes of the type.
        separator: Write the classes of a node as one text; otherwise as a list.
    """
    names: list[Any] = list(labels.class_names) or list(range(labels.num_classes))
    values: list[Any] = [None] * num_nodes
    index = labels.index.tolist()
    if not labels.multi_label:
        for node, code in zip(index, labels.target.tolist(), strict=True):
            values[node] = names[code]
        return pa.array(values)
    for node, row in zip(index, labels.target, strict=True):
        own = [names[code] for code in row.nonzero().flatten().tolist()]
        values[node] = own if separator is None else separator.join(map(str, own))
    return pa.array(values)


def split_column(split: Split, num_nodes: int) -> pa.Array:
    """Returns the parts as a column of words; :func:`read_split` reads it.

    Raises:
        DataError: If a node is in two parts.
    """
    words = np.array([None] * num_nodes, dtype=object)
    parts: Mapping[str, Tensor | None] = vars(split)
    for part in ("train", "valid", "test"):
        ids = parts[part]
        if ids is None:
            continue
        taken = [word for word in words[ids.numpy()] if word is not None]
        if taken:
            raise DataError(f"a node is both in {taken[0]!r} and in {part!r}; parts must differ.")
        words[ids.numpy()] = part
    return pa.array(words, pa.large_string())


def _indicator_labels(source: Source, node_type: str, columns: list[str]) -> NodeLabels:
    """Reads one column of 0 and 1 a class."""
    flags = []
    for name in columns:
        column = source.column(name)
        values = column.to_numpy(zero_copy_only=False).astype(np.float64)
        odd = np.flatnonzero(~np.isin(values, (0.0, 1.0)) & ~np.isnan(values))
        if odd.size:
            raise DataError(
                f"{source.label}, column {name!r}, row {odd[0]} (from 0): {values[odd[0]]:g}; "
                "expected 0, 1 or nothing."
            )
        flags.append(values)
    matrix = np.stack(flags, axis=1)
    index = np.flatnonzero(~np.isnan(matrix).any(axis=1))
    return NodeLabels(
        node_type=node_type,
        num_classes=len(columns),
        index=torch.from_numpy(index),
        target=torch.from_numpy(matrix[index] == 1),
        multi_label=True,
        class_names=tuple(columns),
    )


def _mix(values: Array, seed: int) -> Array:
    """Scrambles 64-bit numbers: the finaliser of SplitMix64 (Steele et al., 2014)."""
    with np.errstate(over="ignore"):
        values = values + np.uint64(0x9E3779B97F4A7C15) * np.uint64(seed + 1)
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed: Array = values ^ (values >> np.uint64(31))
    return mixed


def _split_texts(column: pa.Array, separator: str) -> pa.Array:
    """Returns texts as lists; an empty text is an empty list."""
    lists = pc.split_pattern(column, separator)
    empty = pa.scalar([], lists.type)
    return pc.if_else(pc.equal(column, ""), empty, lists)


def _whole(column: pa.Array, where: str) -> pa.Array:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise DataError(f"{where} holds fractions; expected classes.") from error


def _codes(column: pa.Array, known: pa.Array, where: str) -> Array:
    if pa.types.is_null(column.type):  # Lists of classes that are all empty.
        column = column.cast(known.type)
    if column.type != known.type:
        known = known.cast(column.type)
    codes = pc.index_in(column, value_set=known)
    if codes.null_count:
        strange = column.filter(codes.is_null())[0].as_py()
        raise DataError(
            f"{where}: class {strange!r} is not declared."
            f"{suggest(str(strange), map(str, known.to_pylist()))}"
        )
    result: Array = codes.to_numpy().astype(np.int64)
    return result
