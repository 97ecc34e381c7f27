"""SeHGNN under the common contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.data import CSR, Schema
from hetgraph.errors import SchemaError
from hetgraph.methods import Loss, Method, RelevanceRow, Stage
from hetgraph.models.sehgnn.aggregate import (
    aggregate_features,
    aggregate_labels,
    input_matrix,
    label_table,
)
from hetgraph.models.sehgnn.config import SeHGNNConfig
from hetgraph.models.sehgnn.network import Network
from hetgraph.models.sehgnn.paths import channels, feature_paths, label_paths
from hetgraph.nn.features import Features
from hetgraph.nn.losses import choose_loss
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec
from hetgraph.train.batching import row_batches

__all__ = ["Batch", "Inputs", "SeHGNN"]

PREDICT_ROWS = 4096
"""Rows of a block of predictions, and most training nodes that statistics are taken from."""


@dataclass(eq=False)
class Inputs:
    """What training needs once the graph has done its part.

    Args:
        channels: ``[num_target_nodes, width]`` of each channel, dense or sparse.
        rows: Node ids of each part, in the order of the task.
        labels: Labels of all target nodes; hidden ones are -1.
    """

    channels: list[Features]
    rows: dict[str, Tensor]
    labels: Tensor


@dataclass(eq=False)
class Batch:
    """Some target nodes: ``[batch, width]`` of each channel, and their labels."""

    channels: list[Features]
    labels: Tensor


class SeHGNN(Method):
    """Simple and efficient heterogeneous graph network: mean once, then fuse the meta-paths.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.

    Raises:
        SchemaError: If no relation touches the target, or the width of a type is not known.
        MetaPathError: If a meta-path is given twice.
    """

    name: ClassVar[str] = "sehgnn"
    Config: ClassVar[type[Any]] = SeHGNNConfig
    citation: ClassVar[str] = (
        "Yang, Yan, Pan, Ye, Fan. Simple and Efficient Heterogeneous Graph Neural Network. "
        "AAAI 2023. arXiv:2207.02547"
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        "num_hops": [1, 2, 3, 4],
        "hidden_dim": [64, 128, 256, 512],
        "task_layers": [2, 3, 4],
        "input_dropout": {"low": 0.0, "high": 0.6},
        "dropout": {"low": 0.2, "high": 0.8},
        "residual": [True, False],
    }

    config: SeHGNNConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: SeHGNNConfig) -> None:
        super().__init__(schema, spec, config)
        self.channels = channels(schema, schema.node_type(spec.target), config)
        widths = [_width(schema, spec, start) for _, start in self.channels.features]
        widths += [spec.num_outputs] * len(self.channels.labels)
        self.loss = choose_loss("auto", spec)
        self.network = Network(widths, spec.num_outputs, config)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> Inputs:
        """Takes the means of features (and labels) along every meta-path, on the CPU."""
        self.check(task)
        graph, config = task.graph, self.config
        parts = task.open_splits()
        own = input_matrix(graph, task.spec.target)
        means = aggregate_features(graph, feature_paths(task, config))
        table = label_table(task.labels, parts["train"], task.spec.num_outputs)
        arrived = aggregate_labels(graph, label_paths(task, config), table, config.memory_budget)
        return Inputs([own, *means, *arrived], parts, task.labels)

    def batches(
        self,
        inputs: Inputs,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[Batch]:
        """Yields the rows of some nodes, on the device of the model."""
        rows = inputs.rows[split]
        for chosen in row_batches(rows, batch_size, generator=generator, shard=shard):
            yield Batch(self._fetch(inputs, chosen), inputs.labels[chosen].to(self.device))

    def training_step(self, batch: Batch, *, stage: Stage) -> Loss:
        """Returns the loss on the nodes of the batch."""
        logits = self(batch).float()
        count = batch.labels.shape[0]
        return Loss({"task": self.loss(logits, batch.labels) if count else logits.sum() * 0}, count)

    def forward(self, batch: Batch) -> Tensor:
        """Returns ``[batch, num_outputs]`` logits."""
        logits: Tensor = self.network(batch.channels)
        return logits

    def predict(self, inputs: Inputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, num_outputs]`` logits in the order of the task.

        Values are normalised by the statistics of training nodes, so that a prediction does not
        depend on the nodes it is made with.
        """
        self.network.calibrate(self._fetch(inputs, inputs.rows["train"][:PREDICT_ROWS]))
        return self._in_blocks(inputs, inputs.rows[split], self.network.forward)

    def embed(self, inputs: Inputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, hidden_dim]`` in the order of the task."""
        return self._in_blocks(inputs, inputs.rows[split], self.network.embed)

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the attention each channel receives in the fusion, over all target nodes.

        The weight is the mean over nodes, heads and attending meta-paths, the spread the standard
        deviation over nodes; the channels share a mass of one.
        """
        was_training = self.training
        self.eval()
        nodes = torch.arange(inputs.labels.shape[0])
        with torch.no_grad():
            mass = self._in_blocks(inputs, nodes, self._received)
        self.train(was_training)
        groups: list[tuple[int | None, Tensor]] = [(None, mass)]
        if classes is not None:
            classes = classes.to(mass.device)
            known = torch.unique(classes[classes >= 0]).tolist()
            groups += [(int(label), mass[classes == label]) for label in known]
        target = self.spec.target
        sources = [start for _, start in self.channels.features]
        sources += [target] * len(self.channels.labels)
        rows = []
        for label, split in groups:
            mean, std = split.mean(0), split.std(0, unbiased=False)
            for i, (name, source) in enumerate(zip(self.channels.names, sources, strict=True)):
                rows.append(
                    RelevanceRow(
                        target, name, 0, float(mean[i]), float(std[i]), label, source=source
                    )
                )
        return rows

    def _received(self, rows: list[Features]) -> Tensor:
        """Returns ``[batch, num_channels]`` attention that each channel receives."""
        projected, _ = self.network.paths(rows)
        return self.network.fusion.weights(projected).mean(dim=(1, 2))

    def _in_blocks(
        self, inputs: Inputs, rows: Tensor, function: Callable[[list[Features]], Tensor]
    ) -> Tensor:
        blocks = [function(self._fetch(inputs, one)) for one in row_batches(rows, PREDICT_ROWS)]
        return torch.cat(blocks)

    def _fetch(self, inputs: Inputs, rows: Tensor) -> list[Features]:
        return [
            (x.rows(rows) if isinstance(x, CSR) else x[rows.to(x.device)]).to(self.device)
            for x in inputs.channels
        ]


def _width(schema: Schema, spec: TaskSpec, node_type: str) -> int:
    """Returns the width of what a type sends, see :func:`input_matrix`."""
    feature = schema.node_types[node_type]
    if feature.kind in ("dense", "sparse", "categorical"):
        return feature.dim
    if node_type not in spec.num_nodes:
        raise SchemaError(
            f"{node_type!r} has no features and the task does not say how many nodes there are; "
            "give it features with graph.with_features(...)."
        )
    return spec.num_nodes[node_type]
