"""DiffGraph's recommender without sparse products: messages are gathered and scattered."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data import CSR
from hetgraph.models.diffgraph.encoder import SLOPE
from hetgraph.models.diffgraph.recommend import DiffGraphRecommender
from hetgraph.nn.pairwise import PairInputs

__all__ = ["GatherDiffGraph"]


class GatherDiffGraph(DiffGraphRecommender):
    """The same model; a layer is written as its formula, all nodes at a time."""

    def _encoded(self, inputs: PairInputs, rows: Tensor | None = None) -> list[Tensor]:
        encoded = [self._view(one) for one in inputs.propagators]
        return encoded if rows is None else [one[rows] for one in encoded]

    def _view(self, csr: CSR) -> Tensor:
        total: Tensor = self.table
        z = total
        for _ in range(self.config.num_layers):
            z = F.leaky_relu(_gather(csr, z), SLOPE)
            unit = F.normalize(z)
            total = total + unit
            z = z if self.config.feed == "raw" else unit
        return total


def _gather(csr: CSR, x: Tensor) -> Tensor:
    """``P x`` by a matrix of ``[num_edges, dim]`` messages."""
    assert csr.weight is not None  # normalised
    messages = x.index_select(0, csr.indices.long()) * csr.weight.unsqueeze(1)
    return torch.zeros(csr.num_rows, x.shape[1]).index_add(0, csr.row_ids, messages)
