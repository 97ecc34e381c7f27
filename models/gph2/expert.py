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
from hetgraph.methods import Loss, Method, Stage
from hetgraph.models.gph2.config import ExpertConfig
from hetgraph.models.gph2.encoder import Encoder, aligned_features, view_propagators
from hetgraph.nn import Propagator
from hetgraph.ops import dropout
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["ExpertBatch", "ExpertInputs", "ExpertTraining"]


@dataclass(eq=False)
class ExpertInputs:
    """What an expert is trained on.

    Args:
        features: ``[num_nodes, dim]``.
        views: All steps of propagation along each view, by name.
        last: Loss of the last step; what training is stopped by.
    """

    features: Tensor
    views: dict[str, Propagator]
    last: Tensor


@dataclass(eq=False)
class ExpertBatch:
    """The whole graph, and whose features a node has in the false copy of it."""

    inputs: ExpertInputs
    order: Tensor


class ExpertTraining(Method):
    """Tells nodes with their own features from nodes with those of others.

    Args:
        schema: What the graph is made of.
        spec: Its target is the type to be represented.
        config: Settings of the expert.
    """

    name: ClassVar[str] = "gph2-expert"
    Config: ClassVar[type[Any]] = ExpertConfig
    tasks: ClassVar[tuple[str, ...]] = ("self-supervised",)
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
        """Returns the one stage, named for the log."""
        return (Stage("expert"),)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> ExpertInputs:
        """Aligns the features and makes the matrices of the views, which stay as drawn."""
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
            {name: one.power(config.hops).to(device) for name, one in views.items()},
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
        """Yields the whole graph once, with features dealt out anew."""
        order = torch.randperm(len(inputs.features), generator=generator)
        yield ExpertBatch(inputs, order.to(inputs.features.device))

    def training_step(self, batch: ExpertBatch, *, stage: Stage) -> Loss:
        """Returns the binary cross-entropy of true and false nodes."""
        loss = contrast_loss(self.scores(batch.inputs, batch.order))
        batch.inputs.last = loss.detach()
        return Loss({"contrast": loss}, len(batch.order))

    def scores(self, inputs: ExpertInputs, order: Tensor) -> Tensor:
        """Returns ``[1, 2 num_nodes]`` logits that a node is true: all true ones, then the others.

        Args:
            inputs: The graph.
            order: ``[num_nodes]`` int64: whose features each false node has.
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
        """Both copies side by side, so that every matrix is read once; no parameter is above."""
        true, false = [], []
        with torch.no_grad():
            both = torch.cat([inputs.features, inputs.features[order]], dim=1)
            for view in inputs.views.values():
                out = view(dropout(both, self.config.dropout, self.training))
                one, other = out.chunk(2, dim=1)
                true.append(one)
                false.append(other)
        return true, false

    def predict(self, inputs: ExpertInputs, split: str) -> Tensor:
        """Returns ``[1, 1]``: the loss of the epoch for validation, else without dropout."""
        if split == "valid":
            return inputs.last.reshape(1, 1)
        order = torch.randperm(len(inputs.features), generator=torch.Generator().manual_seed(0))
        scores = self.scores(inputs, order.to(inputs.features.device))
        return contrast_loss(scores).reshape(1, 1)

    def embed(self, inputs: ExpertInputs, split: str) -> Tensor:
        """Returns ``[num_nodes, dim]`` representations of the graph itself."""
        propagated = [one(inputs.features) for one in inputs.views.values()]
        encoded: Tensor = self.encoder(propagated)[0]
        return encoded

    @torch.no_grad()
    def calibrate(self, inputs: ExpertInputs, order: Tensor) -> None:
        """Takes the statistics of the normalisation from one pass, and changes no weight."""
        norm = self.encoder.norm
        norm.reset_running_stats()
        usual, norm.momentum = norm.momentum, None  # the mean over the passes
        self.train()
        self.scores(inputs, order)
        norm.momentum = usual
        self.eval()


def contrast_loss(scores: Tensor) -> Tensor:
    """Returns the mean binary cross-entropy of ``[1, 2 n]`` logits, the first half true."""
    target = torch.zeros_like(scores)
    target[:, : scores.shape[1] // 2] = 1
    return F.binary_cross_entropy_with_logits(scores, target)
