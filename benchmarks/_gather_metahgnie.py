"""MetaHGNIE with one row per membership, as in its formulas and the official implementation."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.models.metahgnie import MetaHGNIE
from hetgraph.models.metahgnie.block import Block
from hetgraph.models.metahgnie.semantic import SemanticLayer
from hetgraph.models.metahgnie.structural import StructuralLayer

__all__ = ["GatherMetaHGNIE"]


class _Structural(StructuralLayer):
    def forward(self, block: Block, x: Tensor, types: Tensor, *, equal: bool = False) -> Tensor:
        node, edge = _memberships(block)
        u = self.map(F.dropout(x, self.config.dropout, self.training))
        by_type = (types @ self.type_score.t())[block.edge_type]
        score = F.leaky_relu(self.node_score * u[node] + by_type[edge], self.config.negative_slope)
        weight = _softmax(score, edge, len(by_type))
        weight = F.dropout(weight, self.config.attention_dropout, self.training)
        states = u.new_zeros(len(by_type), u.shape[1]).index_add(0, edge, weight * u[node])
        own = x[block.kept]
        back = block.incidence.to_dense(x.dtype) @ states
        return F.relu(back + (own if self.skip is None else self.skip(own)))


class _Semantic(SemanticLayer):
    def forward(
        self, block: Block, x: Tensor, types: Tensor, filled: Tensor | None = None
    ) -> Tensor:
        rate, scale = self.config.dropout, self.config.hidden_dim**-0.5
        node, edge = _memberships(block)
        read = F.dropout(x, rate, self.training)
        own = F.dropout(x[block.kept], rate, self.training)
        keys = self._heads(self.edge_key(self.type_map(types[block.edge_type])))
        query, value = self._heads(self.member_query(read)), self._heads(self.member_value(read))
        score = (query[node] * keys[edge]).sum(2) * scale
        message = _softmax(score, edge, len(keys)).unsqueeze(2) * value[node]
        states = self.edge_out(torch.zeros_like(keys).index_add(0, edge, message).flatten(1))
        node, edge = (index.long() for index in block.incidence.coo())
        query, keys = self._heads(self.node_query(own)), self._heads(self.state_key(states))
        values = self._heads(self.state_value(states))
        score = (query[node] * keys[edge]).sum(2) * scale
        message = _softmax(score, node, len(own)).unsqueeze(2) * values[edge]
        mixed = torch.zeros_like(query).index_add(0, node, message).flatten(1)
        hidden = self.norm(self.node_out(mixed) + (own if self.skip is None else self.skip(own)))
        dense = F.dropout(self.dense(hidden), rate, self.training)
        result: Tensor = self.last_norm(hidden + dense)
        return result


class GatherMetaHGNIE(MetaHGNIE):
    """The same model over all nodes, with a contrastive loss on the matrix of all pairs."""

    structural_layer: ClassVar[type[StructuralLayer]] = _Structural
    semantic_layer: ClassVar[type[SemanticLayer]] = _Semantic

    def alignment(self, one: Tensor, other: Tensor) -> Tensor:
        """Returns the contrastive loss."""
        pairs = F.normalize(one) @ F.normalize(other).t() / self.config.temperature
        own = torch.arange(len(pairs))
        return (F.cross_entropy(pairs, own) + F.cross_entropy(pairs.t(), own)) / 2


def _memberships(block: Block) -> tuple[Tensor, Tensor]:
    """Returns the node and hyperedge of each membership, computed again in every step."""
    edge, node = block.members.coo()
    return node.long(), edge.long()


def _softmax(score: Tensor, group: Tensor, count: int) -> Tensor:
    index = group.unsqueeze(1).expand_as(score)
    top = score.new_full((count, score.shape[1]), -torch.inf)
    top = top.scatter_reduce(0, index, score.detach(), "amax")
    weight = (score - top[group]).exp()
    total = torch.zeros_like(top).index_add(0, group, weight)
    return weight / total[group]
