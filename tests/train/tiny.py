"""A task that trains in milliseconds and a model with dropout; also run in processes of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import HeteroGraph, Relation
from hetgraph.data.schema import EdgeType
from hetgraph.methods import Loss, Method, Stage
from hetgraph.sampling import row_batches
from hetgraph.seeds import Seeds
from hetgraph.tasks import NodeClassification, NodePredictions, Task


def make_dataset(num_nodes: int = 120, *, dim: int = 6, noise: float = 0.5) -> Dataset:
    """Three classes that the features tell, up to noise; a third of the nodes in each split."""
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(num_nodes) % 3
    features = torch.randn(num_nodes, dim, generator=generator) * noise
    features[torch.arange(num_nodes), target] += 1.0
    src = torch.randint(num_nodes, (4 * num_nodes,), generator=generator)
    dst = torch.randint(num_nodes, (4 * num_nodes,), generator=generator)
    graph = HeteroGraph(
        num_nodes={"item": num_nodes},
        relations={
            EdgeType("item", "near", "item"): Relation.from_edges(src, dst, num_nodes, num_nodes)
        },
        features={"item": features},
        name="tiny",
    )
    order = torch.randperm(num_nodes, generator=generator)
    third = num_nodes // 3
    split = Split(order[:third], order[third : 2 * third], order[2 * third :])
    labels = Labels("item", 3, torch.arange(num_nodes), target)
    return Dataset("toy/tiny", graph, labels, splits={"fixed": split})


def make_task(**options: Any) -> Task:
    return NodeClassification(make_dataset(**options), Seeds())


@dataclass(frozen=True)
class TinyConfig:
    hidden: int = 8
    dropout: float = 0.3
    pretrain: int = 0
    metapaths: tuple[str, ...] = ()


class TinyModel(Method):
    """A perceptron on the features of the target nodes."""

    name: ClassVar[str] = "tiny"
    Config: ClassVar[type[Any]] = TinyConfig

    def __init__(self, schema: Any, spec: Any, config: TinyConfig) -> None:
        super().__init__(schema, spec, config)
        dim = schema.node_types[spec.target].dim
        self.body = nn.Sequential(
            nn.Linear(dim, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
        )
        self.head = nn.Linear(config.hidden, spec.num_outputs)
        self.unused = nn.Parameter(torch.ones(3))

    @classmethod
    def make(cls, task: Task, seed: int = 0, **settings: Any) -> TinyModel:
        torch.manual_seed(seed)
        return cls(task.graph.schema, task.spec, TinyConfig(**settings))

    def stages(self) -> tuple[Stage, ...]:
        first = (Stage("warm", self.config.pretrain, validate=False),)
        return (*(first if self.config.pretrain else ()), Stage())

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> Any:
        torch.rand(5)  # Chance drawn here must not change the training.
        return {"task": task, "x": task.graph.features[task.spec.target]}

    def batches(
        self,
        inputs: Any,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[Any]:
        task = inputs["task"]
        for rows in row_batches(task.index(split), batch_size, generator=generator, shard=shard):
            yield inputs["x"][rows], task.labels[rows]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))

    def training_step(self, batch: Any, *, stage: Stage) -> Loss:
        x, y = batch
        loss = nn.functional.cross_entropy(self(x), y)
        return Loss({"entropy": loss}, count=len(y))

    def predict(self, inputs: Any, split: str) -> NodePredictions:
        return NodePredictions(self(inputs["x"][inputs["task"].index(split)]))

    def embed(self, inputs: Any, split: str) -> Tensor:
        return self.body(inputs["x"][inputs["task"].index(split)])


class HaltingModel(TinyModel):
    """Calls ``halt`` before the training step ``halt_at``: a crash, a hang, a Ctrl-C."""

    halt_at: int = -1
    halt: Callable[[], None] = staticmethod(lambda: None)

    def training_step(self, batch: Any, *, stage: Stage) -> Loss:
        if self.halt_at == 0:
            type(self).halt()
        self.halt_at -= 1
        return super().training_step(batch, stage=stage)
