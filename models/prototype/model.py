"""Nearest class mean of aligned features: the baseline of few-shot methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data import HeteroGraph, Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import NodePredictions, Untrained
from hetgraph.nn import AlignedInput, graph_views, make_propagator
from hetgraph.seeds import Seeds
from hetgraph.tasks import Question, Task, TaskSpec

__all__ = ["Prototype", "PrototypeConfig", "PrototypeInputs"]


@dataclass(frozen=True)
class PrototypeConfig:
    """Settings of the class means.

    Args:
        dim: Dim of the features after projection to their leading singular vectors.
        hops: Propagation steps, averaged over the views; 0 ignores the edges.
        metapaths: Views of the target in a graph with several node types; empty: the default
            meta-paths of the data set, else the short round trips of the target.
        memory_budget: Maximum memory for the composition of the meta-paths.

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
        means: ``[num_classes, dim]`` unit vectors.
        rows: Node ids of each split.
    """

    vectors: Tensor
    means: Tensor
    rows: Mapping[str, Tensor]


class Prototype(Untrained):
    """Scores a class by the cosine of a node's features with the mean of its labelled nodes.

    Args:
        schema: What the graph is made of.
        spec: The prediction task.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "prototype"
    Config: ClassVar[type[Any]] = PrototypeConfig
    uses: ClassVar[frozenset[str]] = frozenset({"features", "labels", "metapaths"})
    without_features: ClassVar[str] = "a fixed random frame, which is not learned"
    families: ClassVar[tuple[str, ...]] = ("few-shot",)
    purpose: ClassVar[str] = "it compares nodes with the means of a few labelled ones."
    citation: ClassVar[str] = (
        "Snell, Swersky, Zemel. Prototypical Networks for Few-shot Learning. NeurIPS 2017. "
        "arXiv:1703.05175"
    )

    config: PrototypeConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: PrototypeConfig) -> None:
        super().__init__(schema, spec, config)
        num_nodes = spec.num_nodes[spec.target]
        self.aligned = AlignedInput(schema, spec.target, num_nodes, config.dim)

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns all of ``uses``; without hops there are no meta-paths."""
        return cls.uses if config.hops else cls.uses - {"metapaths"}

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
        if isinstance(task, Question):
            x: Tensor = self.aligned(task.graph)
        else:
            x = self.aligned.fit(task.graph, seeds.projection)
        if not config.hops:
            return x
        views = graph_views(
            task.graph,
            task.dataset_name,
            target,
            config.metapaths,
            memory_budget=config.memory_budget,
        )
        total = torch.zeros_like(x)
        for view in views.values():
            propagate, propagated = make_propagator(view), x
            for _ in range(config.hops):
                propagated = propagate(propagated)
            total += propagated
        return total / len(views)

    def predict(self, inputs: PrototypeInputs, split: str) -> NodePredictions:
        """Returns ``[num_nodes of the split, num_classes]`` cosines in the order of the task."""
        return NodePredictions(inputs.vectors[inputs.rows[split]] @ inputs.means.T)

    def embed(self, inputs: PrototypeInputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, dim]`` unit vectors in the order of the task."""
        return inputs.vectors[inputs.rows[split]]
