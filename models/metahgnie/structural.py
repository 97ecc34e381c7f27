"""The structural channel: attention within hyperedges, with a weight per column."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hetgraph.models.metahgnie.block import Block
from hetgraph.models.metahgnie.config import MetaHGNIEConfig
from hetgraph.nn import Dropout
from hetgraph.ops import dropout, edge_attention, pair_sum, segment_softmax, spmm

__all__ = ["ScoringNetworks", "StructuralLayer"]

_COLUMNS = 32
"""Columns whose attention weights are in memory at a time."""


class ScoringNetworks(nn.Module):
    """Several small networks side by side, ``dim -> hidden_dim -> dim`` each.

    Args:
        dim: Dim of inputs and outputs.
        hidden_dim: Dim of the hidden layer.
        num_heads: Number of networks.
        dropout: Dropout probability of the input, drawn separately for each network.
    """

    def __init__(self, dim: int, hidden_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.networks = nn.ModuleList(
            nn.Sequential(
                Dropout(dropout), nn.Linear(dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, dim)
            )
            for _ in range(num_heads)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``[num_nodes, num_heads * dim]``."""
        return torch.cat([network(x) for network in self.networks], dim=1)


class StructuralLayer(nn.Module):
    """From nodes to hyperedges by attention, and back by a sum.

    In each column separately, the members of a hyperedge ``e`` are weighted by a softmax of
    ``leaky_relu(a u_v + <b, t_e>)``, where ``u`` is the mapped input and ``t_e`` the embedding of
    the hyperedge's type. The type is the same for all members, so it has an effect only because
    of the kink of the leaky ReLU.

    Args:
        in_dim: Dim of the input.
        config: Dims, dropout and ``collect``.
    """

    def __init__(self, in_dim: int, config: MetaHGNIEConfig) -> None:
        super().__init__()
        out_dim = config.out_dim
        self.config = config
        self.map = nn.Linear(in_dim, out_dim, bias=False)
        self.node_score = nn.Parameter(torch.empty(out_dim))
        self.type_score = nn.Parameter(torch.empty(out_dim, config.type_dim))
        self.skip = nn.Linear(in_dim, out_dim, bias=False) if in_dim != out_dim else None
        gain = nn.init.calculate_gain("relu")
        for weight in (self.map.weight, self.node_score.view(1, -1, 1), self.type_score):
            shaped = weight.unsqueeze(0) if weight is self.type_score else weight
            nn.init.xavier_uniform_(shaped, gain=gain)
        if self.skip is not None:
            nn.init.xavier_uniform_(self.skip.weight, gain=gain)

    def forward(self, block: Block, x: Tensor, types: Tensor, *, equal: bool = False) -> Tensor:
        """Returns ``[num_out, out_dim]``.

        Args:
            block: Hyperedges.
            x: ``[num_in, in_dim]``.
            types: ``[num_types, type_dim]`` embeddings of the hyperedge types.
            equal: Whether all columns of ``x`` are equal. Without dropout, a map of ``x`` is then
                the product with the row sums of its weight.
        """
        flat = equal and not self.training
        u = self._mapped(self.map, dropout(x, self.config.dropout, self.training), flat)
        by_type = types @ self.type_score.t()
        states = self._attend(block, u, by_type[block.edge_type])
        back = spmm(block.incidence, states)
        if self.config.collect == "mean":
            back = back / block.incidence.degree.clamp(min=1).unsqueeze(1)
        own = x[block.kept]
        return F.relu(back + (own if self.skip is None else self._mapped(self.skip, own, flat)))

    def _mapped(self, linear: nn.Linear, x: Tensor, flat: bool) -> Tensor:
        if flat:
            return x[:, :1] * linear.weight.sum(1)
        mapped: Tensor = linear(x)
        return mapped

    def _attend(self, block: Block, u: Tensor, row_score: Tensor) -> Tensor:
        """Returns the states of hyperedges, ``[num_edges, out_dim]``."""
        slope, rate = self.config.negative_slope, self.config.attention_dropout
        if not self.training or not rate:
            return edge_attention(
                block.members,
                None,
                None,
                u.unsqueeze(2),
                row_score=row_score,
                col_score=self.node_score * u,
                negative_slope=slope,
            ).squeeze(2)

        def attend_columns(u: Tensor, score: Tensor, row_score: Tensor) -> Tensor:
            added = F.leaky_relu(pair_sum(block.members, row_score, score * u), slope)
            weight = dropout(segment_softmax(block.members.indptr, added), rate, True)
            return spmm(block.members, u.unsqueeze(2).contiguous(), weight).squeeze(2)

        # A few columns at a time, computed again in the backward pass: the weights of all columns
        # together would take a number per membership and column.
        blocks = zip(
            torch.split(u, _COLUMNS, 1),
            torch.split(self.node_score, _COLUMNS),
            torch.split(row_score, _COLUMNS, 1),
            strict=True,
        )
        made = [checkpoint(attend_columns, *columns, use_reentrant=False) for columns in blocks]
        return torch.cat(made, dim=1)
