"""HAN: an encoder of one node type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from hetgraph.data import CSR, Relation, Schema
from hetgraph.errors import MetaPathError
from hetgraph.features.standins import node_keys
from hetgraph.methods import OPTIMIZER_SPACE, GraphInputs, RelevanceRow, WholeGraphEncoder
from hetgraph.models.han.config import HANConfig
from hetgraph.models.han.layers import HANLayer
from hetgraph.models.han.neighbors import add_self_loops, sample_by_ids, sample_neighbors
from hetgraph.nn import FeatureEncoder, metapath_labels, metapath_relations, metapath_requests
from hetgraph.nn.features import TypeEncoder
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["HAN"]


class HAN(WholeGraphEncoder):
    """Heterogeneous graph attention network: neighbours along meta-paths, attended to twice.

    Args:
        schema: What the graph is made of.
        spec: ``spec.target`` is the type whose vectors are asked for.
        config: The hyper-parameters.

    Raises:
        MetaPathError: If there is no meta-path from the target to itself, or one is given twice.
    """

    name: ClassVar[str] = "han"
    Config: ClassVar[type[Any]] = HANConfig
    uses: ClassVar[frozenset[str]] = frozenset({"features", "metapaths"})
    citation: ClassVar[str] = (
        "Wang, Ji, Shi, Wang, Cui, Yu, Ye. Heterogeneous Graph Attention Network. WWW 2019. "
        "arXiv:1903.07293"
    )
    train_defaults: ClassVar[Mapping[str, Any]] = {
        "lr": 0.005,
        "weight_decay": 1e-4,
        "patience": 50,
    }
    model_defaults: ClassVar[Mapping[str, Any]] = {"draw": "ids"}
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "hidden_dim": [8, 16, 32],
        "num_layers": [1, 2],
        "dropout": {"low": 0.0, "high": 0.8},
        "attention_dropout": [0.0, 0.3, 0.6],
        "share_projection": [True, False],
    }

    one_type: ClassVar[bool] = True

    config: HANConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: HANConfig) -> None:
        super().__init__(schema, spec, config)
        self.requests = metapath_requests(schema, spec.target, config.metapaths)
        self.labels = metapath_labels(self.requests)
        dim = config.num_heads * config.hidden_dim
        self.layers = nn.ModuleList()
        for depth in range(config.num_layers):
            self.layers.append(
                HANLayer(
                    self._projections(dim, first=depth == 0),
                    len(self.requests),
                    num_heads=config.num_heads,
                    hidden_dim=config.hidden_dim,
                    semantic_dim=config.semantic_dim,
                    dropout=config.dropout,
                    attention_dropout=config.attention_dropout,
                    negative_slope=config.negative_slope,
                    activation=config.activation,
                )
            )
        self.dim = dim

    def _projections(self, dim: int, *, first: bool) -> list[TypeEncoder]:
        count = 1 if self.config.share_projection else len(self.requests)
        if not first:
            return [TypeEncoder(dim, dim) for _ in range(count)]
        target = self.spec.target
        return [
            FeatureEncoder(self.schema, self.spec.num_nodes, [target], dim)[target]
            for _ in range(count)
        ]

    def views(self, task: Task, seeds: Seeds) -> dict[str, CSR]:
        """Composes the meta-paths: rows and columns are the target nodes.

        Raises:
            MetaPathError: If two of the meta-paths are the same.
            BudgetError: If they do not fit the memory budget.
        """
        composed = metapath_relations(
            task.graph,
            task.dataset_name,
            (self.spec.target,),
            self.requests,
            memory_budget=self.config.memory_budget,
        )
        if len(composed) != len(self.requests):
            raise MetaPathError(
                f"{len(self.requests)} meta-paths are given but only {len(composed)} of them "
                "differ; give each once."
            )
        patterns: dict[str, CSR] = {}
        for label, relation in zip(self.labels, composed.values(), strict=True):
            if self.config.max_neighbors is not None:
                relation = self._drawn(task, seeds, label, relation, self.config.max_neighbors)
            loops = self.config.self_loops
            patterns[label] = add_self_loops(relation) if loops else relation.with_weight(None)
        return patterns

    def _drawn(
        self, task: Task, seeds: Seeds, label: str, relation: Relation, limit: int
    ) -> Relation:
        if self.config.draw == "order":
            draw = seeds.generator("sampling", "han", label)
            return sample_neighbors(relation, limit, draw)
        keys = node_keys(task.graph, self.spec.target)
        return sample_by_ids(relation, limit, keys, seeds.key("sampling", "han", label))

    def vectors(self, inputs: GraphInputs) -> dict[str, Tensor]:
        """Returns ``[num_target_nodes, num_heads * hidden_dim]`` vectors of the target."""
        return {self.spec.target: self._run(inputs)[0]}

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the weight of every meta-path in every layer.

        All nodes share the weights, so classes do not change the result.
        """
        _, weights = self._run(inputs)
        target = self.spec.target
        return [
            RelevanceRow(target, label, order, float(weight), source=target)
            for order, layer in enumerate(weights)
            for label, weight in zip(self.labels, layer, strict=True)
        ]

    def _run(self, inputs: GraphInputs) -> tuple[Tensor, list[Tensor]]:
        """Returns the representations and the weights of the meta-paths in each layer."""
        patterns = [inputs.views[label] for label in self.labels]
        x: Any = inputs.features[self.spec.target]
        weights: list[Tensor] = []
        for layer in self.layers:
            x, layer_weights = layer(patterns, x)
            weights.append(layer_weights)
        return x, weights
