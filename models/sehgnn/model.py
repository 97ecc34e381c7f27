"""SeHGNN: means along meta-paths before training, a network that fuses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from hetgraph.data import CSR, HeteroGraph, Schema
from hetgraph.errors import SchemaError
from hetgraph.methods import OPTIMIZER_SPACE, Batch, Encoded, Encoder, EncoderMethod, RelevanceRow
from hetgraph.models.sehgnn.aggregate import (
    aggregate_features,
    aggregate_labels,
    input_matrix,
    label_table,
)
from hetgraph.models.sehgnn.config import SeHGNNConfig
from hetgraph.models.sehgnn.network import Network, calibrate, task_network
from hetgraph.models.sehgnn.paths import channels, feature_paths, label_paths
from hetgraph.nn.features import Features
from hetgraph.sampling import row_batches
from hetgraph.seeds import Seeds
from hetgraph.tasks import Question, Task, TaskSpec

__all__ = ["Inputs", "SeHGNN"]

BLOCK_ROWS = 4096
"""Rows of a block of relevance, and most training nodes that statistics are taken from."""


@dataclass(eq=False)
class Inputs:
    """What training needs once the graph has been read.

    Args:
        channels: ``[num_target_nodes, dim]`` of each channel, dense or sparse.
        train: Training nodes whose statistics are taken; none for pairs.
    """

    channels: list[Features]
    train: Tensor


class SeHGNN(Encoder):
    """Simple and efficient heterogeneous graph network: mean once, then fuse the meta-paths.

    Args:
        schema: What the graph is made of.
        spec: ``spec.target`` is the type whose vectors are asked for.
        config: The hyper-parameters.

    Raises:
        SchemaError: If no relation touches the target, or the dim of a type is not known.
        MetaPathError: If a meta-path is given twice.
    """

    name: ClassVar[str] = "sehgnn"
    Config: ClassVar[type[Any]] = SeHGNNConfig
    uses: ClassVar[frozenset[str]] = frozenset({"edge_weight", "features", "labels", "metapaths"})
    without_features: ClassVar[str] = "one-hot ids, whose map is learned"
    citation: ClassVar[str] = (
        "Yang, Yan, Pan, Ye, Fan. Simple and Efficient Heterogeneous Graph Neural Network. "
        "AAAI 2023. arXiv:2207.02547"
    )
    train_defaults: ClassVar[Mapping[str, Any]] = {"lr": 0.003, "max_epochs": 300, "patience": 50}
    standins: ClassVar[str] = "auto"
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "num_hops": [1, 2, 3, 4],
        "hidden_dim": [64, 128, 256, 512],
        "task_layers": [2, 3, 4],
        "input_dropout": {"low": 0.0, "high": 0.6},
        "dropout": {"low": 0.2, "high": 0.8},
        "residual": [True, False],
    }

    one_type: ClassVar[bool] = True

    config: SeHGNNConfig

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns all of ``uses``; edge weights, labels and given meta-paths by the settings."""
        unread = {
            "edge_weight": not config.edge_weights,
            "labels": not config.labels,
            "metapaths": not config.metapaths,
        }
        return cls.uses - {word for word, left_out in unread.items() if left_out}

    def __init__(self, schema: Schema, spec: TaskSpec, config: SeHGNNConfig) -> None:
        super().__init__(schema, spec, config)
        target = schema.node_type(spec.target)
        self.channels = channels(schema, target, config, labels=spec.num_classes > 0)
        dims = [_dim(schema, spec, start) for _, start in self.channels.features]
        dims += [spec.num_classes] * len(self.channels.labels)
        self.network = Network(dims, config)
        self.dim, self.all_nodes, self.row_wise = config.hidden_dim, False, True

    def node_rows(self) -> dict[str, tuple[str, ...]]:
        """Returns the maps of one-hot ids, which have a row per node."""
        bare = {k for k, feature in self.schema.node_types.items() if not feature.dim}
        return {
            f"network.embeddings.{number}.weight": (start,)
            for number, (_, start) in enumerate(self.channels.features)
            if start in bare
        }

    def decoder(self, num_outputs: int) -> nn.Module:
        """Returns the layers behind the fusion."""
        return task_network(self.config, num_outputs)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> Inputs:
        """Takes the means of features (and labels) along every meta-path, on the CPU.

        Raises:
            DataError: If labels would be averaged by negative weights.
        """
        graph, config, target = task.graph, self.config, self.spec.target
        if not config.edge_weights:
            plain = {key: relation.with_weight(None) for key, relation in graph.relations.items()}
            graph = graph.replace(relations=plain)
        own = input_matrix(graph, target)
        means = aggregate_features(graph, feature_paths(task, target, config))
        arrived: list[Tensor] = []
        if self.channels.labels:
            table = label_table(task.labels, task.index("train"), self.spec.num_classes)
            paths = label_paths(task, target, config)
            arrived = aggregate_labels(graph, paths, table, config.memory_budget)
        # Who asks a trained model has other training nodes: its statistics stay.
        fixed = bool(task.spec.edge_types) or isinstance(task, Question)
        train = torch.zeros(0, dtype=torch.int64) if fixed else task.index("train")
        return Inputs([own, *means, *arrived], train[:BLOCK_ROWS])

    def forward(self, batch: Batch) -> Encoded:
        """Returns the fused vectors of the seeds, ``[num_seeds, hidden_dim]``."""
        rows = self._fetch(batch.inputs, batch.seeds[self.spec.target])
        return Encoded({self.spec.target: self.network(rows)})

    def calibrate(self, method: EncoderMethod, inputs: Inputs) -> None:
        """Takes the statistics of the last layers from training nodes.

        So a prediction does not depend on the nodes that it is made with.
        """
        decoder = method.head.decoder
        if inputs.train.numel() and isinstance(decoder, nn.Module) and not self.spec.edge_types:
            training = self.training
            self.eval()
            with torch.no_grad():
                calibrate(decoder, self.network(self._fetch(inputs, inputs.train)))
            self.train(training)

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the attention each channel receives in the fusion, over all target nodes.

        The weight is the mean over nodes, heads and attending meta-paths, and the std is over the
        nodes; the weights of all channels add up to one.
        """
        num_nodes = inputs.channels[0].shape[0]
        blocks = row_batches(num_nodes, BLOCK_ROWS)
        mass = torch.cat([self._received(self._fetch(inputs, rows)) for rows in blocks])
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

    def _fetch(self, inputs: Inputs, rows: Tensor | None) -> list[Features]:
        if rows is None:
            return [x.to(self.device) for x in inputs.channels]
        return [
            (x.rows(rows.to(x.device)) if isinstance(x, CSR) else x[rows.to(x.device)]).to(
                self.device
            )
            for x in inputs.channels
        ]


def _dim(schema: Schema, spec: TaskSpec, node_type: str) -> int:
    """Returns the dimension of what a type sends, see :func:`input_matrix`."""
    feature = schema.node_types[node_type]
    if feature.dim:
        return feature.dim
    if node_type not in spec.num_nodes:
        raise SchemaError(
            f"{node_type!r} has no features and the task does not say how many nodes there are; "
            "give it features with graph.with_features(...)."
        )
    return spec.num_nodes[node_type]
