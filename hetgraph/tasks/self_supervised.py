"""A graph without labels, for methods that bring their own objective."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.nn.losses import LossFunction
from hetgraph.tasks.audit import AuditReport
from hetgraph.tasks.base import SplitName, Task, TaskOptions
from hetgraph.tasks.heads import Head, NodeHead
from hetgraph.tasks.nodes import node_rows
from hetgraph.tasks.predictions import Predictions
from hetgraph.tasks.spec import TaskSpec

__all__ = ["SelfSupervised"]


class SelfSupervised(Task):
    """Train on the nodes of one type, by a loss that the method computes from the graph alone.

    What a method predicts is that loss, so training stops by it and keeps the weights of the least.

    Args:
        graph: The graph.
        target: The node type to be represented.
        dataset_name: ``"collection/name"``, for registered meta-paths and records.
    """

    name: ClassVar[str] = "self-supervised"
    reads: ClassVar[str] = ""
    Options: ClassVar[type[Any]] = TaskOptions
    Head: ClassVar[type[Head[Any, Any]]] = NodeHead
    score_names: ClassVar[tuple[str, ...]] = ("loss",)

    def __init__(self, graph: HeteroGraph, target: str, dataset_name: str = "") -> None:
        super().__init__(graph, TaskSpec(self.name, target, 1), dataset_name)

    @property
    def labels(self) -> Tensor:
        """``[num_nodes]`` of -1: there are none."""
        return torch.full((self.graph.num_nodes[self.spec.target],), -1)

    @property
    def protocol(self) -> dict[str, Any]:
        """Empty: nothing is held out."""
        return {}

    def index(self, split: SplitName) -> Tensor:
        """Returns all nodes, whatever the split."""
        self._check_split(split)
        return torch.arange(self.graph.num_nodes[self.spec.target])

    def criterion(self, name: str = "auto") -> LossFunction:
        """Returns the mean of what the method says it lost."""
        return lambda logits, target: logits.mean()

    def _refuses_functions(self, loss: bool, metrics: bool) -> str:
        return "loss or metric of your own: the method brings its loss, which is the score."

    def score(self, predictions: Predictions, split: SplitName) -> dict[str, float]:
        """Returns the loss."""
        return {"loss": float(self.to_tensor(predictions, split).mean())}

    def to_tensor(self, predictions: Predictions, split: SplitName) -> Tensor:
        """Returns the losses that the method reported."""
        return node_rows(predictions, 1, 1)

    def audit(self) -> AuditReport:
        """Has nothing to check: nothing is held out."""
        return AuditReport(("nothing is held out",))

    def refit_view(self) -> Self:
        """Returns the task itself: it trains on all nodes already."""
        return self
