"""GAT: attention over the neighbours of a node, whatever the relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import EdgeType, HeteroGraph, Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import OPTIMIZER_SPACE, JointEncoder, JointInputs
from hetgraph.nn import (
    Dropout,
    EdgeInputs,
    EdgeMaps,
    EdgeReader,
    FeatureEncoder,
    JointGraph,
    check_time_unit,
    edges_read,
    layer_plans,
)
from hetgraph.ops import dropout, edge_attention, pair_sum, segment_softmax, spmm
from hetgraph.settings import later
from hetgraph.tasks import TaskSpec

__all__ = ["GAT", "GATConfig", "GATLayer"]


@dataclass(frozen=True)
class GATConfig:
    """Settings of GAT.

    Args:
        hidden_dim: Dimension of the encoded features and of a head.
        num_heads: Number of heads.
        num_layers: Number of layers.
        dropout: Fraction of the inputs of a layer that are dropped.
        attention_dropout: Fraction of the attention weights that are dropped.
        negative_slope: Of the leaky ReLU on the scores.
        edge_weights: Whether the attention to an edge is multiplied by its weight.
        edge_features: Whether features of edges count in scores and messages.
        edge_times: Whether ages of edges count in scores and messages.
        time_unit: The age that counts as one, in the unit of the edge times; ``None`` takes that of
            the oldest edge in training.

    Raises:
        ConfigError: If a value is out of its range.
    """

    hidden_dim: int = 16
    num_heads: int = 4
    num_layers: int = 2
    dropout: float = 0.5
    attention_dropout: float = 0.0
    negative_slope: float = 0.2
    edge_weights: bool = later(True)
    edge_features: bool = later(True)
    edge_times: bool = later(True)
    time_unit: float | None = later(None)

    def __post_init__(self) -> None:
        for name in ("hidden_dim", "num_heads", "num_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"model.{name} is {getattr(self, name)}, expected at least 1.")
        for name in ("dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"model.{name} is {getattr(self, name)}, expected 0 or more, below 1."
                )
        check_time_unit(self.time_unit)


class GATLayer(nn.Module):
    """Multi-head attention to the neighbours of a node.

    Of each head, over the edges e from j to i::

        out_i = sum_e alpha_e (W x_j + M f_e)
        alpha_e ~ w_e exp(leaky_relu(<a, W x_i> + <b, W x_j> + <c, f_e>)), of sum 1

    The terms of the inputs ``f_e`` and the weight ``w_e`` of an edge are there where edges have
    some; see :class:`~hetgraph.nn.EdgeReader`.

    Args:
        in_dim: Dimension of the inputs.
        config: Heads, their dim and the rates.
        edge_dims: Dimension of the inputs of edges by relation, where they have some.
    """

    def __init__(
        self, in_dim: int, config: GATConfig, edge_dims: Mapping[EdgeType, int] | None = None
    ) -> None:
        super().__init__()
        self.config = config
        heads, dim = config.num_heads, config.hidden_dim
        self.value = nn.Linear(in_dim, heads * dim, bias=False)
        self.dst_vector = nn.Parameter(torch.empty(heads, dim))
        self.src_vector = nn.Parameter(torch.empty(heads, dim))
        self.bias = nn.Parameter(torch.zeros(heads * dim))
        for weight in (self.value.weight, self.dst_vector, self.src_vector):
            nn.init.xavier_uniform_(weight)
        self.edge_maps = EdgeMaps(edge_dims or {}, heads, dim)

    def forward(self, x: Tensor, graph: JointGraph) -> Tensor:
        """Returns ``[num_nodes, num_heads * hidden_dim]``."""
        config = self.config
        x = dropout(x, config.dropout, self.training)
        value = self.value(x).view(len(x), config.num_heads, config.hidden_dim)
        dst, src = (value * self.dst_vector).sum(-1), (value * self.src_vector).sum(-1)
        if graph.edges is not None or (self.training and config.attention_dropout):
            out = self._stepwise(value, dst, src, graph)
        else:
            out = edge_attention(
                graph.csr,
                None,
                None,
                value,
                row_score=dst,
                col_score=src,
                negative_slope=config.negative_slope,
            )
        return out.flatten(1) + self.bias

    def _stepwise(self, value: Tensor, dst: Tensor, src: Tensor, graph: JointGraph) -> Tensor:
        """The attention with stored weights, where they are dropped or edges carry something."""
        score, edges = pair_sum(graph.csr, dst, src), graph.edges
        if edges is not None and (added := edges.scores(self.edge_maps)) is not None:
            score = score + added
        score = F.leaky_relu(score, self.config.negative_slope)
        if edges is not None and edges.log_weight is not None:
            score = score + edges.log_weight.unsqueeze(1)
        weight = segment_softmax(graph.csr.indptr, score)
        weight = dropout(weight, self.config.attention_dropout, self.training)
        out = spmm(graph.csr, value, weight)
        if edges is not None:
            sent = edges.messages(self.edge_maps, weight, graph.spans)
            out = out if sent is None else out + sent
        return out


class GAT(JointEncoder):
    """Attends to all neighbours at once; relations do not count.

    Args:
        schema: What the graph is made of.
        spec: ``spec.ends`` are the types whose vectors are asked for.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "gat"
    Config: ClassVar[type[Any]] = GATConfig
    uses: ClassVar[frozenset[str]] = frozenset(
        {"edge_feature", "edge_time", "edge_weight", "features"}
    )
    citation: ClassVar[str] = (
        "Velickovic, Cucurull, Casanova, Romero, Lio, Bengio. Graph Attention Networks. "
        "ICLR 2018. arXiv:1710.10903"
    )
    train_defaults: ClassVar[Mapping[str, Any]] = {
        "optimizer": "adamw",
        "lr": 0.005,
        "weight_decay": 0.01,
    }
    standins: ClassVar[str] = "auto"
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "hidden_dim": [8, 16, 32],
        "num_heads": [4, 8],
        "num_layers": [1, 2, 3],
        "dropout": {"low": 0.0, "high": 0.8},
    }

    config: GATConfig

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns node features, and what of the edges the settings let it read."""
        return edges_read(config) | {"features"}

    def __init__(self, schema: Schema, spec: TaskSpec, config: GATConfig) -> None:
        super().__init__(schema, spec, config)
        plans = layer_plans(schema, spec.ends, config.num_layers)
        self.plan = plans[0]
        self.features = FeatureEncoder(schema, spec.num_nodes, self.plan.inputs, config.hidden_dim)
        self.edges = EdgeReader(schema, self.plan.edge_types, config)
        dim = config.num_heads * config.hidden_dim
        self.layers = nn.ModuleList(
            GATLayer(
                dim if layer else config.hidden_dim, config, self.edges.dims_of(plan.edge_types)
            )
            for layer, plan in enumerate(plans)
        )
        self.drop = Dropout(config.dropout)
        self.dim = dim

    def edge_inputs(self, graph: HeteroGraph) -> dict[EdgeType, EdgeInputs]:
        """Returns what the edges carry and the settings let it read."""
        return self.edges.read(graph)

    def vectors(self, inputs: JointInputs) -> dict[str, Tensor]:
        """Returns the last layer by type, ``[num_nodes, num_heads * hidden_dim]``."""
        x = F.elu(self.joined(inputs))
        for layer in self.layers:
            x = F.elu(layer(x, inputs.joint))
        return {name: self.drop(rows) for name, rows in self.by_type(x, inputs).items()}
