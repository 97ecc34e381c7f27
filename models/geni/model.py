"""GENI: scores of nodes are made from features, then passed on along typed edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import OPTIMIZER_SPACE, Batch, JointEncoder, JointInputs, seed_rows
from hetgraph.nn import Dropout, FeatureEncoder, JointGraph, layer_plans
from hetgraph.ops import edge_attention, spmm
from hetgraph.tasks import TaskSpec

__all__ = ["GENI", "GENIConfig", "ScoreAggregation"]

_SHIFT = 1e-4
"""Added to degrees before their logarithm, as published."""


@dataclass(frozen=True)
class GENIConfig:
    """Settings of GENI.

    Args:
        hidden_dim: Dimension of the scoring networks.
        num_heads: Scores per node.
        num_layers: Steps that the scores are passed on.
        type_dim: Dimension of the vector of a relation.
        dropout: Fraction of the scoring networks' hidden values that are dropped.
        negative_slope: Of the leaky ReLU on the attention.
        centrality: Whether scores are scaled by a learned map of the logarithm of the degree.

    Raises:
        ConfigError: If a value is out of its range.
    """

    hidden_dim: int = 48
    num_heads: int = 4
    num_layers: int = 3
    type_dim: int = 10
    dropout: float = 0.3
    negative_slope: float = 0.2
    centrality: bool = True

    def __post_init__(self) -> None:
        for name in ("hidden_dim", "num_heads", "num_layers", "type_dim"):
            if getattr(self, name) < 1:
                raise ConfigError(f"model.{name} is {getattr(self, name)}, expected at least 1.")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}, expected 0 or more, below 1.")


class ScoreAggregation(nn.Module):
    """Each score becomes a mean of the neighbours', weighted by predicate-aware attention.

    ``softmax_j(leaky_relu(a s_i + <b, p_r> + c s_j))`` of the edge of relation r from j to i; a
    node is its own neighbour, by a relation of its own.

    Args:
        num_heads: Scores per node.
        type_dim: Dimension of a relation's vector.
        negative_slope: Of the leaky ReLU.
    """

    def __init__(self, num_heads: int, type_dim: int, negative_slope: float) -> None:
        super().__init__()
        self.dst_weight = nn.Parameter(torch.empty(num_heads))
        self.src_weight = nn.Parameter(torch.empty(num_heads))
        self.type_weight = nn.Parameter(torch.empty(type_dim, num_heads))
        self.negative_slope = negative_slope
        for weight in (self.dst_weight.view(1, -1), self.src_weight.view(1, -1), self.type_weight):
            nn.init.xavier_uniform_(weight)

    def forward(self, score: Tensor, graph: JointGraph, types: Tensor) -> Tensor:
        """Returns ``[num_nodes, num_heads]``.

        Args:
            score: ``[num_nodes, num_heads]``.
            graph: Edges and their types.
            types: ``[num_types, type_dim]`` vectors of the relations.
        """
        return edge_attention(
            graph.csr,
            None,
            None,
            score.unsqueeze(2),
            row_score=score * self.dst_weight,
            col_score=score * self.src_weight,
            edge_score=spmm(graph.types, types @ self.type_weight),
            negative_slope=self.negative_slope,
        ).squeeze(2)


class GENI(JointEncoder):
    """Estimates importance by scores that travel the graph, instead of vectors.

    Relations share one vector each over all layers. The last step scales a node's score by how
    central it is, head by head. O(num_layers * num_edges * num_heads).

    Args:
        schema: What the graph is made of.
        spec: ``spec.target`` is the type whose scores are asked for.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "geni"
    Config: ClassVar[type[Any]] = GENIConfig
    uses: ClassVar[frozenset[str]] = frozenset({"features"})
    citation: ClassVar[str] = (
        "Park, Kan, Dong, Zhao, Faloutsos. Estimating Node Importance in Knowledge Graphs Using "
        "Graph Neural Networks. KDD 2019. arXiv:1905.08865"
    )
    unfit: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            *("node-classification", "few-shot", "link-prediction", "recommendation"),
            *("edge-classification", "edge-regression"),
        ),
        "it passes one score per node along the edges, not vectors.",
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "hidden_dim": [16, 32, 48, 64],
        "num_heads": [1, 2, 4],
        "num_layers": [1, 2, 3],
        "dropout": {"low": 0.0, "high": 0.6},
    }

    config: GENIConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: GENIConfig) -> None:
        super().__init__(schema, spec, config)
        heads = config.num_heads
        self.plan = layer_plans(schema, spec.target, config.num_layers)[0]
        dim = heads * config.hidden_dim
        self.features = FeatureEncoder(schema, spec.num_nodes, self.plan.inputs, dim)
        self.drop = Dropout(config.dropout)
        self.score_weight = nn.Parameter(torch.empty(heads, config.hidden_dim))
        self.score_bias = nn.Parameter(torch.zeros(heads))
        nn.init.xavier_uniform_(self.score_weight)
        self.types = nn.Embedding(len(self.plan.edge_types) + 1, config.type_dim)
        self.layers = nn.ModuleList(
            ScoreAggregation(heads, config.type_dim, config.negative_slope)
            for _ in range(config.num_layers)
        )
        self.dim, self.makes_outputs = 1, True
        if config.centrality:
            self.scale = nn.Parameter(torch.ones(heads))
            self.shift = nn.Parameter(torch.zeros(heads))

    def vectors(self, inputs: JointInputs) -> dict[str, Tensor]:
        """Returns the ``[num_target_nodes, 1]`` mean of the scores of the heads."""
        return {self.spec.target: self.scores(inputs).mean(1, keepdim=True)}

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Returns the scores by head."""
        return seed_rows({self.spec.target: self.scores(batch.inputs)}, batch.seeds)

    def scores(self, inputs: JointInputs) -> Tensor:
        """Returns the scores by head, ``[num_target_nodes, num_heads]``."""
        graph, heads = inputs.joint, self.config.num_heads
        hidden = F.relu(self.drop(self.joined(inputs)).view(-1, heads, self.config.hidden_dim))
        score = (hidden * self.score_weight).sum(2) + self.score_bias
        for number, layer in enumerate(self.layers):
            if number:  # between layers all heads go on from their mean
                score = score.mean(1, keepdim=True).expand_as(score)
            score = F.elu(layer(score, graph, self.types.weight))
        if self.config.centrality:
            degree = (graph.csr.degree - 1).to(score.dtype)  # without the loop
            central = (degree + _SHIFT).log().unsqueeze(1)
            score = score * (central * self.scale + self.shift)
        return score[graph.spans[self.spec.target]]
