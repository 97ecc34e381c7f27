"""DiffGraph: the network and its contract with the trainer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from hetgraph.data import Schema
from hetgraph.methods import Loss, Method, RelevanceRow, Stage
from hetgraph.models.diffgraph.config import DiffGraphConfig
from hetgraph.models.diffgraph.cross_view import CrossView, share_rows, view_shares
from hetgraph.models.diffgraph.encoder import encode_view
from hetgraph.models.diffgraph.links import DiffGraphLinks
from hetgraph.models.diffgraph.recommend import DiffGraphRecommender
from hetgraph.models.diffgraph.views import POSITIVES, View, make_views, sum_to_one
from hetgraph.nn import (
    FeatureEncoder,
    FullGraphModel,
    GraphBatch,
    GraphInputs,
    feature_matrix,
    metapath_labels,
    metapath_requests,
)
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["DiffGraph", "DiffGraphInputs"]


@dataclass(eq=False, kw_only=True)
class DiffGraphInputs(GraphInputs):
    """What the network reads: features by type, and the views of the target."""

    graph_views: list[View]


class DiffGraph(FullGraphModel):
    """Denoises the auxiliary views of a node towards its target view, and classifies their sum.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "diffgraph"
    Config: ClassVar[type[Any]] = DiffGraphConfig
    citation: ClassVar[str] = (
        "Li, Xia, Hua, Zhang, Wang, Huang. DiffGraph: Heterogeneous Graph Diffusion Model. "
        "WSDM 2025. arXiv:2501.02313"
    )
    tasks: ClassVar[tuple[str, ...]] = (
        "node-classification",
        "recommendation",
        "link-prediction",
    )
    families: ClassVar[Mapping[str, type[Method]]] = {
        "recommendation": DiffGraphRecommender,
        "link-prediction": DiffGraphLinks,
    }
    search_space: ClassVar[Mapping[str, Any]] = {
        "hidden_dim": [32, 64, 128],
        "num_layers": [1, 2, 3],
        "num_steps": [50, 100, 200],
        "diffusion_weight": {"low": 0.01, "high": 100.0, "log": True},
    }

    config: DiffGraphConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: DiffGraphConfig) -> None:
        super().__init__(schema, spec, config)
        self.requests = metapath_requests(schema, spec.target, config.metapaths)
        extra = () if config.positives is None else (POSITIVES,)
        labels = (*metapath_labels(self.requests), *extra)
        self.labels = labels[:1] if config.fusion == "none" else labels
        self.features = FeatureEncoder(
            schema, spec, [spec.target], config.hidden_dim, lookup_bias=True
        )
        self.cross_view = CrossView(config) if len(self.labels) > 1 else None
        self.make_head(config.hidden_dim)
        self._initialise()

    def _initialise(self) -> None:
        """As the authors': a Xavier-normal map with gain sqrt 2, biases up to one by the root."""
        encoder = self.features[self.spec.target]
        nn.init.xavier_normal_(encoder.weight, gain=2**0.5)
        assert encoder.bias is not None
        bound = len(encoder.weight) ** -0.5
        nn.init.uniform_(encoder.bias, -bound, bound)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> DiffGraphInputs:
        """Composes the meta-paths and scales the features of a node to the sum one.

        Raises:
            BudgetError: If the meta-paths do not fit the memory budget.
        """
        config = self.config
        inputs = super().prepare(task, seeds=seeds, workdir=workdir)
        target = self.spec.target
        features = feature_matrix(task.graph, target)
        if config.normalize_features:
            features = sum_to_one(features)
            moved = None if features is None else features.to(self.device)
            inputs = replace(inputs, features={**inputs.features, target: moved})
        made = make_views(
            task,
            self.requests,
            features,
            config.positives,
            config.memory_budget,
            seeds.generator("sampling", "positives"),
        )
        return DiffGraphInputs(**vars(inputs), graph_views=[one.to(self.device) for one in made])

    def training_step(self, batch: GraphBatch, *, stage: Stage) -> Loss:
        """Returns the loss of the task and that of the diffusion, on the nodes of the batch."""
        target, source = self._views(batch.inputs, batch.rows)
        count = batch.rows.numel()
        if self.cross_view is None or source is None:
            return Loss({"task": self._task_loss(target, batch)}, count)
        made, error = self.cross_view(target, source)
        diffusion = error.sum() / max(count, 1) * self.config.diffusion_weight
        return Loss({"task": self._task_loss(target + made, batch), "diffusion": diffusion}, count)

    def encode(self, inputs: GraphInputs) -> Tensor:
        """Returns ``[num_target_nodes, hidden_dim]``: target view and what was generated."""
        target, source = self._views(inputs)
        if self.cross_view is None or source is None:
            return target
        return target + self.cross_view.generate(source)

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the share of each view in the length of a node's representation.

        See :func:`view_shares`.
        """
        training = self.training
        self.eval()
        with torch.no_grad():
            encoded = self._encoded(inputs)
            made = None
            if self.cross_view is not None:
                made = self.cross_view.generate(torch.stack(encoded[1:]).sum(0))
            shares = view_shares(encoded, made)
        self.train(training)
        groups: list[tuple[int | None, Tensor]] = [(None, shares)]
        if classes is not None:
            groups += [(c, shares[classes == c]) for c in range(int(classes.max()) + 1)]
        target = self.spec.target
        return [
            row
            for group, one in groups
            if len(one)
            for row in share_rows(target, self.labels, one, source=target, label=group)
        ]

    def _task_loss(self, fused: Tensor, batch: GraphBatch) -> Tensor:
        logits: Tensor = self.head(fused).float()
        if not len(logits):
            return logits.sum() * 0
        return self.loss(logits, batch.inputs.labels[batch.rows])

    def _views(
        self, inputs: GraphInputs, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Representations by the target view, and the sum of those by the others."""
        target, *others = self._encoded(inputs, rows)
        source: Tensor | None = None
        for one in others:
            source = one if source is None else source + one
        return target, source

    def _encoded(self, inputs: GraphInputs, rows: Tensor | None = None) -> list[Tensor]:
        """Representations of nodes (all by default) by each view that counts."""
        assert isinstance(inputs, DiffGraphInputs)  # what prepare() returned
        config = self.config
        x = self.features(inputs.features)[self.spec.target]
        encoder = self.features[self.spec.target]
        return [
            encode_view(one.propagator, x, config.num_layers, config.feed, rows, one.first(encoder))
            for one in inputs.graph_views[: len(self.labels)]
        ]
