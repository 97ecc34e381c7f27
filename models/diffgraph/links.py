"""DiffGraph as a link predictor: the relation to predict is the target view of both ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.data import CSR, EdgeType, Schema
from hetgraph.metapaths.registry import resolve_metapaths
from hetgraph.methods import Loss, RelevanceRow, Stage
from hetgraph.models.diffgraph.config import DiffGraphConfig
from hetgraph.models.diffgraph.cross_view import CrossViews, share_rows, view_shares
from hetgraph.models.diffgraph.encoder import encode_view
from hetgraph.models.diffgraph.views import joint_pattern, sum_to_one
from hetgraph.nn import (
    Decoder,
    FeatureEncoder,
    GraphBatch,
    GraphInputs,
    LinkInputs,
    LinkModel,
    metapath_labels,
    metapath_relations,
)
from hetgraph.nn.propagator import Propagator
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["DiffGraphLinks"]


class DiffGraphLinks(LinkModel):
    """Denoises what else is known of two nodes towards the relation that may link them.

    All nodes of both ends are encoded together, by undirected views: the relation to predict, every
    other relation between the two types, and the meta-paths from either type to itself; without
    meta-paths, the relations within a type. Each type has a network of its own; the score of a
    pair is the inner product.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "diffgraph"
    Config: ClassVar[type[Any]] = DiffGraphConfig
    decoder: ClassVar[Decoder] = "dot"

    config: DiffGraphConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: DiffGraphConfig) -> None:
        super().__init__(schema, spec, config)
        self.make_head(config.hidden_dim)
        self.relations = [self.key, *_others(schema, self.key, within=not config.metapaths)]
        labels = (*map(str, self.relations), *metapath_labels(config.metapaths))
        self.labels = labels[:1] if config.fusion == "none" else labels
        self.features = FeatureEncoder(schema, spec, spec.ends, config.hidden_dim)
        several = len(self.labels) > 1
        self.cross_views = CrossViews(config, len(spec.ends)) if several else None

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> LinkInputs:
        """Composes the meta-paths, normalises the views and scales the features of a node.

        Raises:
            BudgetError: If the meta-paths do not fit the memory budget.
        """
        inputs = super().prepare(task, seeds=seeds, workdir=workdir)
        if not self.config.normalize_features:
            return inputs
        scaled = {name: sum_to_one(x) for name, x in inputs.features.items()}
        return replace(inputs, features=scaled)

    def views(self, task: Task, seeds: Seeds) -> dict[str, CSR]:
        """Returns the normalised views, that of the relation to predict first."""
        sizes = {name: task.graph.num_nodes[name] for name in self.spec.ends}
        patterns = [
            joint_pattern({(key.src, key.dst): task.graph.relations[key]}, sizes)
            for key in self.relations[: len(self.labels)]
        ]
        if len(self.labels) > len(patterns):
            requests, budget = self.config.metapaths, self.config.memory_budget
            paths = resolve_metapaths(task.graph, task.dataset_name, requests)
            composed = metapath_relations(task, requests, memory_budget=budget)
            patterns += [
                joint_pattern({(paths[name].start, paths[name].end): relation}, sizes)
                for name, relation in composed.items()
            ]
        normalised = [one.normalized("sym") for one in patterns]
        return dict(zip(self.labels, normalised, strict=True))

    def training_step(self, batch: GraphBatch, *, stage: Stage) -> Loss:
        """Returns the loss of the links, and that of the diffusion at both ends of each."""
        fused, *others = self._encoded(batch.inputs)
        count = batch.rows.shape[1]
        terms: dict[str, Tensor] = {}
        if self.cross_views is not None:
            sizes = self._sizes(batch.inputs)
            made, error = self.cross_views(fused, torch.stack(others).sum(0), sizes)
            fused = fused + made
            by_type = self._by_type(error, sizes)
            both = by_type[self.key.src][batch.rows[0]] + by_type[self.key.dst][batch.rows[1]]
            terms["diffusion"] = both.sum() / max(count, 1) * self.config.diffusion_weight
        vectors = self._by_type(fused, self._sizes(batch.inputs))
        return Loss({"task": self.link_loss(vectors, batch), **terms}, count)

    def vectors(self, inputs: GraphInputs) -> dict[str, Tensor]:
        """Returns ``[num_nodes, hidden_dim]`` by type: target view and what was generated."""
        target, *others = self._encoded(inputs)
        if others:
            target = target + self._generated(inputs, others)
        return self._by_type(target, self._sizes(inputs))

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the share of each view in the vectors of either type.

        See :func:`view_shares`; classes make no difference.
        """
        training = self.training
        self.eval()
        with torch.no_grad():
            encoded = self._encoded(inputs)
            made = self._generated(inputs, encoded[1:]) if len(encoded) > 1 else None
            shares = self._by_type(view_shares(encoded, made), self._sizes(inputs))
        self.train(training)
        other = dict(zip(self.spec.ends, reversed(self.spec.ends), strict=True))
        return [
            row
            for name, part in shares.items()
            for row in share_rows(name, self.labels, part, source=other[name])
        ]

    def _encoded(self, inputs: GraphInputs) -> list[Tensor]:
        """Vectors of all nodes of both ends by each view."""
        config, x = self.config, self.features(inputs.features)
        joint = torch.cat([x[name] for name in self.spec.ends])
        return [
            encode_view(Propagator((one,)), joint, config.num_layers, config.feed)
            for one in inputs.views.values()
        ]

    def _generated(self, inputs: GraphInputs, others: Sequence[Tensor]) -> Tensor:
        assert self.cross_views is not None  # there are others
        return self.cross_views.generate(torch.stack(list(others)).sum(0), self._sizes(inputs))

    def _sizes(self, inputs: GraphInputs) -> list[int]:
        """Numbers of nodes of the ends, as the graph at hand has them."""
        relation = inputs.relations[self.key]
        counts = {self.key.src: relation.num_cols, self.key.dst: relation.num_rows}
        return [counts[name] for name in self.spec.ends]

    def _by_type(self, joint: Tensor, sizes: Sequence[int]) -> dict[str, Tensor]:
        return dict(zip(self.spec.ends, joint.split_with_sizes(list(sizes)), strict=True))


def _others(schema: Schema, key: EdgeType, *, within: bool) -> list[EdgeType]:
    """Returns the other relations between the ends, or also within one, a pair of reverses once."""
    ends = {key.src, key.dst}
    chosen: list[EdgeType] = []
    for one in schema.edge_types:
        joined = {one.src, one.dst}
        fits = joined == ends or (within and joined < ends)
        if fits and not {key, *chosen} & {one, schema.reverse_of(one)}:
            chosen.append(one)
    return chosen
