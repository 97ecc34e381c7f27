"""Classes of edges, such as types of interaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.catalog.targets._columns import class_codes
from hetgraph.catalog.targets._edges import EdgeTarget, check_edges
from hetgraph.catalog.targets.base import Rows, Written
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError

__all__ = ["EdgeLabels"]


@dataclass(frozen=True, eq=False)
class EdgeLabels(EdgeTarget):
    """Classes of edges of one relation.

    Edges may repeat, such as two orders of one product by one customer. In tables, a column of the
    relation's table or of a separate table; a missing value means not labelled.

    Args:
        edge_type: The relation.
        num_classes: Number of classes.
        edges: ``[2, num_labelled]`` int64 sources and destinations.
        target: ``[num_labelled]`` int64 classes.
        time: ``[num_labelled]`` times, integer or float, if known.
        class_names: Names of the classes, empty if unknown.

    Raises:
        DataError: If shapes, dtypes or classes are inconsistent.

    Example:
        >>> rates = EdgeType("user", "rates", "film")
        >>> edges = torch.tensor([[0, 0, 1], [3, 4, 3]])
        >>> EdgeLabels(rates, 2, edges, torch.tensor([1, 0, 1])).statistics()["class_counts"]
        [1, 2]
    """

    kind: ClassVar[str] = "edge_labels"
    task: ClassVar[str] = "edge-classification"
    options: ClassVar[tuple[str, ...]] = ("column", "classes")
    descriptive: ClassVar[tuple[str, ...]] = ("class_names",)

    edge_type: EdgeType
    num_classes: int
    edges: Tensor
    target: Tensor
    time: Tensor | None = None
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_edges(self, torch.int64)
        where = f"edge_labels of {self.edge_type}"
        if self.target.numel():
            low, high = int(self.target.min()), int(self.target.max())
            if low < 0 or high >= self.num_classes:
                raise DataError(
                    f"{where} run from {low} to {high}, expected 0..{self.num_classes - 1}."
                )
        if self.class_names and len(self.class_names) != self.num_classes:
            raise DataError(
                f"{where}: {len(self.class_names)} names for {self.num_classes} classes."
            )

    def statistics(self) -> dict[str, Any]:
        """Returns the numbers of labelled edges and of edges per class."""
        return {
            "target": str(self.edge_type),
            "classes": self.num_classes,
            "labelled": self.target.numel(),
            "class_counts": self._class_counts(self.target),
        }

    def split_statistics(self, ids: Tensor) -> dict[str, Any]:
        """Returns the numbers of edges of one split, in total and per class."""
        return {"edges": ids.numel(), "classes": self._class_counts(self.target[ids])}

    def strata(self) -> Tensor:
        """Returns the classes."""
        return self.target

    @classmethod
    def from_rows(cls, rows: Rows, options: Mapping[str, Any]) -> tuple[EdgeLabels, Tensor]:
        """Reads ``column``; ``classes`` sets the order of the classes."""
        name, classes = str(options["column"]), options.get("classes") or ()
        where = f"{rows.table.label}, column {name!r}"
        as_written = any(isinstance(label, str) for label in classes)
        column = rows.table.written(name) if as_written else rows.table.words(name)
        kept = torch.from_numpy(np.flatnonzero(np.asarray(column.is_valid())))
        if not kept.numel():
            raise DataError(f"{where}: no edge is labelled; every value is missing.")
        codes, num_classes, names = class_codes(column.drop_null(), classes, where)
        time = None if rows.time is None else rows.time[kept]
        edges, edge_type = rows.edges[:, kept], EdgeType(*rows.place)
        return cls(edge_type, num_classes, edges, torch.from_numpy(codes), time, names), kept

    def to_rows(self, num_nodes: Mapping[str, int], *, lists: bool) -> Written:
        """Returns a column of class names."""
        names: list[Any] = list(self.class_names) or list(range(self.num_classes))
        column = pa.array([names[code] for code in self.target.tolist()])
        return Written(
            self.edge_type, {"column": column}, {"classes": names}, self.edges, self.time
        )

    def _class_counts(self, target: Tensor) -> list[int]:
        counts: list[int] = torch.bincount(target, minlength=self.num_classes).tolist()
        return counts
