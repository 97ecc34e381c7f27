"""MetaHGNIE: the network and its contract with the trainer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import Loss, Method, RelevanceRow, Stage
from hetgraph.models.metahgnie.block import Block, make_blocks
from hetgraph.models.metahgnie.config import MetaHGNIEConfig
from hetgraph.models.metahgnie.fusion import ScoreFusion
from hetgraph.models.metahgnie.inputs import (
    input_dims,
    make_hypergraph,
    semantic_input,
    structural_input,
    warn_of_partition,
)
from hetgraph.models.metahgnie.semantic import SemanticLayer
from hetgraph.models.metahgnie.structural import ScoringNetworks, StructuralLayer
from hetgraph.nn import info_nce
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec
from hetgraph.train.batching import row_batches

__all__ = ["MetaHGNIE"]

_SCORING_WIDTH = 20


@dataclass(eq=False, kw_only=True)
class HypergraphInputs:
    """What the network reads, on its device.

    Args:
        blocks: Hyperedges by layer.
        structure: ``[num_in, structural_dim]`` of the nodes that the first layer reads.
        semantics: ``[num_in, semantic_dim]``.
        filled: Rows of it that are not all zero, where most are; see :class:`SemanticLayer`.
        first: Row of the first target node among the outputs.
        labels: ``[num_target_nodes]`` labels; NaN where hidden.
        mean: Mean of the training labels.
        rows: Target nodes of each part, in the order of the task.
    """

    blocks: list[Block]
    structure: Tensor
    semantics: Tensor
    filled: Tensor | None
    first: int
    labels: Tensor
    mean: float
    rows: Mapping[str, Tensor]


@dataclass(eq=False)
class HypergraphBatch:
    """All inputs and the target nodes whose loss is taken."""

    inputs: HypergraphInputs
    rows: Tensor


@dataclass(eq=False)
class View:
    """A channel's ``[num_out]`` prediction, less the mean, and ``[num_out, width]`` vectors."""

    score: Tensor
    vectors: Tensor


