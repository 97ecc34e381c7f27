"""The semantic channel: a transformer from nodes to hyperedges and back."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.models.metahgnie.block import Block
from hetgraph.models.metahgnie.config import MetaHGNIEConfig
from hetgraph.ops import dropout, edge_attention

__all__ = ["SemanticLayer"]


class SemanticLayer(nn.Module):
    """Attention of hyperedges to their members, of nodes to their hyperedges, and a dense network.

    The key of a hyperedge depends on its type alone, so keys are computed once per type. If every
    node is in exactly one hyperedge, the weight of this hyperedge is 1: nothing is compared, and
    all members receive the same message.

    Args:
        in_dim: Dim of the input.
        config: Dims and dropout.
    """

    def __init__(self, in_dim: int, config: MetaHGNIEConfig) -> None:
        super().__init__()
        out_dim = config.out_dim
        self.config = config
        self.type_map = nn.Linear(config.type_dim, in_dim, bias=False)
        self.edge_key = nn.Linear(in_dim, out_dim, bias=False)
        self.member_query = nn.Linear(in_dim, out_dim, bias=False)
        self.member_value = nn.Linear(in_dim, out_dim, bias=False)
        self.edge_out = nn.Linear(out_dim, out_dim, bias=False)
        self.node_query = nn.Linear(in_dim, out_dim, bias=False)
        self.state_key = nn.Linear(out_dim, out_dim, bias=False)
        self.state_value = nn.Linear(out_dim, out_dim, bias=False)
        self.node_out = nn.Linear(out_dim, out_dim, bias=False)
        self.skip = nn.Linear(in_dim, out_dim, bias=False) if in_dim != out_dim else None
        self.norm = nn.BatchNorm1d(out_dim)
        self.dense = nn.Sequential(
            nn.Linear(out_dim, 4 * out_dim), nn.GELU(), nn.Linear(4 * out_dim, out_dim)
        )
        self.last_norm = nn.BatchNorm1d(out_dim)

    def forward(
        self, block: Block, x: Tensor, types: Tensor, filled: Tensor | None = None
    ) -> Tensor:
        """Returns ``[num_out, out_dim]``.

        Args:
            block: Hyperedges.
            x: ``[num_in, in_dim]``.
            types: ``[num_types, type_dim]`` embeddings of the hyperedge types.
            filled: int64 rows of ``x`` that are not all zero, ascending. The maps of the other
                rows are zero, too, and not computed. ``None`` computes all rows.
        """
        rate = self.config.dropout
        read = dropout(x if filled is None else x[filled], rate, self.training)

        def of_members(linear: nn.Linear) -> Tensor:
            made: Tensor = linear(read)
            if filled is not None:
                made = made.new_zeros(len(x), made.shape[1]).index_copy(0, filled, made)
            return self._heads(made)

        own = dropout(x[block.kept], rate, self.training)
        keys = self.edge_key(self.type_map(types))[block.edge_type]
        states = self.edge_out(
            edge_attention(
                block.members,
                self._heads(keys),
                of_members(self.member_query),
                of_members(self.member_value),
            ).flatten(1)
        )
        g = self.norm(
            self._messages(block, states, own) + (own if self.skip is None else self.skip(own))
        )
        made: Tensor = self.last_norm(g + F.dropout(self.dense(g), rate, self.training))
        return made

    def _messages(self, block: Block, states: Tensor, own: Tensor) -> Tensor:
        """Returns the messages of hyperedges to their nodes, ``[num_out, out_dim]``."""
        value = self.state_value(states)
        edge_of = block.edge_of
        if edge_of is not None:
            sent: Tensor = self.node_out(value)
            return sent[edge_of]
        mixed = edge_attention(
            block.incidence,
            self._heads(self.node_query(own)),
            self._heads(self.state_key(states)),
            self._heads(value),
        )
        message: Tensor = self.node_out(mixed.flatten(1))
        return message

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.config.num_heads, self.config.hidden_dim)
