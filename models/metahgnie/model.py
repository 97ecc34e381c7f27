"""MetaHGNIE as a method: two channels, their fusion and alignment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import HeteroGraph, Hypergraph, Schema
from hetgraph.errors import ConfigError
from hetgraph.features.encoder import encoder_packages
from hetgraph.methods import OPTIMIZER_SPACE, Loss, Method, NodePredictions, RelevanceRow, Stage
from hetgraph.models.metahgnie.block import Block, make_blocks
from hetgraph.models.metahgnie.config import MetaHGNIEConfig
from hetgraph.models.metahgnie.fusion import ScoreFusion
from hetgraph.models.metahgnie.inputs import (
    input_dims,
    make_hypergraph,
    semantic_input,
    semantic_scale,
    structural_input,
    warn_of_partition,
)
from hetgraph.models.metahgnie.semantic import SemanticLayer
from hetgraph.models.metahgnie.structural import ScoringNetworks, StructuralLayer
from hetgraph.nn import info_nce
from hetgraph.optional import Package
from hetgraph.sampling import row_batches
from hetgraph.seeds import Seeds
from hetgraph.tasks import Question, Task, TaskSpec

__all__ = ["MetaHGNIE"]

_SCORING_DIM = 20
"""Hidden dim of the scoring networks, as published."""


@dataclass(eq=False, kw_only=True)
class HypergraphInputs:
    """Inputs of the network, on its device.

    Args:
        blocks: Hyperedges by layer.
        structure: ``[num_in, structural_dim]`` of the nodes that the first layer reads.
        semantics: ``[num_in, semantic_dim]`` of the same nodes.
        filled: Rows of ``semantics`` that are not all zero, if these are less than half; see
            :class:`SemanticLayer`.
        first: Row of the first target node among the outputs.
        labels: ``[num_target_nodes]`` labels; NaN where hidden.
        mean: Mean of the training labels.
        rows: Target nodes of each split, in the order of the task.
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
    """All inputs, and the target nodes whose loss is computed."""

    inputs: HypergraphInputs
    rows: Tensor


@dataclass(eq=False)
class View:
    """A channel's ``[num_out]`` predictions, as offsets from the mean, and its vectors.

    Args:
        score: ``[num_out]``.
        vectors: ``[num_out, out_dim]``.
    """

    score: Tensor
    vectors: Tensor


