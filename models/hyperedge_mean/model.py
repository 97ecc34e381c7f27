"""Hyperedge mean: the mean of the training nodes in the same hyperedges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.data.numbering import node_spans
from hetgraph.methods.baselines import Baseline, default_hypergraph
from hetgraph.ops import segment_reduce, spmm
from hetgraph.tasks import Task

__all__ = ["HyperedgeMean", "HyperedgeMeanConfig"]


@dataclass(frozen=True)
class HyperedgeMeanConfig:
    """The method has no settings."""


class HyperedgeMean(Baseline):
    """Predicts the mean of the training nodes in the hyperedges of a node.

    For a node in several hyperedges, it is the mean of their means. A node without a training node
    in its hyperedges gets the mean of all training nodes. A training node does not count for
    itself.

    Args:
        schema: What the graph is made of.
        spec: The prediction task.
        config: Without settings.
    """

    name: ClassVar[str] = "hyperedge_mean"
    Config: ClassVar[type[Any]] = HyperedgeMeanConfig
    uses: ClassVar[frozenset[str]] = frozenset({"labels"})
    citation: ClassVar[str] = "The mean of the training nodes in the same hyperedges."

    def predictions(self, task: Task, known: Tensor) -> Tensor:
        """Returns ``[num_target_nodes]`` means."""
        hypergraph = default_hypergraph(task).to("cpu")
        rows = node_spans(task.graph.num_nodes)[task.spec.target]
        own = torch.zeros(hypergraph.num_nodes, 2, dtype=torch.float64)
        own[rows, 0], own[rows, 1] = known.nan_to_num(0.0), (~known.isnan()).double()
        node, edge = hypergraph.incidence.coo()
        total, count = (spmm(hypergraph.members, own)[edge] - own[node]).T
        any_known = (count > 0.5).double()
        means = torch.stack([any_known * total / count.clamp(min=1), any_known], dim=1)
        sums, counted = segment_reduce(hypergraph.incidence.indptr, means)[rows].T
        fallback = known[~known.isnan()].mean()
        return torch.where(counted > 0, sums / counted.clamp(min=1), fallback)
