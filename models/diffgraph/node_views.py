"""DiffGraph on the nodes of one type: meta-paths are its views."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hetgraph.data import Schema
from hetgraph.methods import Batch, Encoded, Encoder, RelevanceRow
from hetgraph.models.diffgraph.config import DiffGraphConfig
from hetgraph.models.diffgraph.cross_view import CrossView, fraction_rows, view_fractions
from hetgraph.models.diffgraph.encoder import encode_view
from hetgraph.models.diffgraph.views import POSITIVES, View, make_views, sum_to_one
from hetgraph.nn import FeatureEncoder, feature_matrix, metapath_labels, metapath_requests
from hetgraph.nn.features import Features
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["NodeViews", "NodeViewsInputs"]


@dataclass(eq=False)
class NodeViewsInputs:
    """Inputs of the network.

    Args:
        features: Features of the target; ``None`` if it has none.
        views: Its views, the target view first.
    """

    features: Features | None
    views: list[View]


class NodeViews(Encoder):
    """Denoises the auxiliary views of a node towards its target view.

    Args:
        schema: What the graph is made of.
        spec: ``spec.target`` is the type of the nodes.
        config: The hyper-parameters.
    """

    config: DiffGraphConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: DiffGraphConfig) -> None:
        super().__init__(schema, spec, config)
        self.requests = metapath_requests(schema, spec.target, config.metapaths)
        extra = () if config.positives is None else (POSITIVES,)
        labels = (*metapath_labels(self.requests), *extra)
        self.labels = labels[:1] if config.fusion == "none" else labels
        self.features = FeatureEncoder(
            schema, spec.num_nodes, [spec.target], config.hidden_dim, lookup_bias=True
        )
        self.cross_view = CrossView(config) if len(self.labels) > 1 else None
        self.dim = config.hidden_dim

    def initialise(self, head: nn.Module) -> None:
        """Draws the initial map of the features.

        Weights are Xavier-normal with gain sqrt 2, biases uniform up to ``1 / sqrt(num_features)``.

        Source: the official implementation.
        """
        encoder = self.features[self.spec.target]
        nn.init.xavier_normal_(encoder.weight, gain=2**0.5)
        assert encoder.bias is not None
        bound = len(encoder.weight) ** -0.5
        nn.init.uniform_(encoder.bias, -bound, bound)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> NodeViewsInputs:
        """Composes the meta-paths and scales the features of each node to sum 1.

        Raises:
            BudgetError: If the meta-paths do not fit the memory budget.
        """
        config = self.config
        features = feature_matrix(task.graph, self.spec.target)
        if config.normalize_features:
            features = sum_to_one(features)
        views = make_views(
            task,
            self.requests,
            features,
            config.positives,
            config.memory_budget,
            seeds.generator("sampling", "positives"),
        )
        moved = None if features is None else features.to(self.device)
        return NodeViewsInputs(moved, [view.to(self.device) for view in views])

    def forward(self, batch: Batch) -> Encoded:
        """Returns ``[num_seeds, hidden_dim]``: the target view plus the generated vectors."""
        name = self.spec.target
        target, source = self._views(batch.inputs, batch.seeds[name])
        if self.cross_view is None or source is None:
            return Encoded({name: target})
        if not self.training:
            return Encoded({name: target + self.cross_view.generate(source)})
        made, error = self.cross_view(target, source)
        return Encoded({name: target + made}, error)

    def losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        """Returns the diffusion loss: the mean over the nodes of the batch."""
        if encoded.kept is None:
            return {}
        error: Tensor = encoded.kept
        mean = error.sum() / max(batch.samples.count, 1)
        return {"diffusion": mean * self.config.diffusion_weight}

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the fraction of each view in the length of a node's vector.

        See :func:`~hetgraph.models.diffgraph.cross_view.view_fractions`.
        """
        encoded = self._encoded(inputs)
        made = None
        if self.cross_view is not None:
            made = self.cross_view.generate(torch.stack(encoded[1:]).sum(0))
        fractions = view_fractions(encoded, made)
        groups: list[tuple[int | None, Tensor]] = [(None, fractions)]
        if classes is not None:
            labels = range(int(classes.max()) + 1)
            groups += [(label, fractions[classes == label]) for label in labels]
        target = self.spec.target
        return [
            row
            for label, members in groups
            if len(members)
            for row in fraction_rows(target, self.labels, members, source=target, label=label)
        ]

    def _views(
        self, inputs: NodeViewsInputs, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the vectors by the target view, and the sum of those by the other views."""
        target, *others = self._encoded(inputs, rows)
        source: Tensor | None = None
        for view in others:
            source = view if source is None else source + view
        return target, source

    def _encoded(self, inputs: NodeViewsInputs, rows: Tensor | None = None) -> list[Tensor]:
        """Returns the vectors of nodes (all by default) by each view in use."""
        config = self.config
        encoder = self.features[self.spec.target]
        x = encoder(inputs.features)
        return [
            encode_view(
                view.propagator, x, config.num_layers, config.feed, rows, view.first(encoder)
            )
            for view in inputs.views[: len(self.labels)]
        ]
