"""Hyperedge mean: a node is as important as those it shares hyperedges with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.data.numbering import node_spans
from hetgraph.nn import ImportanceFloor, default_hypergraph
from hetgraph.ops import segment_reduce, spmm
from hetgraph.tasks import Task

__all__ = ["HyperedgeMean", "HyperedgeMeanConfig"]


@dataclass(frozen=True)
class HyperedgeMeanConfig:
    """It has no settings."""


class HyperedgeMean(ImportanceFloor):
    """Predicts the mean of the training nodes in the hyperedges of a node.

    A node in several hyperedges gets the mean of their means. A node without a training node
    beside it gets the mean of all; a training node does not count for itself.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: Without settings.
    """

    name: ClassVar[str] = "hyperedge_mean"
    Config: ClassVar[type[Any]] = HyperedgeMeanConfig
    citation: ClassVar[str] = "The mean of the training nodes in the same hyperedges."

    def predictions(self, task: Task, known: Tensor) -> Tensor:
        """Returns the ``[num_target_nodes]`` means."""
        hypergraph = default_hypergraph(task).to("cpu")
        rows = node_spans(task.graph.num_nodes)[task.spec.target]
        own = torch.zeros(hypergraph.num_nodes, 2, dtype=torch.float64)
        own[rows, 0], own[rows, 1] = known.nan_to_num(0.0), (~known.isnan()).double()
        node, edge = hypergraph.incidence.coo()
        total, count = (spmm(hypergraph.members, own)[edge] - own[node]).T
        some = (count > 0.5).double()
        means = torch.stack([some * total / count.clamp(min=1), some], dim=1)
        sums, found = segment_reduce(hypergraph.incidence.indptr, means)[rows].T
        fallback = known[~known.isnan()].mean()
        return torch.where(found > 0, sums / found.clamp(min=1), fallback)
