"""A kind of target: how long nodes last, of which some have not ended yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.catalog.targets import Rows, Target, Written


@dataclass(frozen=True, eq=False)
class Durations(Target):
    """``target [n]`` float64 durations of the nodes ``index``, and whether each has ended."""

    kind: ClassVar[str] = "durations"
    task: ClassVar[str] = "campus-duration-bands"
    options: ClassVar[tuple[str, ...]] = ("column", "ended", "unit")
    column: ClassVar[str] = "duration"

    node_type: str
    index: Tensor
    target: Tensor
    ended: Tensor
    unit: str = "days"

    def statistics(self) -> dict[str, Any]:
        """Counts nodes, and those that have ended."""
        return {"lasting": self.index.numel(), "ended": int(self.ended.sum())}

    @classmethod
    def from_rows(cls, rows: Rows, options: Mapping[str, Any]) -> tuple[Durations, None]:
        """Reads two columns; without the second one everything has ended."""
        lasted = rows.table.column(options["column"]).to_numpy(zero_copy_only=False)
        index = np.flatnonzero(~np.isnan(lasted))
        ended = torch.ones(index.size, dtype=torch.bool)
        if "ended" in options:
            given = rows.table.column(options["ended"]).to_numpy(zero_copy_only=False)
            ended = torch.from_numpy(given[index].astype(bool))
        target = torch.from_numpy(lasted[index].astype(np.float64))
        unit = options.get("unit", "days")
        return cls(str(rows.place), torch.from_numpy(index), target, ended, unit), None

    def to_rows(self, num_nodes: Mapping[str, int], *, lists: bool) -> Written:
        """Writes both columns."""
        lasted = np.full(num_nodes[self.node_type], np.nan)
        ended = np.zeros(num_nodes[self.node_type], dtype=np.int64)
        lasted[self.index.numpy()] = self.target.numpy()
        ended[self.index.numpy()] = self.ended.numpy()
        columns = {"column": pa.array(lasted, from_pandas=True), "ended": pa.array(ended)}
        return Written(self.node_type, columns, {"unit": self.unit})
