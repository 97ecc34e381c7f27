"""A question to a trained model about nodes of any graph of the schema; it has no answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.errors import DataError
from hetgraph.features.standins import known_places
from hetgraph.nn.losses import LossFunction
from hetgraph.tasks.audit import AuditReport
from hetgraph.tasks.base import SplitName, Task, TaskOptions, TrainedNodes
from hetgraph.tasks.heads import Head, NodeHead
from hetgraph.tasks.nodes import node_rows
from hetgraph.tasks.origin import Origin
from hetgraph.tasks.predictions import Predictions
from hetgraph.tasks.spec import TaskSpec

__all__ = ["Question"]


class Question(Task):
    """Ask a trained model about nodes; the ``"test"`` split holds whom is asked about.

    Methods read the labels that were known in training, as far as their nodes are in the graph. Of
    pairs no samples are listed: who asks takes vectors and decoder from the predictions.

    Args:
        graph: A graph of the schema, with stand-ins for missing features.
        spec: What the model predicts.
        origin: What the model keeps of its own graph.
        nodes: ``[n]`` ids of the nodes of the target type; they may repeat.
        dataset_name: Name of the data set that was trained on, for registered meta-paths.
        hypergraphs: Hypergraphs over the nodes of the graph.
    """

    name: ClassVar[str] = "question"
    reads: ClassVar[str] = ""
    Options: ClassVar[type[Any]] = TaskOptions
    Head: ClassVar[type[Head[Any, Any]]] = NodeHead
    score_names: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        graph: HeteroGraph,
        spec: TaskSpec,
        origin: Origin,
        nodes: Tensor | None = None,
        *,
        dataset_name: str = "",
        hypergraphs: Mapping[str, Hypergraph] | None = None,
    ) -> None:
        sizes = {name: graph.num_nodes[name] for name in spec.num_nodes}
        super().__init__(graph, replace(spec, num_nodes=sizes), dataset_name, hypergraphs)
        self.origin = origin
        none = torch.zeros(0, dtype=torch.int64)
        self._splits = {"train": none, "valid": none, "test": none if nodes is None else nodes}
        self._labels = _unknown(spec, graph.num_nodes[spec.target])
        if origin.labels is not None:
            self._recall(origin)

    def _recall(self, origin: Origin) -> None:
        """Finds the nodes whose labels were known, and their labels."""
        known = origin.labels
        assert known is not None
        places = known_places(self.graph, self.spec.target, known.nodes)
        nodes = (places >= 0).nonzero().squeeze(1)
        rows = places[nodes]
        self._labels[nodes] = known.values[rows].to(self._labels.dtype)
        self._splits["train"] = nodes[known.train[rows]]
        self._splits["valid"] = nodes[~known.train[rows]]

    def trained_nodes(self, node_type: str) -> TrainedNodes | None:
        """Returns where the nodes of a type without features stood in training."""
        count = self.origin.nodes[node_type].tensors["keys"].numel()
        return TrainedNodes(self.origin.places(self.graph, node_type), count)

    @property
    def labels(self) -> Tensor:
        """Labels that were known in training; all others are marked."""
        return self._labels

    def index(self, split: SplitName) -> Tensor:
        """Returns ids of nodes; those of ``"test"`` are asked about."""
        self._check_split(split)
        return self._splits[split]

    def criterion(self, name: str = "auto") -> LossFunction:
        """Returns a loss that fails: a question is not trained on."""

        def refuse(outputs: Tensor, target: Tensor) -> Tensor:
            raise DataError("a question has no answers to train on; make a task of a data set.")

        return refuse

    def score(self, predictions: Predictions, split: SplitName) -> dict[str, float]:
        """Fails: nothing is known to score by."""
        raise DataError("a question has no answers to score by; make a task of a data set.")

    def audit(self) -> AuditReport:
        """Has nothing to check: nothing is held out."""
        return AuditReport(("nothing is held out",))

    def to_tensor(self, predictions: Predictions, split: SplitName) -> Tensor:
        """Returns the ``[n, num_outputs]`` outputs of nodes."""
        return node_rows(predictions, self._splits[split].numel(), self.spec.num_outputs)

    @property
    def protocol(self) -> dict[str, Any]:
        """Empty: nothing is measured."""
        return {}

    def refit_view(self) -> Self:
        """Returns the question itself."""
        return self


def _unknown(spec: TaskSpec, size: int) -> Tensor:
    """Labels of nodes of which nothing is known, in the form of the family."""
    if spec.multi_label:
        return torch.full((size, spec.num_outputs), -1.0)
    if spec.num_classes:
        return torch.full((size,), -1)
    return torch.full((size,), torch.nan)
