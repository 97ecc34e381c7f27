"""Classes of the nodes of one type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.catalog.digest import Digest, update_digest
from hetgraph.catalog.split import Split, random_split
from hetgraph.catalog.targets._columns import class_codes
from hetgraph.catalog.targets.base import Rows, Table, Target, Written
from hetgraph.errors import DataError

__all__ = ["Labels"]

_SEPARATOR = "|"


@dataclass(frozen=True, eq=False)
class Labels(Target):
    """Classes of the nodes of one type.

    In tables, a column with one class per node or with lists of classes (multi-label), or several
    0/1 columns, one per class (multi-label). A missing value means not labelled.

    Args:
        node_type: The target type.
        num_classes: Number of classes.
        index: ``[num_labelled]`` int64 ids of the labelled nodes.
        target: ``[num_labelled]`` int64 classes, or ``[num_labelled, num_classes]`` bool.
        multi_label: Whether a node can have several classes.
        class_names: Names of the classes, empty if unknown.

    Raises:
        DataError: If shapes, dtypes or classes are inconsistent, or a node is listed twice.

    Example:
        >>> labels = Labels("paper", 2, torch.tensor([0, 4]), torch.tensor([1, 0]))
        >>> labels.statistics()["class_counts"]
        [1, 1]
    """

    kind: ClassVar[str] = "labels"
    task: ClassVar[str] = "node-classification"
    options: ClassVar[tuple[str, ...]] = ("column", "classes", "separator")
    column: ClassVar[str] = "label"

    node_type: str
    num_classes: int
    index: Tensor
    target: Tensor
    multi_label: bool = False
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        size = self.index.numel()
        shape = [size, self.num_classes] if self.multi_label else [size]
        if list(self.target.shape) != shape:
            raise DataError(
                f"labels of {self.node_type!r} have shape {list(self.target.shape)}, "
                f"expected {shape}."
            )
        dtype = torch.bool if self.multi_label else torch.int64
        if self.target.dtype != dtype:
            raise DataError(
                f"labels of {self.node_type!r} are {self.target.dtype}, expected {dtype}."
            )
        if not self.multi_label and size:
            low, high = int(self.target.min()), int(self.target.max())
            if low < 0 or high >= self.num_classes:
                raise DataError(
                    f"labels of {self.node_type!r} run from {low} to {high}, "
                    f"expected 0..{self.num_classes - 1}."
                )
        if torch.unique(self.index).numel() != size:
            raise DataError(f"labels of {self.node_type!r} list a node twice.")

    def statistics(self) -> dict[str, Any]:
        """Returns the numbers of labelled nodes and of nodes per class."""
        return {
            "target": self.node_type,
            "classes": self.num_classes,
            "labelled": self.index.numel(),
            "class_counts": self._class_counts(self.index),
        }

    def split_statistics(self, ids: Tensor) -> dict[str, Any]:
        """Returns the numbers of nodes of one split, in total and per class."""
        return {"nodes": ids.numel(), "classes": self._class_counts(ids)}

    def node_ids(self) -> Iterable[tuple[str, Tensor]]:
        """Yields the ids of the target type."""
        yield self.node_type, self.index

    def split_size(self, num_nodes: Mapping[str, int]) -> int:
        """Returns the number of nodes of the target type: splits hold ids of nodes."""
        return num_nodes[self.node_type]

    def update_digest(self, digest: Digest, name: str) -> None:
        """Adds node type, classes and labels; class names do not affect results."""
        settings = f"{self.node_type} {self.num_classes} {self.multi_label}"
        digest.update(f"{self._prefix(name)}{settings}".encode())
        update_digest(digest, self.index, self.target)

    def default_splits(self) -> dict[str, Split]:
        """Draws a 60/20/20 split of the labelled nodes."""
        return {"random-60-20-20": random_split(self.index, f"labelled {self.node_type!r} nodes")}

    def strata(self) -> Tensor | None:
        """Returns the classes, if each node has one."""
        return None if self.multi_label else self.target

    @classmethod
    def from_rows(cls, rows: Rows, options: Mapping[str, Any]) -> tuple[Labels, None]:
        """Reads ``column``; ``classes`` sets the class order, ``separator`` splits texts."""
        columns, node_type = options["column"], str(rows.place)
        if not isinstance(columns, str):
            return _indicator_labels(rows.table, node_type, list(columns)), None
        classes = options.get("classes") or ()
        return _read(rows.table, node_type, columns, classes, options.get("separator")), None

    def to_rows(self, num_nodes: Mapping[str, int], *, lists: bool) -> Written:
        """Returns a column of class names; without lists, several classes are one text."""
        names: list[Any] = list(self.class_names) or list(range(self.num_classes))
        values: list[Any] = [None] * num_nodes[self.node_type]
        options: dict[str, Any] = {"classes": names}
        index = self.index.tolist()
        if self.multi_label:
            if not lists:
                options["separator"] = _SEPARATOR
            for node, row in zip(index, self.target, strict=True):
                own = [names[code] for code in row.nonzero().flatten().tolist()]
                values[node] = own if lists else _SEPARATOR.join(map(str, own))
        else:
            for node, code in zip(index, self.target.tolist(), strict=True):
                values[node] = names[code]
        return Written(self.node_type, {"column": pa.array(values)}, options)

    def _class_counts(self, ids: Tensor) -> list[int]:
        target = self.target[torch.isin(self.index, ids)]
        if self.multi_label:
            counts: list[int] = target.sum(0).tolist()
        else:
            counts = torch.bincount(target, minlength=self.num_classes).tolist()
        return counts


def _read(
    table: Table,
    node_type: str,
    name: str,
    classes: Sequence[str | int],
    separator: str | None,
) -> Labels:
    """Reads a column with one class or a list of classes per node."""
    where = f"{table.label}, column {name!r}"
    as_written = separator is not None or any(isinstance(label, str) for label in classes)
    column = table.written(name) if as_written else table.words(name)
    if separator is not None:
        column = _split_texts(column, separator)
    index = np.flatnonzero(np.asarray(column.is_valid()))
    if not index.size:
        raise DataError(f"{where}: no node is labelled; every value is missing.")
    column = column.drop_null()
    is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    codes, num_classes, names = class_codes(column.flatten() if is_list else column, classes, where)
    target = torch.from_numpy(codes)
    if is_list:
        owners = np.repeat(np.arange(len(column)), pc.list_value_length(column).to_numpy())
        target = torch.zeros(len(column), num_classes, dtype=torch.bool)
        target[torch.from_numpy(owners), torch.from_numpy(codes)] = True
    return Labels(node_type, num_classes, torch.from_numpy(index), target, is_list, names)


def _indicator_labels(table: Table, node_type: str, columns: list[str]) -> Labels:
    """Reads one 0/1 column per class."""
    flags = []
    for name in columns:
        values = table.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
        odd = np.flatnonzero(~np.isin(values, (0.0, 1.0)) & ~np.isnan(values))
        if odd.size:
            raise DataError(
                f"{table.label}, column {name!r}, row {odd[0]} (from 0): {values[odd[0]]:g}; "
                "expected 0, 1 or a missing value."
            )
        flags.append(values)
    matrix = np.stack(flags, axis=1)
    index = np.flatnonzero(~np.isnan(matrix).any(axis=1))
    target = torch.from_numpy(matrix[index] == 1)
    return Labels(node_type, len(columns), torch.from_numpy(index), target, True, tuple(columns))


def _split_texts(column: pa.Array, separator: str) -> pa.Array:
    """Returns texts as lists; an empty text is an empty list."""
    lists = pc.split_pattern(column, separator)
    empty = pa.scalar([], lists.type)
    return pc.if_else(pc.equal(column, ""), empty, lists)
