"""Numeric values of the nodes of one type, such as their importance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.catalog.digest import Digest, update_digest
from hetgraph.catalog.targets._columns import numbers
from hetgraph.catalog.targets.base import Rows, Target, Written
from hetgraph.errors import DataError

__all__ = ["Values"]


@dataclass(frozen=True, eq=False)
class Values(Target):
    """Numeric values of the nodes of one type, as far as known.

    In tables, a column of numbers; a missing value means unknown.

    Args:
        node_type: The target type.
        index: ``[num_known]`` int64 ids of the nodes with a known value.
        target: ``[num_known]`` float64 values as measured, not transformed.
        name: What was measured, such as ``"page views"``.

    Raises:
        DataError: If shapes or dtypes are inconsistent, a node is listed twice or a value is not
            finite.

    Example:
        >>> views = Values("page", torch.tensor([2, 0]), torch.tensor([4.0, 0.5]).double())
        >>> views.statistics()["value_range"]
        [0.5, 4.0]
    """

    kind: ClassVar[str] = "values"
    task: ClassVar[str] = "node-importance"
    column: ClassVar[str] = "value"

    node_type: str
    index: Tensor
    target: Tensor
    name: str = ""

    def __post_init__(self) -> None:
        where = f"values of {self.node_type!r}"
        if self.target.shape != self.index.shape or self.index.dim() != 1:
            raise DataError(
                f"{where} have shape {list(self.target.shape)} for ids of shape "
                f"{list(self.index.shape)}; expected one value per id."
            )
        if self.index.dtype != torch.int64 or self.target.dtype != torch.float64:
            raise DataError(
                f"{where} are {self.target.dtype} for ids of {self.index.dtype}, expected float64 "
                "for int64."
            )
        if not bool(torch.isfinite(self.target).all()):
            raise DataError(f"{where} hold NaN or infinite numbers; leave these nodes out.")
        if torch.unique(self.index).numel() != self.index.numel():
            raise DataError(f"{where} list a node twice.")

    def statistics(self) -> dict[str, Any]:
        """Returns the number of known values and their range."""
        statistics: dict[str, Any] = {"target": self.node_type, "labelled": self.index.numel()}
        if self.index.numel():
            statistics["value_range"] = [float(self.target.min()), float(self.target.max())]
        return statistics

    def node_ids(self) -> Iterable[tuple[str, Tensor]]:
        """Yields the ids of the target type."""
        yield self.node_type, self.index

    def split_size(self, num_nodes: Mapping[str, int]) -> int:
        """Returns the number of nodes of the target type: splits hold ids of nodes."""
        return num_nodes[self.node_type]

    def update_digest(self, digest: Digest, name: str) -> None:
        """Adds node type and values; the name does not affect results."""
        digest.update(f"{self._prefix(name)}values {self.node_type}".encode())
        update_digest(digest, self.index, self.target)

    @classmethod
    def from_rows(cls, rows: Rows, options: Mapping[str, Any]) -> tuple[Values, None]:
        """Reads ``column``, whose name becomes the name of the values."""
        name = str(options["column"])
        index, target = numbers(rows.table, name, "node")
        return cls(str(rows.place), index, target, name), None

    def to_rows(self, num_nodes: Mapping[str, int], *, lists: bool) -> Written:
        """Returns a column of the values, with missing ones where unknown."""
        column = np.full(num_nodes[self.node_type], np.nan)
        column[self.index.numpy()] = self.target.numpy()
        return Written(self.node_type, {"column": pa.array(column, from_pandas=True)})
