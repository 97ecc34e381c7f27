"""Pre-training of an expert: Deep Graph Infomax over the views of one graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import Schema
from hetgraph.methods import Loss, Method, NodePredictions, Stage
from hetgraph.models.gph2.config import ExpertConfig
from hetgraph.models.gph2.encoder import Encoder, aligned_features, view_propagators
from hetgraph.nn import Propagator
from hetgraph.ops import dropout
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["ExpertBatch", "ExpertInputs", "ExpertTraining"]


@dataclass(eq=False)
class ExpertInputs:
    """Inputs of the pre-training of an expert.

    Args:
        features: ``[num_nodes, dim]``.
        views: Propagation along each view, all steps at once, by name.
        last: Loss of the last step, the criterion of early stopping.
    """

    features: Tensor
    views: dict[str, Propagator]
    last: Tensor


@dataclass(eq=False)
class ExpertBatch:
    """The whole graph, and the permutation of features in its corrupted copy."""

    inputs: ExpertInputs
    order: Tensor


class ExpertTraining(Method):
    """Deep Graph Infomax: tells nodes with their own features from nodes with permuted ones.

    Args:
        schema: What the graph is made of.
        spec: Its target is the node type to represent.
        config: Settings of the expert.
    """

    name: ClassVar[str] = "gph2-expert"
    Config: ClassVar[type[Any]] = ExpertConfig
    families: ClassVar[tuple[str, ...]] = ("self-supervised",)
    citation: ClassVar[str] = (
        "Veličković, Fedus, Hamilton, Liò, Bengio, Hjelm. Deep Graph Infomax. ICLR 2019. "
        "arXiv:1809.10341"
    )

    config: ExpertConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: ExpertConfig) -> None:
        super().__init__(schema, spec, config)
        self.encoder = Encoder(config.dim)
        self.discriminator = nn.Bilinear(config.dim, config.dim, 1)
        nn.init.xavier_uniform_(self.discriminator.weight)
        nn.init.zeros_(self.discriminator.bias)

    def stages(self) -> tuple[Stage, ...]:
        """Returns the only stage, named for the log."""
        return (Stage("expert"),)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> ExpertInputs:
        """Aligns the features and samples the views, which stay fixed."""
        self.check(task)
        config, device = self.config, self.device
        views = view_propagators(
            task,
            config.metapaths,
            num_views=config.num_views,
            config=config,
            memory_budget="2GiB",
            generator=seeds.generator("sampling", "views"),
        )
        return ExpertInputs(
            aligned_features(task, config.dim, seeds.projection).to(device),
            {name: view.power(config.hops).to(device) for name, view in views.items()},
            torch.full((), torch.inf),
        )

    def batches(
        self,
        inputs: ExpertInputs,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[ExpertBatch]:
        """Yields the whole graph once, with a new permutation of features."""
        order = torch.randperm(len(inputs.features), generator=generator)
        yield ExpertBatch(inputs, order.to(inputs.features.device))

    def training_step(self, batch: ExpertBatch, *, stage: Stage) -> Loss:
        """Returns the binary cross-entropy of true and corrupted nodes."""
        loss = contrast_loss(self.scores(batch.inputs, batch.order))
        batch.inputs.last = loss.detach()
        return Loss({"contrast": loss}, len(batch.order))

    def scores(self, inputs: ExpertInputs, order: Tensor) -> Tensor:
        """Returns ``[1, 2 num_nodes]`` logits: true nodes first, then corrupted ones.

        Args:
            inputs: The graph.
            order: ``[num_nodes]`` int64: the node whose features each corrupted node has.
        """
        true, false = self._propagate(inputs, order)
        real, _ = self.encoder(true)
        fake, _ = self.encoder(false)
        layer = self.discriminator
        summary = real.mean(dim=0).sigmoid()
        scores: Tensor = torch.cat([real, fake]) @ (layer.weight[0] @ summary) + layer.bias
        return scores.unsqueeze(0)

    def _propagate(
        self, inputs: ExpertInputs, order: Tensor
    ) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Propagates both copies side by side, so that every matrix is read once."""
        true, false = [], []
        with torch.no_grad():
            both = torch.cat([inputs.features, inputs.features[order]], dim=1)
            for view in inputs.views.values():
                out = view(dropout(both, self.config.dropout, self.training))
                own, permuted = out.chunk(2, dim=1)
                true.append(own)
                false.append(permuted)
        return true, false

    def predict(self, inputs: ExpertInputs, split: str) -> NodePredictions:
        """Returns ``[1, 1]``: the last training loss for validation, else that without dropout."""
        if split == "valid":
            return NodePredictions(inputs.last.reshape(1, 1))
        order = torch.randperm(len(inputs.features), generator=torch.Generator().manual_seed(0))
        scores = self.scores(inputs, order.to(inputs.features.device))
        return NodePredictions(contrast_loss(scores).reshape(1, 1))

    def embed(self, inputs: ExpertInputs, split: str) -> Tensor:
        """Returns ``[num_nodes, dim]`` representations."""
        propagated = [view(inputs.features) for view in inputs.views.values()]
        encoded: Tensor = self.encoder(propagated)[0]
        return encoded

    @torch.no_grad()
    def calibrate(self, inputs: ExpertInputs, order: Tensor) -> None:
        """Sets the batch-norm statistics from one pass, without changing a weight."""
        norm = self.encoder.norm
        norm.reset_running_stats()
        momentum, norm.momentum = norm.momentum, None  # None: the mean over passes
        self.train()
        self.scores(inputs, order)
        norm.momentum = momentum
        self.eval()


def contrast_loss(scores: Tensor) -> Tensor:
    """Returns the mean binary cross-entropy of ``[1, 2 n]`` logits, the first half true."""
    target = torch.zeros_like(scores)
    target[:, : scores.shape[1] // 2] = 1
    return F.binary_cross_entropy_with_logits(scores, target)
