"""One order: attention within each meta relation, then a choice among them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data.csr import CSR
from hetgraph.models.latte.attention import RelationAttention, Scores, attend, attention_of
from hetgraph.models.latte.build import Links
from hetgraph.models.latte.config import LATTEConfig
from hetgraph.models.latte.links import Link
from hetgraph.models.latte.relations import MetaRelation, OrderPlan
from hetgraph.nn import TypeDict
from hetgraph.nn.features import TypeEncoder
from hetgraph.ops import dropout

__all__ = ["Order", "OrderOutput", "ScoredEdges"]

Features = Tensor | CSR


@dataclass(eq=False)
class ScoredEdges:
    """The edges of a meta relation as a step has used them.

    Args:
        csr: Edges.
        value: ``[nnz]`` their edge weights or composed values; ``None`` for ones.
        known: All edges, where ``csr`` is a draw from them.
        scores: Scores of the head nodes and of the tail nodes.
        weights: ``[nnz, attention_heads]`` attention, where it was kept.
    """

    csr: CSR
    value: Tensor | None
    known: CSR
    scores: Scores
    weights: Tensor | None


@dataclass(eq=False)
class OrderOutput:
    """What an order has computed.

    Args:
        hidden: ``[num_nodes, hidden_dim]`` by node type.
        choice: ``[num_nodes, num_relations + 1]`` weights by node type; the last is the node's own.
        edges: By meta relation; chains, which have no edges, are left out.
    """

    hidden: dict[str, Tensor] = field(default_factory=dict)
    choice: dict[str, Tensor] = field(default_factory=dict)
    edges: dict[MetaRelation, ScoredEdges] = field(default_factory=dict)


class Order(nn.Module):
    """The representations of one order.

    Args:
        plan: What it computes.
        dims: Dimension of the input of each node type.
        embedded: Types whose input is a learned vector; without a shared projection it stands for
            the projected one.
        config: The settings.
    """

    def __init__(
        self,
        plan: OrderPlan,
        dims: Mapping[str, int],
        embedded: frozenset[str],
        config: LATTEConfig,
    ) -> None:
        super().__init__()
        self.plan, self.config = plan, config
        first = plan.order == 1
        learned = frozenset() if config.shared_input else embedded
        hidden = dict.fromkeys(dims, config.hidden_dim)
        near = dims if first else hidden
        self.left = _projections(plan.outputs, near, learned if first else (), config)
        fresh = first or config.context == "input"
        far = dims if fresh else hidden
        self.right = _projections(plan.tails, far, learned if fresh else (), config)
        self.attention = nn.ModuleList(RelationAttention(config) for _ in plan.relations)
        self.choice = TypeDict(
            {
                name: TypeEncoder(near[name], len(plan.into(name)) + 1)
                for name in plan.outputs
                if plan.into(name) and config.choose
            }
        )
        self._slots = {relation: slot for slot, relation in enumerate(plan.relations)}

    def forward(
        self, x: Mapping[str, Features], previous: Mapping[str, Tensor], links: Links
    ) -> OrderOutput:
        """Returns the representations.

        Args:
            x: Input of each node type.
            previous: Representations of the order before; empty for the first order.
            links: The edges of each meta relation.
        """
        near: Mapping[str, Features] = previous or x
        far = near if self.config.context == "previous" else x
        left = {name: self.left[name](near[name]) for name in self.plan.outputs}
        right = {name: self._by_head(self.right[name](far[name])) for name in self.plan.tails}
        out = OrderOutput()
        for name in self.plan.outputs:
            relations = self.plan.into(name)
            read = left[name] if self._reads_projection else near[name]
            choice = self._choose(
                name, read, [links[relation] for relation in relations], left[name]
            )
            mixed = choice[:, -1:] * left[name]
            for slot, relation in enumerate(relations):
                z = self._attend(relation, links[relation], left[name], right[relation.tail], out)
                mixed.addcmul_(choice[:, slot : slot + 1], z)  # never [num_nodes, slots, dim]
            hidden = dropout(F.relu(mixed), self.config.dropout, self.training)
            out.hidden[name], out.choice[name] = hidden, choice
        return out

    @property
    def _reads_projection(self) -> bool:
        return self.plan.order > 1 and self.config.choice_input == "projection"

    def _by_head(self, x: Tensor) -> Tensor:
        heads = self.config.num_heads
        return x.view(x.shape[0], heads, x.shape[1] // heads)  # -1 fails without nodes

    def _attend(
        self, relation: MetaRelation, link: Link, left: Tensor, right: Tensor, out: OrderOutput
    ) -> Tensor:
        """Returns ``[num_heads, hidden_dim]`` and notes the scored edges."""
        scores = self.attention[self._slots[relation]](self._by_head(left), right)
        slope, weights = self.config.negative_slope, None
        used = link.sampled() if self.training else link
        if not link.is_chain:
            if self.config.needs_weights:
                weights = attention_of(used.csr, scores, slope)
            out.edges[relation] = ScoredEdges(used.csr, used.value, link.csr, scores, weights)
        z = attend(
            used,
            right,
            scores,
            negative_slope=slope,
            dropout_p=self.config.attention_dropout if self.training else 0.0,
            weights=weights,
        )
        return z.flatten(1)

    def _choose(self, name: str, read: Features, links: list[Link], like: Tensor) -> Tensor:
        """Returns ``[num_nodes, num_relations + 1]`` weights that sum to one."""
        size = (like.shape[0], len(links) + 1)
        logits = self.choice[name](read) if name in self.choice else like.new_zeros(size)
        if self.config.mask != "none":
            logits = logits.masked_fill(self._missing(links, like), -torch.inf)
        return logits.softmax(1)

    def _missing(self, links: list[Link], like: Tensor) -> Tensor:
        """Returns which slots are masked; the last, the node's own, never is."""
        own = torch.zeros(like.shape[0], 1, dtype=torch.bool, device=like.device)
        if self.config.mask == "empty":
            return torch.cat([*(own | link.is_empty for link in links), own], 1)
        return torch.cat([*(~link.reached.unsqueeze(1) for link in links), own], 1)


def _projections(
    names: Collection[str],
    dims: Mapping[str, int],
    projected: Collection[str],
    config: LATTEConfig,
) -> TypeDict[nn.Module]:
    """Returns an affine map for each type, and none for those whose input is projected already."""
    return TypeDict(
        {
            name: nn.Identity() if name in projected else TypeEncoder(dims[name], config.hidden_dim)
            for name in names
        }
    )
