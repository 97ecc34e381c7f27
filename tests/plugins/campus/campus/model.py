"""A linear classifier on a node's own features and their means along meta-paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hetgraph import Method
from hetgraph.metapaths import compose
from hetgraph.metapaths.registry import resolve_metapaths
from hetgraph.methods import Loss, NodePredictions, RelevanceRow, Stage
from hetgraph.nn import metapath_labels
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task


@dataclass(frozen=True)
class CampusConfig:
    """Meta-paths from the target to itself."""

    metapaths: tuple[str, ...] = ()


@dataclass
class Inputs:
    features: Tensor  # [num_target, views * dim]
    task: Task


class Campus(Method):
    """A linear classifier on means along meta-paths."""

    name = "campus"
    Config = CampusConfig
    uses = frozenset({"features", "metapaths"})
    citation = "Nobody. A model for a test."

    def __init__(self, schema: Any, spec: Any, config: CampusConfig) -> None:
        super().__init__(schema, spec, config)
        self.dim = schema.node_types[spec.target].dim
        views = 1 + len(config.metapaths)
        self.linear = nn.Linear(views * self.dim, spec.num_outputs)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> Inputs:
        graph, own = task.graph, task.graph.features[task.spec.target]
        paths = resolve_metapaths(graph, task.dataset_name, self.config.metapaths)
        means = [compose(graph, path).normalized("row").to_scipy() @ own for path in paths.values()]
        views = [own, *(torch.as_tensor(mean, dtype=own.dtype) for mean in means)]
        return Inputs(torch.cat(views, dim=1), task)

    def batches(
        self,
        inputs: Inputs,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[tuple[Tensor, Tensor]]:
        index = inputs.task.index(split)
        if generator is not None:
            index = index[torch.randperm(len(index), generator=generator)]
        for rows in index.split(batch_size):
            mine = rows[shard[0] :: shard[1]]
            yield inputs.features[mine], inputs.task.labels[mine]

    def training_step(self, batch: tuple[Tensor, Tensor], *, stage: Stage) -> Loss:
        features, target = batch
        loss = nn.functional.cross_entropy(self.linear(features), target)
        return Loss({"cross_entropy": loss}, len(target))

    def predict(self, inputs: Inputs, split: str) -> NodePredictions:
        return NodePredictions(self.linear(self.embed(inputs, split)))

    def embed(self, inputs: Inputs, split: str) -> Tensor:
        return inputs.features[inputs.task.index(split)]

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        weights = self.linear.weight.detach().abs().split(self.dim, dim=1)
        names = ("itself", *metapath_labels(self.config.metapaths))
        return [
            RelevanceRow(self.spec.target, name, order, float(weight.mean()), float(weight.std()))
            for order, (name, weight) in enumerate(zip(names, weights, strict=True))
        ]
