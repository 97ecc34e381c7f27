"""DiffGraph's recommender without sparse products: messages are gathered and scattered."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from hetgraph.data import CSR
from hetgraph.models.diffgraph.encoder import Propagator
from hetgraph.models.diffgraph.recommend import DiffGraphRecommender

__all__ = ["GatherDiffGraph"]


class GatherPropagator(Propagator):
    """A matrix of ``[num_edges, dim]`` messages, added up by ``index_add``."""

    def __call__(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """Returns ``P x``, or some of its rows."""
        (csr,) = self.factors
        assert isinstance(csr, CSR) and csr.weight is not None  # noqa: PT018
        messages = x.index_select(0, csr.indices.long()) * csr.weight.unsqueeze(1)
        out = torch.zeros(csr.num_rows, x.shape[1]).index_add(0, csr.row_ids, messages)
        return out if rows is None else out[rows]


class GatherDiffGraph(DiffGraphRecommender):
    """The same model; everything but the propagation is the same code."""

    propagator: ClassVar[type[Propagator]] = GatherPropagator
