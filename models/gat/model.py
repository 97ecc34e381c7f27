"""GAT: attention over the neighbours of a node, whatever the relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import JointEncoder, JointInputs
from hetgraph.nn import Dropout, FeatureEncoder, JointGraph, layer_plans
from hetgraph.ops import dropout, edge_attention, pair_sum, segment_softmax, spmm
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

    Raises:
        ConfigError: If a value is out of its range.
    """

    hidden_dim: int = 16
    num_heads: int = 4
    num_layers: int = 2
    dropout: float = 0.5
    attention_dropout: float = 0.0
    negative_slope: float = 0.2

    def __post_init__(self) -> None:
        for name in ("hidden_dim", "num_heads", "num_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"model.{name} is {getattr(self, name)}, expected at least 1.")
        for name in ("dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"model.{name} is {getattr(self, name)}, expected 0 or more, below 1."
                )


class GATLayer(nn.Module):
    """``out_i = sum_j softmax_j(leaky_relu(<a, W x_i> + <b, W x_j>)) W x_j``, by head.

    Args:
        in_dim: Dimension of the inputs.
        config: Heads, their dim and the rates.
    """

    def __init__(self, in_dim: int, config: GATConfig) -> None:
        super().__init__()
        self.config = config
        heads, dim = config.num_heads, config.hidden_dim
        self.value = nn.Linear(in_dim, heads * dim, bias=False)
        self.dst_vector = nn.Parameter(torch.empty(heads, dim))
        self.src_vector = nn.Parameter(torch.empty(heads, dim))
        self.bias = nn.Parameter(torch.zeros(heads * dim))
        for weight in (self.value.weight, self.dst_vector, self.src_vector):
            nn.init.xavier_uniform_(weight)

    def forward(self, x: Tensor, graph: JointGraph) -> Tensor:
        """Returns ``[num_nodes, num_heads * hidden_dim]``."""
        config = self.config
        x = dropout(x, config.dropout, self.training)
        value = self.value(x).view(len(x), config.num_heads, config.hidden_dim)
        dst, src = (value * self.dst_vector).sum(-1), (value * self.src_vector).sum(-1)
        if self.training and config.attention_dropout:
            score = F.leaky_relu(pair_sum(graph.csr, dst, src), config.negative_slope)
            weight = segment_softmax(graph.csr.indptr, score)
            out = spmm(graph.csr, value, dropout(weight, config.attention_dropout, True))
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


class GAT(JointEncoder):
    """Attends to all neighbours at once; relations do not count.

    Args:
        schema: What the graph is made of.
        spec: ``spec.ends`` are the types whose vectors are asked for.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "gat"
    Config: ClassVar[type[Any]] = GATConfig
    uses: ClassVar[frozenset[str]] = frozenset({"features"})
    citation: ClassVar[str] = (
        "Velickovic, Cucurull, Casanova, Romero, Lio, Bengio. Graph Attention Networks. "
        "ICLR 2018. arXiv:1710.10903"
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        "hidden_dim": [8, 16, 32],
        "num_heads": [4, 8],
        "num_layers": [1, 2, 3],
        "dropout": {"low": 0.0, "high": 0.8},
    }

    config: GATConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: GATConfig) -> None:
        super().__init__(schema, spec, config)
        self.plan = layer_plans(schema, spec.ends, config.num_layers)[0]
        self.features = FeatureEncoder(schema, spec.num_nodes, self.plan.inputs, config.hidden_dim)
        dim = config.num_heads * config.hidden_dim
        self.layers = nn.ModuleList(
            GATLayer(config.hidden_dim if layer == 0 else dim, config)
            for layer in range(config.num_layers)
        )
        self.drop = Dropout(config.dropout)
        self.dim = dim

    def vectors(self, inputs: JointInputs) -> dict[str, Tensor]:
        """Returns the last layer by type, ``[num_nodes, num_heads * hidden_dim]``."""
        x = F.elu(self.joined(inputs))
        for layer in self.layers:
            x = F.elu(layer(x, inputs.joint))
        return {name: self.drop(rows) for name, rows in self.by_type(x, inputs).items()}