class MetaHGNIE(Method):
    """Predicts the importance of nodes from their hyperedges by two channels, and aligns these.

    Predictions are offsets from the mean of the training labels.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters; the widths of the inputs must be known, see
            :meth:`for_task`.

    Raises:
        ConfigError: If they are not.
    """

    name: ClassVar[str] = "metahgnie"
    Config: ClassVar[type[Any]] = MetaHGNIEConfig
    citation: ClassVar[str] = (
        "Chen, He, Shao, Wei, Chen, Yu, Zhao. MetaHGNIE: Meta-Path Induced Hypergraph Contrastive "
        "Learning in Heterogeneous Knowledge Graphs. 2025. arXiv:2512.12477"
    )
    tasks: ClassVar[tuple[str, ...]] = ("node-importance",)
    search_space: ClassVar[Mapping[str, Any]] = {
        "num_heads": [4, 8, 16],
        "num_layers": [1, 2],
        "contrastive_weight": [0.0, 0.1, 0.3, 0.5],
        "unimodal_weight": [0.0, 0.2, 0.4],
    }

    structural_layer: ClassVar[type[StructuralLayer]] = StructuralLayer
    semantic_layer: ClassVar[type[SemanticLayer]] = SemanticLayer
    """The layers; a benchmark puts naive ones in their place."""

    config: MetaHGNIEConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: MetaHGNIEConfig) -> None:
        super().__init__(schema, spec, config)
        structural, semantic, types = (
            config.structural_dim,
            config.semantic_dim,
            config.num_edge_types,
        )
        if structural is None or semantic is None or types is None:
            raise ConfigError(
                "model.num_edge_types, structural_dim and semantic_dim are not known; build the "
                "model by MetaHGNIE.for_task(task, config), which finds them."
            )
        width, layers = config.width, range(config.num_layers)
        self.types = nn.Embedding(types + 1, config.type_dim)  # the last is nobody's, as published
        if config.channels != "semantics":
            dim = structural + (semantic if config.channels == "concat" else 0)
            self.scoring = ScoringNetworks(dim, _SCORING_WIDTH, config.num_heads, config.dropout)
            wide = dim * config.num_heads
            self.structural = nn.ModuleList(
                self.structural_layer(width if one else wide, config) for one in layers
            )
            self.structural_head = nn.Linear(width, 1)
        if config.channels in ("both", "semantics"):
            self.semantic = nn.ModuleList(
                self.semantic_layer(width if one else semantic, config) for one in layers
            )
            self.semantic_head = nn.Linear(width, 1)
        if config.channels == "both":
            self.fusion = ScoreFusion(config)
            self.projector = nn.Sequential(
                nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
            )

    @classmethod
    def for_task(cls, task: Task, config: Any) -> Method:
        """Builds the model, with the widths of its inputs and the types of hyperedges counted."""
        cls.check_family(task.spec.kind, task.dataset_name)
        hypergraph = make_hypergraph(task, config)
        structural, semantic = input_dims(task, hypergraph, config)
        known = replace(
            config,
            num_edge_types=hypergraph.num_types,
            structural_dim=structural,
            semantic_dim=semantic,
        )
        return cls(task.graph.schema, task.spec, known)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> HypergraphInputs:
        """Makes the hypergraph, walk vectors and text embeddings; the last two are kept on disk."""
        self.check(task)
        config, device = self.config, self.device
        hypergraph = make_hypergraph(task, config, seeds.key("sampling", "hyperedges"))
        if hypergraph.num_types != config.num_edge_types:
            raise ConfigError(
                f"the hypergraph has {hypergraph.num_types} types, but the model was made for "
                f"{config.num_edge_types}; build a model for this task."
            )
        warn_of_partition(hypergraph)
        span = hypergraph.span(self.spec.target)
        wanted = torch.arange(hypergraph.num_nodes)
        blocks, nodes = make_blocks(
            hypergraph, wanted if config.all_nodes else wanted[span], config.num_layers
        )
        structure = structural_input(task, hypergraph, config)
        semantics = semantic_input(task, structure, config)[nodes]
        return HypergraphInputs(
            blocks=[one.to(device) for one in blocks],
            structure=structure[nodes].to(device),
            semantics=semantics.to(device),
            filled=_filled_rows(semantics, device),
            first=span.start if config.all_nodes else 0,
            labels=task.labels.to(device),
            mean=float(task.labels[task.index("train")].double().mean()),
            rows={split: ids.to(device) for split, ids in task.open_splits().items()},
        )

    def batches(
        self,
        inputs: HypergraphInputs,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[HypergraphBatch]:
        """Yields target nodes in batches; each needs one pass over the hypergraph."""
        for chosen in row_batches(inputs.rows[split], batch_size, generator=generator, shard=shard):
            yield HypergraphBatch(inputs, chosen)

    def training_step(self, batch: HypergraphBatch, *, stage: Stage) -> Loss:
        """Returns the squared errors of the joint and the single predictions, and the alignment."""
        config, inputs, count = self.config, batch.inputs, batch.rows.numel()
        views = self.views(inputs)
        rows = batch.rows + inputs.first
        target = inputs.labels[batch.rows] - inputs.mean

        def error(score: Tensor) -> Tensor:
            return F.mse_loss(score[rows].float(), target) if count else score.sum() * 0

        terms = {"regression": error(self.join(views))}
        if len(views) == 2:
            single = torch.stack([error(one.score) for one in views]).mean()
            terms["unimodal"] = config.unimodal_weight * single
            if config.contrastive_weight:
                some = rows
                if config.contrastive_size is not None and count > config.contrastive_size:
                    some = rows[
                        torch.randperm(count, device=rows.device)[: config.contrastive_size]
                    ]
                one, other = (self.projector(view.vectors[some]) for view in views)
                terms["contrastive"] = config.contrastive_weight * self.alignment(one, other)
        return Loss(terms, count)

    def predict(self, inputs: HypergraphInputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, 1]`` in the order of the task."""
        score = self.join(self.views(inputs))[inputs.rows[split] + inputs.first]
        return (score.float() + inputs.mean).unsqueeze(1)

    def embed(self, inputs: HypergraphInputs, split: str) -> Tensor:
        """Returns the vectors of all channels side by side, in the order of the task."""
        rows = inputs.rows[split] + inputs.first
        return torch.cat([one.vectors[rows] for one in self.views(inputs)], dim=1)

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the share of each channel in the prediction; classes make no difference."""
        if self.config.channels != "both":
            return []
        training = self.training
        self.eval()
        with torch.no_grad():
            share = self.fusion.structure_share(*(one.score for one in self.views(inputs)))
        self.train(training)
        if share is None:
            return []
        std, mean = (float(one) for one in torch.std_mean(share.detach(), correction=0))
        target = self.spec.target
        return [
            RelevanceRow(target, "structure", 0, mean, std, source=target),
            RelevanceRow(target, "semantics", 0, 1 - mean, std, source=target),
        ]

    def alignment(self, one: Tensor, other: Tensor) -> Tensor:
        """Returns the contrastive loss of two views, ``[num_nodes, width]`` each."""
        return info_nce(one, other, self.config.temperature)

    def join(self, views: list[View]) -> Tensor:
        """Returns the ``[num_out]`` prediction, less the mean."""
        if len(views) == 1:
            return views[0].score
        joined: Tensor = self.fusion(views[0].score, views[1].score)
        return joined

    def views(self, inputs: HypergraphInputs) -> list[View]:
        """Returns the outputs of the channels, structure first."""
        views, types = [], self.types.weight
        if self.config.channels != "semantics":
            x = inputs.structure
            if self.config.channels == "concat":
                x = torch.cat([x, inputs.semantics], dim=1)
            x, last = self.scoring(x), len(self.structural) - 1
            for number, (layer, block) in enumerate(
                zip(self.structural, inputs.blocks, strict=True)
            ):
                x = layer(block, x, types, equal=number > 0)
                if number < last:
                    x = x.mean(1, keepdim=True).expand_as(x)
            views.append(View(self.structural_head(x).squeeze(1), x))
        if self.config.channels in ("both", "semantics"):
            x, filled = inputs.semantics, inputs.filled
            for layer, block in zip(self.semantic, inputs.blocks, strict=True):
                x, filled = layer(block, x, types, filled), None
            views.append(View(self.semantic_head(x).squeeze(1), x))
        return views


def _filled_rows(x: Tensor, device: torch.device) -> Tensor | None:
    """Rows of ``x`` that are not all zero, if these are less than half: nodes without a text."""
    rows = (x != 0).any(1).nonzero().squeeze(1)
    return rows.to(device) if 2 * rows.numel() < len(x) else None
