"""Numeric values of edges, such as ratings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.catalog.targets._columns import numbers
from hetgraph.catalog.targets._edges import EdgeTarget, check_edges
from hetgraph.catalog.targets.base import Rows, Written
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError

__all__ = ["EdgeValues"]


@dataclass(frozen=True, eq=False)
class EdgeValues(EdgeTarget):
    """Numeric values of edges of one relation.

    Edges may repeat, such as two ratings of one film by one user. In tables, a column of the
    relation's table or of a separate table; a missing value means unknown.

    Args:
        edge_type: The relation.
        edges: ``[2, num_known]`` int64 sources and destinations.
        target: ``[num_known]`` float64 values as measured, not transformed.
        time: ``[num_known]`` times, integer or float, if known.
        name: What was measured, such as ``"rating"``.

    Raises:
        DataError: If shapes or dtypes are inconsistent, or a value is not finite.

    Example:
        >>> rates = EdgeType("user", "rates", "film")
        >>> stars = torch.tensor([5.0, 2.5], dtype=torch.float64)
        >>> EdgeValues(rates, torch.tensor([[0, 1], [3, 3]]), stars).statistics()["value_range"]
        [2.5, 5.0]
    """

    kind: ClassVar[str] = "edge_values"
    task: ClassVar[str] = "edge-regression"
    descriptive: ClassVar[tuple[str, ...]] = ("name",)

    edge_type: EdgeType
    edges: Tensor
    target: Tensor
    time: Tensor | None = None
    name: str = ""

    def __post_init__(self) -> None:
        check_edges(self, torch.float64)
        if not bool(torch.isfinite(self.target).all()):
            raise DataError(
                f"edge_values of {self.edge_type} hold NaN or infinite numbers; leave these "
                "edges out."
            )

    def statistics(self) -> dict[str, Any]:
        """Returns the number of known values and their range."""
        statistics: dict[str, Any] = {
            "target": str(self.edge_type),
            "labelled": self.target.numel(),
        }
        if self.target.numel():
            statistics["value_range"] = [float(self.target.min()), float(self.target.max())]
        return statistics

    @classmethod
    def from_rows(cls, rows: Rows, options: Mapping[str, Any]) -> tuple[EdgeValues, Tensor]:
        """Reads ``column``, whose name becomes the name of the values."""
        name = str(options["column"])
        kept, target = numbers(rows.table, name, "edge")
        time = None if rows.time is None else rows.time[kept]
        return cls(EdgeType(*rows.place), rows.edges[:, kept], target, time, name), kept

    def to_rows(self, num_nodes: Mapping[str, int], *, lists: bool) -> Written:
        """Returns a column of the values."""
        column = pa.array(self.target.numpy())
        return Written(self.edge_type, {"column": column}, {}, self.edges, self.time)
