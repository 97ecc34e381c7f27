"""DiffGraph's recommender without sparse products: messages are gathered and scattered."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data import CSR, Schema
from hetgraph.models.diffgraph import DiffGraph
from hetgraph.models.diffgraph.behaviours import Behaviours
from hetgraph.models.diffgraph.encoder import SLOPE
from hetgraph.tasks import TaskSpec

__all__ = ["GatherDiffGraph"]


class _GatherBehaviours(Behaviours):
    """The same views; a layer is written as its formula, all nodes at a time."""

    def _encoded(self, inputs: list[CSR], rows: Tensor | None = None) -> list[Tensor]:
        encoded = [self._view(behaviour) for behaviour in inputs]
        return encoded if rows is None else [view[rows] for view in encoded]

    def _view(self, csr: CSR) -> Tensor:
        total: Tensor = self.table
        z = total
        for _ in range(self.config.num_layers):
            z = F.leaky_relu(_gather(csr, z), SLOPE)
            unit = F.normalize(z)
            total = total + unit
            z = z if self.config.feed == "raw" else unit
        return total


class GatherDiffGraph(DiffGraph):
    """The same model with gathered messages."""

    def __init__(self, schema: Schema, spec: TaskSpec, config: Any) -> None:
        super().__init__(schema, spec, config)
        plain = _GatherBehaviours(schema, spec, config)
        plain.load_state_dict(self.views.state_dict())
        self.views = plain


def _gather(csr: CSR, x: Tensor) -> Tensor:
    """``P x`` by a matrix of ``[num_edges, dim]`` messages."""
    assert csr.weight is not None  # normalised
    messages = x.index_select(0, csr.indices.long()) * csr.weight.unsqueeze(1)
    return torch.zeros(csr.num_rows, x.shape[1]).index_add(0, csr.row_ids, messages)
