"""GPH² as a method: experts, fusion, classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from hetgraph.catalog import Dataset
from hetgraph.data import HeteroGraph, Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import OPTIMIZER_SPACE, Loss, Method, NodePredictions, RelevanceRow, Stage
from hetgraph.models.gph2.bank import get_expert
from hetgraph.models.gph2.config import GPH2Config
from hetgraph.models.gph2.encoder import Encoder, view_propagators
from hetgraph.models.gph2.fusion import ClassFusion
from hetgraph.models.gph2.sources import choose_sources
from hetgraph.nn import AlignedInput, is_homogeneous
from hetgraph.nn.losses import LossFunction
from hetgraph.sampling import row_batches
from hetgraph.seeds import Seeds
from hetgraph.tasks import Question, Task, TaskSpec

__all__ = ["GPH2", "GPH2Batch", "GPH2Inputs"]

_HOPS = {True: 5, False: 2}
"""Propagation steps by whether the target is homogeneous; the paper uses 5 for Cora."""


@dataclass(eq=False)
class GPH2Inputs:
    """Inputs of the fusion.

    Args:
        propagated: ``[num_nodes, dim]`` features of the target per view.
        embedded: ``[num_experts, num_nodes, dim]`` of frozen experts; ``None`` if they are trained.
        labels: ``[num_nodes]`` classes; hidden ones are -1.
        rows: Node ids of each split.
        criterion: The loss of the task.
    """

    propagated: tuple[Tensor, ...]
    embedded: Tensor | None
    labels: Tensor
    rows: Mapping[str, Tensor]
    criterion: LossFunction


@dataclass(eq=False)
class GPH2Batch:
    """Labelled nodes of a batch, by their positions in the training split."""

    inputs: GPH2Inputs
    places: Tensor


class GPH2(Method):
    """Frozen experts of other graphs, homogeneous and heterogeneous, fused per class.

    Args:
        schema: What the graph is made of.
        spec: The prediction task.
        config: The hyper-parameters; :meth:`for_task` chooses the sources.

    Raises:
        ConfigError: If no source is chosen.
    """

    name: ClassVar[str] = "gph2"
    Config: ClassVar[type[Any]] = GPH2Config
    uses: ClassVar[frozenset[str]] = frozenset({"features", "labels", "metapaths"})
    without_features: ClassVar[str] = "a fixed random frame, which is not learned"
    families: ClassVar[tuple[str, ...]] = ("few-shot",)
    purpose: ClassVar[str] = "it fuses experts of other graphs, class by class, from a few labels."
    reads_task_loss: ClassVar[bool] = True
    citation: ClassVar[str] = (
        "Unified Multi-Domain Graph Pre-training for Homogeneous and Heterogeneous Graphs via "
        "Domain-Specific Expert Encoding. KDD 2026. arXiv:2602.13075"
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "hops": [1, 2, 3, 5, 8],
        "dropout": [0.1, 0.2, 0.3, 0.5],
    }

    config: GPH2Config

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns all of ``uses``; labels weigh experts, so one alone does not read them."""
        alone = config.experts == "scratch" or len(config.sources) == 1
        return cls.uses - {"labels"} if alone else cls.uses

    def __init__(self, schema: Schema, spec: TaskSpec, config: GPH2Config) -> None:
        super().__init__(schema, spec, config)
        scratch = config.experts == "scratch"
        if not scratch and not config.sources:
            raise ConfigError("model.sources names no graph; name some, or use GPH2.for_task.")
        self.experts = ("(scratch)",) if scratch else config.sources
        self.encoders = nn.ModuleList(Encoder(config.expert.dim) for _ in self.experts)
        self.fusion = ClassFusion(
            len(self.experts), spec.num_outputs, config.expert.dim, config.dropout
        )
        num_nodes = spec.num_nodes[spec.target]
        self.aligned = AlignedInput(schema, spec.target, num_nodes, config.expert.dim)
        self.frozen = not scratch
        self.encoders.requires_grad_(scratch)
        self.train()

    @classmethod
    def for_task(cls, task: Task, config: Any) -> Method:
        """Chooses the sources, loads their experts, trains missing ones, and builds the model.

        Raises:
            ConfigError: If the model is for other families of tasks, or no source is left.
        """
        cls.check_family(task.spec.kind, task.dataset_name)
        if config.experts == "scratch":
            return cls(task.graph.schema, task.spec, config)
        expert = replace(config.expert, epochs=0) if config.experts == "random" else config.expert
        sources = choose_sources(config, task)
        experts = [get_expert(dataset, expert) for dataset in sources]
        names = tuple(dataset.name for dataset in sources)
        model = cls(task.graph.schema, task.spec, replace(config, sources=names))
        for encoder, (_, tensors) in zip(model.encoders, experts, strict=True):
            encoder.load_state_dict(tensors)
        return model

    @classmethod
    def pretrain(cls, dataset: Dataset, config: Any) -> None:
        """Trains the expert of a graph, unless there is one."""
        get_expert(dataset, config.expert)

    def train(self, mode: bool = True) -> Self:
        """Sets the mode of the fusion.

        Frozen experts keep the batch-norm statistics of their graphs. An encoder that is trained
        here always sees the whole target, so it uses batch statistics in both modes.
        """
        super().train(mode)
        self.encoders.train(not self.frozen)
        return self

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> GPH2Inputs:
        """Propagates the target once for all experts; frozen experts embed it."""
        self.check(task)
        config, device = self.config, self.device
        views = view_propagators(
            task,
            config.metapaths,
            num_views=config.target_views,
            config=config.expert,
            memory_budget=config.memory_budget,
            generator=seeds.generator("sampling", "views"),
        )
        if isinstance(task, Question):
            features = self.aligned(task.graph).cpu()
        else:
            features = self.aligned.fit(task.graph, seeds.projection)
        default = _HOPS[is_homogeneous(task.graph.schema)]
        hops = default if config.hops is None else config.hops
        propagated = []
        for propagate in views.values():
            x = features
            for _ in range(hops):
                x = propagate(x)
            propagated.append(x.to(device))
        embedded = None
        if self.frozen:
            with torch.no_grad():
                embedded = self._encode(tuple(propagated))
        return GPH2Inputs(
            propagated=tuple(propagated),
            embedded=embedded,
            labels=task.labels.to(device),
            rows={split: ids.to(device) for split, ids in task.open_splits().items()},
            criterion=task.criterion(),
        )

    def _encode(self, propagated: tuple[Tensor, ...]) -> Tensor:
        return torch.stack([encoder(propagated)[0] for encoder in self.encoders])

    def _aligned(self, inputs: GPH2Inputs, split: str) -> tuple[Tensor, Tensor]:
        """Returns aligned vectors of labelled nodes and of a split; both equal for training."""
        embedded = inputs.embedded
        if embedded is None:
            embedded = self._encode(inputs.propagated)
        support = self.fusion.align(embedded[:, inputs.rows["train"]])
        if split == "train":
            return support, support
        return support, self.fusion.align(embedded[:, inputs.rows[split]])

    def batches(
        self,
        inputs: GPH2Inputs,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[GPH2Batch]:
        """Yields labelled nodes; expert weights always use all labelled nodes."""
        size = inputs.rows[split].numel()
        for places in row_batches(size, batch_size, generator=generator, shard=shard):
            yield GPH2Batch(inputs, places.to(inputs.labels.device))

    def training_step(self, batch: GPH2Batch, *, stage: Stage) -> Loss:
        """Returns the loss of the task and the orthogonality loss of the queries."""
        inputs, places = batch.inputs, batch.places
        classes = inputs.labels[inputs.rows["train"]]
        support, _ = self._aligned(inputs, "train")
        weights = self.fusion.expert_weights(support, classes)
        logits = self.fusion.logits(support[:, places], weights)
        if not places.numel():
            return Loss({"task": logits.sum() * 0}, 0)
        terms = {"task": inputs.criterion(logits, classes[places])}
        if self.config.ortho_weight:
            distance = self.fusion.orthogonality(self.config.ortho_reduction)
            terms["orthogonality"] = self.config.ortho_weight * distance
        return Loss(terms, places.numel())

    def predict(self, inputs: GPH2Inputs, split: str) -> NodePredictions:
        """Returns ``[num_nodes of the split, num_classes]`` logits in the order of the task."""
        support, aligned = self._aligned(inputs, split)
        return NodePredictions(self.fusion.logits(aligned, self._expert_weights(inputs, support)))

    def embed(self, inputs: GPH2Inputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, dim]``, the weighted mean of aligned vectors."""
        support, aligned = self._aligned(inputs, split)
        weight = self._expert_weights(inputs, support).mean(dim=1)
        return torch.einsum("p,pnd->nd", weight, aligned)

    def earlier(self, inputs: GPH2Inputs, split: str) -> dict[str, Tensor]:
        """Returns the experts' vectors before fusion, ``[num_nodes, num_experts * dim]``."""
        embedded = inputs.embedded
        if embedded is None:
            embedded = self._encode(inputs.propagated)
        return {"before fusion": embedded[:, inputs.rows[split]].transpose(0, 1).flatten(1)}

    def relevance(self, inputs: GPH2Inputs, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the weight of every expert: mean and std over classes, and per class."""
        was_training = self.training
        self.eval()
        with torch.no_grad():
            support, _ = self._aligned(inputs, "train")
            weights = self._expert_weights(inputs, support).cpu()
        self.train(was_training)
        target, rows = self.spec.target, []
        for expert, own in zip(self.experts, weights, strict=True):
            std = float(own.std(correction=0))
            rows.append(RelevanceRow(target, expert, 0, float(own.mean()), std, source=target))
            for label, weight in enumerate(own.tolist() if classes is not None else ()):
                rows.append(RelevanceRow(target, expert, 0, weight, label=label, source=target))
        return rows

    def _expert_weights(self, inputs: GPH2Inputs, support: Tensor) -> Tensor:
        return self.fusion.expert_weights(support, inputs.labels[inputs.rows["train"]])
