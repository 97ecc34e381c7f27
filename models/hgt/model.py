"""HGT for a whole graph: encoded features, transformer layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from hetgraph.data import EdgeType, HeteroGraph, Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import OPTIMIZER_SPACE, GraphInputs, RelevanceRow, WholeGraphEncoder
from hetgraph.models.hgt.layer import HGTLayer
from hetgraph.models.hgt.relevance import relevance_rows
from hetgraph.nn import (
    EdgeInputs,
    EdgeReader,
    FeatureEncoder,
    InputKind,
    Merge,
    check_time_unit,
    edges_read,
    id_types,
    layer_plans,
)
from hetgraph.settings import later
from hetgraph.tasks import TaskSpec

__all__ = ["HGT", "HGTConfig"]


@dataclass(frozen=True)
class HGTConfig:
    """Settings of HGT.

    Args:
        hidden_dim: Dimension of the encoded features and of every layer.
        num_layers: Transformer layers.
        num_heads: Attention heads, a divisor of ``hidden_dim``.
        dropout: Fraction of the output of each layer that is dropped.
        norm: Whether the output of each layer is layer-normalised. ``None``: where nodes are asked
            about, but not for pairs, whose scores it costs.
        merge: ``"softmax"``: one over the edges of all relations, as in the paper; ``"mean"``: the
            mean of one softmax for each relation, as in the official implementation of HGB.
        inputs: ``"features"`` takes what the types have; ``"target"`` the features of the target
            and one learned vector per node for the other types; ``"ids"`` a learned vector for all.
        edge_weights: Whether the attention to an edge is multiplied by its weight.
        edge_features: Whether features of edges count in scores and messages.
        edge_times: Whether ages of edges count in scores and messages.
        time_unit: The age that counts as one, in the unit of the edge times; ``None`` takes that of
            the oldest edge in training.

    Raises:
        ConfigError: If a value is out of its range.
    """

    hidden_dim: int = 64
    num_layers: int = 2
    num_heads: int = 8
    dropout: float = 0.5
    norm: bool | None = None
    merge: Merge = "softmax"
    inputs: InputKind = "features"
    edge_weights: bool = later(True)
    edge_features: bool = later(True)
    edge_times: bool = later(True)
    time_unit: float | None = later(None)

    def __post_init__(self) -> None:
        if min(self.hidden_dim, self.num_layers, self.num_heads) < 1:
            raise ConfigError("model.hidden_dim, num_layers and num_heads must be at least 1.")
        if self.hidden_dim % self.num_heads:
            raise ConfigError(
                f"model.hidden_dim is {self.hidden_dim}, expected a multiple of the "
                f"{self.num_heads} heads."
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}, expected 0 or more, below 1.")
        check_time_unit(self.time_unit)


class HGT(WholeGraphEncoder):
    """Attends to all neighbours at once, with weights typed by node and relation.

    Args:
        schema: What the graph is made of.
        spec: ``spec.ends`` are the types whose vectors are asked for.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "hgt"
    Config: ClassVar[type[Any]] = HGTConfig
    uses: ClassVar[frozenset[str]] = frozenset(
        {"edge_feature", "edge_time", "edge_weight", "features"}
    )
    citation: ClassVar[str] = (
        "Hu, Dong, Wang, Sun. Heterogeneous Graph Transformer. WWW 2020. arXiv:2003.01332"
    )
    train_defaults: ClassVar[Mapping[str, Any]] = {
        "optimizer": "adamw",
        "lr": 0.002,
        "weight_decay": 0.01,
    }
    standins: ClassVar[str] = "auto"
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "hidden_dim": [64, 128, 256],
        "num_layers": [1, 2, 3],
        "num_heads": [1, 4, 8],
        "dropout": {"low": 0.0, "high": 0.7},
        "norm": [True, False],
        "merge": ["softmax", "mean"],
        "inputs": ["features", "target", "ids"],
    }

    config: HGTConfig

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns what the settings let it read; ``inputs: ids`` leaves node features out."""
        return edges_read(config) | (
            {"features"} - ({"features"} if config.inputs == "ids" else set())
        )

    def __init__(self, schema: Schema, spec: TaskSpec, config: HGTConfig) -> None:
        super().__init__(schema, spec, config)
        dim = config.hidden_dim
        self.plans = layer_plans(schema, spec.ends, config.num_layers)
        types = self.plans[0].inputs
        ids = id_types(config.inputs, types, spec.ends)
        self.features = FeatureEncoder(schema, spec.num_nodes, types, dim, ids=ids)
        self.edges = EdgeReader(schema, self.plans[0].edge_types, config)
        norm = not spec.edge_types if config.norm is None else config.norm
        self.layers = nn.ModuleList(
            HGTLayer(
                plan,
                dim,
                config.num_heads,
                dropout=config.dropout,
                norm=norm,
                merge=config.merge,
                edge_dims=self.edges.dims_of(plan.edge_types),
            )
            for plan in self.plans
        )
        self.dim = dim

    def edge_inputs(self, graph: HeteroGraph) -> dict[EdgeType, EdgeInputs]:
        """Returns what the edges carry and the settings let it read."""
        return self.edges.read(graph)

    def vectors(self, inputs: GraphInputs) -> dict[str, Tensor]:
        """Returns the output of the last layer by type, ``[num_nodes, hidden_dim]``."""
        return self._run(inputs)

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the attention that the nodes of a type give to each relation, by layer.

        The fractions of one node add up to one; a row holds the mean and the std, over the
        nodes that have a neighbour, of the mean over heads.
        """
        fractions: list[dict[EdgeType, Tensor]] = []
        self._run(inputs, fractions)
        labels = {} if classes is None else {self.spec.target: classes}
        return [
            row
            for order, plan in enumerate(self.plans)
            for node_type in plan.outputs
            for row in relevance_rows(
                order, node_type, fractions[order], self.schema, labels.get(node_type)
            )
        ]

    def _run(
        self, inputs: GraphInputs, fractions: list[dict[EdgeType, Tensor]] | None = None
    ) -> dict[str, Tensor]:
        """Runs the layers; collects the attention to each relation if a list is given."""
        x = {name: value.tanh() for name, value in self.features(inputs.features).items()}
        for layer in self.layers:
            if fractions is not None:
                fractions.append({})
            kept = None if fractions is None else fractions[-1]
            x = layer(x, inputs.relations, kept, inputs.edges)
        return x