class MetaHGNIE(Method):
    """Predicts the importance of nodes from their hyperedges by two aligned channels.

    Predictions are offsets from the mean of the training labels.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters; the dims of the inputs must be set, see :meth:`for_task`.

    Raises:
        ConfigError: If they are not set.
    """

    name: ClassVar[str] = "metahgnie"
    Config: ClassVar[type[Any]] = MetaHGNIEConfig
    uses: ClassVar[frozenset[str]] = frozenset({"features", "metapaths", "text"})
    without_features: ClassVar[str] = "structural vectors"
    citation: ClassVar[str] = (
        "Chen, He, Shao, Wei, Chen, Yu, Zhao. MetaHGNIE: Meta-Path Induced Hypergraph Contrastive "
        "Learning in Heterogeneous Knowledge Graphs. 2025. arXiv:2512.12477"
    )
    families: ClassVar[tuple[str, ...]] = ("node-importance", "node-regression")
    purpose: ClassVar[str] = "it predicts numbers of nodes from their hyperedges."
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "num_heads": [4, 8, 16],
        "hidden_dim": [10, 20, 40],
        "num_layers": [1, 2],
        "dropout": {"low": 0.0, "high": 0.6},
        "contrastive_weight": [0.0, 0.1, 0.3, 0.5],
        "unimodal_weight": [0.0, 0.2, 0.4],
    }

    structural_layer: ClassVar[type[StructuralLayer]] = StructuralLayer
    semantic_layer: ClassVar[type[SemanticLayer]] = SemanticLayer
    """The layers; a benchmark replaces them by naive ones."""

    config: MetaHGNIEConfig

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns texts, or features where there are none; meta-paths if some are given.

        The structural channel reads neither.
        """
        own = {"text"} if graph.text else {"features"}
        if config.channels == "structure":
            own = set()
        return frozenset(own | ({"metapaths"} if config.metapaths else set()))

    @classmethod
    def packages(cls, config: Any) -> tuple[Package, ...]:
        """Returns those of the text encoder, which the structural channel does not use."""
        return () if config.channels == "structure" else encoder_packages(config.text)

    def __init__(self, schema: Schema, spec: TaskSpec, config: MetaHGNIEConfig) -> None:
        super().__init__(schema, spec, config)
        structural, semantic, types = (
            config.structural_dim,
            config.semantic_dim,
            config.num_edge_types,
        )
        if structural is None or semantic is None or types is None:
            raise ConfigError(
                "model.num_edge_types, structural_dim and semantic_dim are not set; build the "
                "model by MetaHGNIE.for_task(task, config), which determines them."
            )
        # The inputs of training, for questions about graphs with other nodes.
        self.structure = nn.Buffer(torch.zeros(sum(spec.num_nodes.values()), structural))
        self.semantic_scale = nn.Buffer(torch.stack([torch.zeros(semantic), torch.ones(semantic)]))
        out_dim, layers = config.out_dim, range(config.num_layers)
        self.types = nn.Embedding(types + 1, config.type_dim)  # the last is unused, as published
        if config.channels != "semantics":
            dim = structural + (semantic if config.channels == "concat" else 0)
            self.scoring = ScoringNetworks(dim, _SCORING_DIM, config.num_heads, config.dropout)
            scored = dim * config.num_heads
            self.structural = nn.ModuleList(
                self.structural_layer(out_dim if number else scored, config) for number in layers
            )
            self.structural_head = nn.Linear(out_dim, 1)
        if config.channels in ("both", "semantics"):
            self.semantic = nn.ModuleList(
                self.semantic_layer(out_dim if number else semantic, config) for number in layers
            )
            self.semantic_head = nn.Linear(out_dim, 1)
        if config.channels == "both":
            self.fusion = ScoreFusion(config)
            self.projector = nn.Sequential(
                nn.Linear(out_dim, out_dim), nn.ReLU(), nn.Linear(out_dim, out_dim)
            )

    @classmethod
    def for_task(cls, task: Task, config: Any) -> Method:
        """Builds the model, and sets the dims of its inputs and the number of hyperedge types.

        Raises:
            ConfigError: If the model is for other families of tasks.
            DataError: If there is neither a hypergraph nor an edge.
        """
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
        """Builds the hypergraph, walk vectors and text embeddings; the last two are cached on disk.

        Raises:
            ConfigError: If the number of hyperedge types is not that of the model.
        """
        self.check(task)
        config, device = self.config, self.device
        hypergraph = make_hypergraph(task, config, seeds.key("sampling", "hyperedges"))
        if hypergraph.num_types != config.num_edge_types:
            raise ConfigError(
                f"the hypergraph has {hypergraph.num_types} types, but the model was built for "
                f"{config.num_edge_types}; build a model for this task."
            )
        warn_of_partition(hypergraph)
        span = hypergraph.span(self.spec.target)
        everything = torch.arange(hypergraph.num_nodes)
        outputs = everything if config.all_nodes else everything[span]
        blocks, nodes = make_blocks(hypergraph, outputs, config.num_layers)
        structure, semantics = self._inputs(task, hypergraph)
        semantics = semantics[nodes]
        return HypergraphInputs(
            blocks=[block.to(device) for block in blocks],
            structure=structure[nodes].to(device),
            semantics=semantics.to(device),
            filled=_filled_rows(semantics, device),
            first=span.start if config.all_nodes else 0,
            labels=task.labels.to(device),
            mean=float(task.labels[task.index("train")].double().mean()),
            rows={split: ids.to(device) for split, ids in task.open_splits().items()},
        )

    def node_rows(self) -> dict[str, tuple[str, ...]]:
        """Returns whose nodes the rows of the structural input are: those of all types."""
        return {"structure": tuple(self.spec.num_nodes)}

    def _inputs(self, task: Task, hypergraph: Hypergraph) -> tuple[Tensor, Tensor]:
        """Structural and semantic input of all nodes; walks and scales are those of training."""
        config = self.config
        if isinstance(task, Question):
            walks = task.graph.num_edges
            made = self.structure.cpu() if walks else structural_input(task, hypergraph, config)
            return made, semantic_input(task, made, config, self.semantic_scale.cpu())
        structure = structural_input(task, hypergraph, config)
        self.structure.copy_(structure)
        if (scale := semantic_scale(task, config)) is not None:
            self.semantic_scale.copy_(scale)
        return structure, semantic_input(task, structure, config)

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
        """Yields target nodes in batches; each batch needs one pass over the hypergraph."""
        for chosen in row_batches(inputs.rows[split], batch_size, generator=generator, shard=shard):
            yield HypergraphBatch(inputs, chosen)

    def training_step(self, batch: HypergraphBatch, *, stage: Stage) -> Loss:
        """Returns the squared errors of the combined and the single predictions, and the alignment.

        The alignment is the contrastive loss between the vectors of both channels.
        """
        config, inputs, count = self.config, batch.inputs, batch.rows.numel()
        views = self.views(inputs)
        rows = batch.rows + inputs.first
        target = inputs.labels[batch.rows] - inputs.mean

        def error(score: Tensor) -> Tensor:
            return F.mse_loss(score[rows].float(), target) if count else score.sum() * 0

        terms = {"regression": error(self.join(views))}
        if len(views) == 2:
            single = torch.stack([error(view.score) for view in views]).mean()
            terms["unimodal"] = config.unimodal_weight * single
            if config.contrastive_weight:
                drawn = rows
                if config.contrastive_size is not None and count > config.contrastive_size:
                    drawn = rows[
                        torch.randperm(count, device=rows.device)[: config.contrastive_size]
                    ]
                projected = (self.projector(view.vectors[drawn]) for view in views)
                terms["contrastive"] = config.contrastive_weight * self.alignment(*projected)
        return Loss(terms, count)

    def predict(self, inputs: HypergraphInputs, split: str) -> NodePredictions:
        """Returns one number per node of the split, in the order of the task."""
        score = self.join(self.views(inputs))[inputs.rows[split] + inputs.first]
        return NodePredictions((score.float() + inputs.mean).unsqueeze(1))

    def embed(self, inputs: HypergraphInputs, split: str) -> Tensor:
        """Returns the vectors of all channels side by side, in the order of the task."""
        rows = inputs.rows[split] + inputs.first
        return torch.cat([view.vectors[rows] for view in self.views(inputs)], dim=1)

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the weight of each channel in the prediction; ``classes`` is ignored."""
        if self.config.channels != "both":
            return []
        training = self.training
        self.eval()
        with torch.no_grad():
            weight = self.fusion.structure_weight(*(view.score for view in self.views(inputs)))
        self.train(training)
        if weight is None:
            return []
        std, mean = (float(value) for value in torch.std_mean(weight.detach(), correction=0))
        target = self.spec.target
        return [
            RelevanceRow(target, "structure", 0, mean, std, source=target),
            RelevanceRow(target, "semantics", 0, 1 - mean, std, source=target),
        ]

    def alignment(self, structure: Tensor, semantics: Tensor) -> Tensor:
        """Returns the contrastive loss of two views, ``[num_nodes, out_dim]`` each."""
        return info_nce(structure, semantics, self.config.temperature)

    def join(self, views: list[View]) -> Tensor:
        """Returns the ``[num_out]`` predictions, as offsets from the mean."""
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
    """Rows of ``x`` that are not all zero, if these are less than half: few nodes have a text."""
    rows = (x != 0).any(1).nonzero().squeeze(1)
    return rows.to(device) if 2 * rows.numel() < len(x) else None
