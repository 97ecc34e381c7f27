"""Degree: the number of edges of a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from hetgraph.data.numbering import node_spans
from hetgraph.methods.baselines import ScoreBaseline, default_hypergraph, importance_edges
from hetgraph.ops import spmm
from hetgraph.tasks import Task

__all__ = ["Degree", "DegreeConfig"]


@dataclass(frozen=True)
class DegreeConfig:
    """Settings of the degree.

    Args:
        undirected: Whether outgoing edges count, too, or only incoming ones.
    """

    undirected: bool = True


class Degree(ScoreBaseline):
    """Scores a node by its number of edges, of all relations together.

    In a graph without edges, the other members of a node's hyperedges are counted instead.

    Args:
        schema: What the graph is made of.
        spec: The prediction task.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "degree"
    Config: ClassVar[type[Any]] = DegreeConfig
    uses: ClassVar[frozenset[str]] = frozenset()
    citation: ClassVar[str] = "The number of edges of a node."

    config: DegreeConfig

    def scores(self, task: Task, known: Tensor) -> Tensor:
        """Returns the ``[num_target_nodes]`` counts."""
        rows = node_spans(task.graph.num_nodes)[task.spec.target]
        if task.graph.num_edges:
            edges, rows = importance_edges(task, undirected=self.config.undirected)
            return edges.degree[rows].double()
        hypergraph = default_hypergraph(task)
        others = (hypergraph.sizes - 1).double()
        return spmm(hypergraph.incidence, others)[rows].cpu()
