"""Nearest class mean of aligned features: what few-shot methods must beat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.errors import ConfigError
from hetgraph.features.svd import align_features
from hetgraph.methods import Loss, Method, Stage
from hetgraph.nn import graph_views, make_propagator
from hetgraph.nn.features import feature_matrix
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task

__all__ = ["Prototype", "PrototypeConfig", "PrototypeInputs"]


@dataclass(frozen=True)
class PrototypeConfig:
    """Settings of the floor.

    Args:
        dim: Width of the features, by their leading singular vectors.
        hops: Steps of propagation, averaged over the views; 0 reads no edge.
        metapaths: Views of a target of several node types; empty: those of the data set, else
            the short round trips of the target.
        memory_budget: Most memory the composition of the meta-paths may take.

    Raises:
        ConfigError: If a value is out of its range.
    """

    dim: int = 128
    hops: int = 0
    metapaths: tuple[str, ...] = ()
    memory_budget: str = "2GiB"

    def __post_init__(self) -> None:
        if self.dim < 1 or self.hops < 0:
            raise ConfigError("model.dim must be at least 1 and model.hops 0 or more.")


@dataclass(eq=False)
class PrototypeInputs:
    """Unit vectors of all target nodes and the mean of each class.

    Args:
        vectors: ``[num_nodes, dim]``.
        means: ``[num_classes, dim]``, of length one.
        rows: Node ids of each part.
    """

    vectors: Tensor
    means: Tensor
    rows: Mapping[str, Tensor]


class Prototype(Method):
    """Scores a class by the cosine of a node's features with the mean of its labelled nodes.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: Which features.
    """

    name: ClassVar[str] = "prototype"
    Config: ClassVar[type[Any]] = PrototypeConfig
    tasks: ClassVar[tuple[str, ...]] = ("few-shot",)
    citation: ClassVar[str] = (
        "Snell, Swersky, Zemel. Prototypical Networks for Few-shot Learning. NeurIPS 2017. "
        "arXiv:1703.05175"
    )

    config: PrototypeConfig

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> PrototypeInputs:
        """Computes the vectors of all nodes, and the means from the training nodes alone."""
        self.check(task)
        vectors = F.normalize(self._vectors(task, seeds), dim=1)
        train = task.index("train")
        sums = torch.zeros(self.spec.num_outputs, vectors.shape[1])
        means = F.normalize(sums.index_add_(0, task.labels[train], vectors[train]), dim=1)
        return PrototypeInputs(vectors, means, task.open_splits())

    def _vectors(self, task: Task, seeds: Seeds) -> Tensor:
        config, target = self.config, self.spec.target
        features = feature_matrix(task.graph, target)
        size = task.graph.num_nodes[target]
        x = align_features(features, size, config.dim, seeds.projection)
        if not config.hops:
            return x
        views = graph_views(task, config.metapaths, memory_budget=config.memory_budget)
        total = torch.zeros_like(x)
        for one in views.values():
            propagate, step = make_propagator(one), x
            for _ in range(config.hops):
                step = propagate(step)
            total += step
        return total / len(views)

    def stages(self) -> tuple[Stage, ...]:
        """Returns none: there is nothing to train."""
        return ()

    def batches(self, inputs: Any, split: str, **_: Any) -> Iterator[Any]:
        """Yields nothing."""
        return iter(())

    def training_step(self, batch: Any, *, stage: Stage) -> Loss:
        """Is never called, as there are no stages."""
        raise NotImplementedError(f"{self.name} is not trained")

    def predict(self, inputs: PrototypeInputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, num_classes]`` cosines in the order of the task."""
        return inputs.vectors[inputs.rows[split]] @ inputs.means.T

    def embed(self, inputs: PrototypeInputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, dim]`` unit vectors in the order of the task."""
        return inputs.vectors[inputs.rows[split]]
