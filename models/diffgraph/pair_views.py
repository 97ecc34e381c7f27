"""DiffGraph on pairs of nodes: the relation to predict is the target view of both ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hetgraph.data import CSR, EdgeType, Schema
from hetgraph.errors import ConfigError
from hetgraph.metapaths.registry import resolve_metapaths
from hetgraph.metapaths.requests import requested_path
from hetgraph.methods import (
    SELF,
    Batch,
    Encoded,
    Encoder,
    RelevanceRow,
    arriving_label,
    seed_rows,
)
from hetgraph.models.diffgraph.config import DiffGraphConfig
from hetgraph.models.diffgraph.cross_view import CrossViews, fraction_rows, view_fractions
from hetgraph.models.diffgraph.encoder import encode_view
from hetgraph.models.diffgraph.views import joint_pattern, sum_to_one
from hetgraph.nn import FeatureEncoder, feature_matrix, metapath_labels, metapath_relations
from hetgraph.nn.features import Features
from hetgraph.nn.propagator import Propagator
from hetgraph.seeds import Seeds
from hetgraph.tasks import PairSamples, Task, TaskSpec

__all__ = ["PairViews", "PairViewsInputs"]


@dataclass(eq=False)
class PairViewsInputs:
    """Inputs of the network.

    Args:
        features: Features of both ends by type.
        views: Normalised views over the nodes of both ends, that of the relation to predict first.
        sizes: Number of nodes of each end.
    """

    features: dict[str, Features | None]
    views: list[CSR]
    sizes: list[int]


class PairViews(Encoder):
    """Denoises the auxiliary views of both ends of pairs towards the relation to predict.

    All nodes of both ends are encoded together, by undirected views: the relation to predict,
    every other relation between the two types, and the meta-paths from either type to itself;
    without meta-paths, the relations within a type. Each type has its own denoising network.

    Args:
        schema: What the graph is made of.
        spec: Its relation is the target view.
        config: The hyper-parameters.

    Raises:
        ConfigError: If several relations are to be predicted.
    """

    config: DiffGraphConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: DiffGraphConfig) -> None:
        super().__init__(schema, spec, config)
        if len(spec.edge_types) > 1:
            raise ConfigError(
                f"DiffGraph has one target view, but {len(spec.edge_types)} relations are to be "
                "predicted; choose another model, or a split of one relation."
            )
        self.dim, self.key = config.hidden_dim, spec.edge_types[0]
        self.relations = [self.key, *_others(schema, self.key, within=not config.metapaths)]
        labels = (*map(str, self.relations), *metapath_labels(config.metapaths))
        self.labels = labels[:1] if config.fusion == "none" else labels
        self.features = FeatureEncoder(schema, spec.num_nodes, spec.ends, config.hidden_dim)
        several = len(self.labels) > 1
        self.cross_views = CrossViews(config, len(spec.ends)) if several else None

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> PairViewsInputs:
        """Composes the meta-paths, normalises the views and scales the features of each node.

        Raises:
            BudgetError: If the meta-paths do not fit the memory budget.
        """
        features: dict[str, Features | None] = {}
        for name in self.spec.ends:
            given = feature_matrix(task.graph, name)
            if self.config.normalize_features:
                given = sum_to_one(given)
            features[name] = None if given is None else given.to(self.device)
        sizes = [task.graph.num_nodes[name] for name in self.spec.ends]
        views = [view.to(self.device) for view in self._normalised(task)]
        return PairViewsInputs(features, views, sizes)

    def _normalised(self, task: Task) -> list[CSR]:
        """Returns the normalised views, that of the relation to predict first."""
        sizes = {name: task.graph.num_nodes[name] for name in self.spec.ends}
        patterns = [
            joint_pattern({(key.src, key.dst): task.graph.relations[key]}, sizes)
            for key in self.relations[: len(self.labels)]
        ]
        if len(self.labels) > len(patterns):
            requests, budget = self.config.metapaths, self.config.memory_budget
            paths = resolve_metapaths(task.graph, task.dataset_name, requests)
            composed = metapath_relations(
                task.graph, task.dataset_name, self.spec.ends, requests, memory_budget=budget
            )
            patterns += [
                joint_pattern({(paths[name].start, paths[name].end): relation}, sizes)
                for name, relation in composed.items()
            ]
        return [pattern.normalized("sym") for pattern in patterns]

    def forward(self, batch: Batch) -> Encoded:
        """Returns ``[num_seeds, hidden_dim]``: the target view plus the generated vectors."""
        inputs: PairViewsInputs = batch.inputs
        fused, *others = self._encoded(inputs)
        error = None
        if self.cross_views is not None:
            source = torch.stack(others).sum(0)
            if self.training:
                made, error = self.cross_views(fused, source, inputs.sizes)
            else:
                made = self.cross_views.generate(source, inputs.sizes)
            fused = fused + made
        return Encoded(seed_rows(self._by_type(fused, inputs.sizes), batch.seeds), error)

    def losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        """Returns the diffusion loss at both ends of the positive pairs."""
        samples = batch.samples
        if encoded.kept is None or not isinstance(samples, PairSamples):
            return {}
        by_type = self._by_type(encoded.kept, batch.inputs.sizes)
        src, dst = samples.pairs
        both = by_type[self.key.src][src] + by_type[self.key.dst][dst]
        return {"diffusion": both.sum() / max(samples.count, 1) * self.config.diffusion_weight}

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the fraction of each view in the length of the vectors of either type.

        See :func:`~hetgraph.models.diffgraph.cross_view.view_fractions`; ``classes`` is ignored.
        """
        encoded, made = self._encoded(inputs), None
        if self.cross_views is not None:
            made = self.cross_views.generate(torch.stack(encoded[1:]).sum(0), inputs.sizes)
        fractions = self._by_type(view_fractions(encoded, made), inputs.sizes)
        return [
            row
            for name, own in fractions.items()
            for row in fraction_rows(name, self._labels(name), own)
        ]

    def _labels(self, node_type: str) -> list[str]:
        """Returns what the views are called at one end: relations are walked both ways.

        A view of the other end alone passes on what a node of this end knows of itself.
        """
        labels = []
        for number, label in enumerate(self.labels):
            if number < len(self.relations):
                relation = self.relations[number]
                touches = node_type in (relation.src, relation.dst)
                label = arriving_label(relation, node_type, self.schema) if touches else label
            else:
                request = self.config.metapaths[number - len(self.relations)]
                path = requested_path(self.schema, request)
                touches = path is None or path.start == node_type
            labels.append(label if touches else f"{SELF} (beside {label})")
        return labels

    def _encoded(self, inputs: PairViewsInputs) -> list[Tensor]:
        """Returns the vectors of all nodes of both ends by each view."""
        config, x = self.config, self.features(inputs.features)
        joint = torch.cat([x[name] for name in self.spec.ends])
        return [
            encode_view(Propagator((view,)), joint, config.num_layers, config.feed)
            for view in inputs.views
        ]

    def _by_type(self, joint: Tensor, sizes: Sequence[int]) -> dict[str, Tensor]:
        return dict(zip(self.spec.ends, joint.split_with_sizes(list(sizes)), strict=True))


def _others(schema: Schema, key: EdgeType, *, within: bool) -> list[EdgeType]:
    """Returns the other relations between the ends, or also within an end; of reverses only one."""
    ends = {key.src, key.dst}
    chosen: list[EdgeType] = []
    for other in schema.edge_types:
        joined = {other.src, other.dst}
        fits = joined == ends or (within and joined < ends)
        if fits and not {key, *chosen} & {other, schema.reverse_of(other)}:
            chosen.append(other)
    return chosen
