"""A graph without labels, for methods that bring their own objective."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.tasks.base import SplitName, Task, TaskSpec

__all__ = ["SelfSupervised"]


class SelfSupervised(Task):
    """Train on the nodes of one type, by a loss that the method computes from the graph alone.

    What a model predicts is that loss, so training stops by it and keeps the weights of the least.

    Args:
        graph: The graph.
        target: The node type to be represented.
        dataset_name: ``"collection/name"``, for registered meta-paths and records.
    """

    monitors: ClassVar[tuple[str, ...]] = ("loss",)

    def __init__(self, graph: HeteroGraph, target: str, dataset_name: str = "") -> None:
        super().__init__(graph, TaskSpec("self-supervised", target, 1), dataset_name)

    @property
    def labels(self) -> Tensor:
        """``[num_nodes]`` of -1: there are none."""
        return torch.full((self.graph.num_nodes[self.spec.target],), -1)

    @property
    def protocol(self) -> dict[str, Any]:
        """Empty: nothing is held out."""
        return {}

    def index(self, split: SplitName) -> Tensor:
        """Returns all nodes, whatever the part."""
        self._check_split(split)
        return torch.arange(self.graph.num_nodes[self.spec.target])

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Returns the mean of what the model says it lost."""
        return logits.mean()

    def score(self, logits: Tensor, split: SplitName) -> dict[str, float]:
        """Returns the loss."""
        return {"loss": float(logits.mean())}
