"""Methods that encode the whole graph in every step: the part of the contract they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType, Schema
from hetgraph.methods import Loss, Method, Stage
from hetgraph.nn.dropout import Dropout
from hetgraph.nn.features import Features, feature_matrix
from hetgraph.nn.losses import choose_loss
from hetgraph.seeds import Seeds
from hetgraph.tasks.base import Task, TaskSpec
from hetgraph.train.batching import row_batches

__all__ = ["FullGraphModel", "GraphBatch", "GraphInputs"]


@dataclass(eq=False)
class GraphInputs:
    """What a method reads, on its device.

    Args:
        features: By node type; see :func:`feature_matrix`.
        relations: By edge type.
        labels: Labels of all target nodes; hidden ones are -1.
        rows: Node ids of each part, in the order of the task.
        views: Relations of meta-paths, or others that the method made, by name.
        offset: What is added to every prediction: the mean of the training labels where these are
            numbers. Starting from 0, the first epochs would learn nothing else.
    """

    features: Mapping[str, Features | None]
    relations: Mapping[EdgeType, CSR]
    labels: Tensor
    rows: Mapping[str, Tensor]
    views: Mapping[str, CSR] = field(default_factory=dict)
    offset: float = 0.0


@dataclass(eq=False)
class GraphBatch:
    """The whole graph and the target nodes whose loss is taken."""

    inputs: GraphInputs
    rows: Tensor


class FullGraphModel(Method):
    """A method that computes the representations of all target nodes at once.

    A subclass builds its layers and calls :meth:`make_head`, then implements :meth:`encode`. What
    it reads besides features and relations it makes in :meth:`views`.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.
    """

    head: nn.Module
    embed_dim: int

    def __init__(self, schema: Schema, spec: TaskSpec, config: Any) -> None:
        super().__init__(schema, spec, config)
        self.loss = choose_loss("auto", spec)

    def make_head(self, dim: int, dropout: float = 0.0) -> None:
        """Makes the linear classifier of representations of width ``dim``."""
        self.embed_dim = dim
        self.head = nn.Sequential(Dropout(dropout), nn.Linear(dim, self.spec.num_outputs))

    @abstractmethod
    def encode(self, inputs: GraphInputs) -> Tensor:
        """Returns ``[num_target_nodes, embed_dim]`` representations."""

    def vectors(self, inputs: GraphInputs) -> dict[str, Tensor]:
        """Returns representations by node type; of the target alone, unless a method has more."""
        return {self.spec.target: self.encode(inputs)}

    def views(self, task: Task, seeds: Seeds) -> dict[str, CSR]:
        """Returns further relations that are made once, by name."""
        return {}

    def regularization(self, batch: GraphBatch) -> dict[str, Tensor]:
        """Returns terms of the loss besides the task's, read after :meth:`encode`."""
        return {}

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> GraphInputs:
        """Brings features, relations, labels and views to the device of the model."""
        self.check(task)
        graph, device = task.graph, self.device
        features = {name: feature_matrix(graph, name) for name in graph.node_types}
        return GraphInputs(
            features={k: None if x is None else x.to(device) for k, x in features.items()},
            relations={key: one.to(device) for key, one in graph.relations.items()},
            labels=task.labels.to(device),
            rows={split: ids.to(device) for split, ids in task.open_splits().items()},
            views={key: one.to(device) for key, one in self.views(task, seeds).items()},
            offset=_mean_of_numbers(task),
        )

    def batches(
        self,
        inputs: GraphInputs,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[GraphBatch]:
        """Yields target nodes in batches; each needs one pass over the graph."""
        rows = inputs.rows[split]
        for chosen in row_batches(rows, batch_size, generator=generator, shard=shard):
            yield GraphBatch(inputs, chosen)

    def training_step(self, batch: GraphBatch, *, stage: Stage) -> Loss:
        """Returns the loss on the nodes of the batch."""
        logits = self.logits(batch.inputs, batch.rows).float() + batch.inputs.offset
        count = batch.rows.numel()
        task = self.loss(logits, batch.inputs.labels[batch.rows]) if count else logits.sum() * 0
        return Loss({"task": task, **self.regularization(batch)}, count)

    def predict(self, inputs: GraphInputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, num_outputs]`` logits in the order of the task."""
        return self.logits(inputs, inputs.rows[split]) + inputs.offset

    def logits(self, inputs: GraphInputs, rows: Tensor) -> Tensor:
        """Returns ``[len(rows), num_outputs]`` of target nodes.

        A method whose classifier is more than a map of :meth:`encode` overrides it, and needs no
        :meth:`make_head`.
        """
        logits: Tensor = self.head(self.encode(inputs)[rows])
        return logits

    def embed(self, inputs: GraphInputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, embed_dim]`` in the order of the task."""
        return self.encode(inputs)[inputs.rows[split]]


def _mean_of_numbers(task: Task) -> float:
    """The mean of the training labels of a regression; 0 for classes."""
    if task.spec.kind != "node-importance":
        return 0.0
    return float(task.labels[task.index("train")].double().mean())
