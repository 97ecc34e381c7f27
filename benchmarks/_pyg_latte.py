"""LATTE in the style of PyG's layers: gather over ``edge_index``, softmax, scatter.

PyG has no LATTE layer, so this is what a user would write with PyG's ``scatter``. The equations are
those of hetgraph's default: each head of a meta relation attends to the end nodes of its walks,
with a score of the end node and the weight of the walk. There are two variants:

- `ComposedLATTE` attends over composed edges, as the official implementation does;
- `HopLATTE` applies a softmax step by step, as hetgraph does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.utils import scatter

from hetgraph.benchmarks._pyg_peer import Graph, Peer, Triple
from hetgraph.data import CSR
from hetgraph.ops import spgemm

__all__ = ["ComposedLATTE", "HopLATTE"]

Walk = tuple[Triple, ...]


@dataclass(frozen=True)
class Hop:
    """The edges of one step, or composed edges.

    Args:
        edge_index: ``[2, num_edges]``.
        num_dst: Number of receiving nodes.
        log_weight: ``[num_edges, 1]`` logarithm of the edge weights; ``None`` for unit weights.
    """

    edge_index: Tensor
    num_dst: int
    log_weight: Tensor | None = None


class LATTE(Peer):
    """The concatenated orders: the default of :class:`hetgraph.models.latte.LATTE`."""

    def __init__(self, graph: Graph, config: Any) -> None:
        walks = _walks(graph, config.num_orders)
        tails = [{walk[-1][0] for walk in order} for order in walks]
        types = [
            key for key in graph.num_nodes if key == graph.target or key in set().union(*tails)
        ]
        dim = config.hidden_dim
        super().__init__(graph, config, types=types, dim=config.num_orders * dim)
        self.hops = [[self.plan(walk) for walk in order] for order in walks]
        self.walks = walks
        self.missing = [
            torch.stack([~_reached(hops) for hops in order] + [torch.zeros(size).bool()], 1)
            for order in self.hops
            if (size := graph.num_nodes[graph.target])
        ]
        self.left = nn.ModuleList(nn.Linear(dim, dim) for _ in walks)
        self.right: Any = nn.ModuleList(
            nn.ModuleDict({key: nn.Linear(dim, dim) for key in sorted(keys)}) for keys in tails
        )
        self.choice = nn.ModuleList(nn.Linear(dim, len(order) + 1) for order in walks)
        heads = (config.num_heads, dim // config.num_heads)
        self.attention = nn.ParameterList(torch.randn(len(order), *heads) for order in walks)
        self.gamma = nn.ParameterList(torch.ones(len(order)) for order in walks)

    def plan(self, walk: Walk) -> list[Hop]:
        """Returns the hops of a walk, from the tail to the target."""
        raise NotImplementedError

    def encode(self) -> Tensor:
        x = {
            key: self.drop(value.relu() if key in self.graph.x else value)
            for key, value in self.inputs().items()
        }
        near, out = x[self.graph.target], []
        for order in range(len(self.walks)):
            near = self._order(order, near, x)
            out.append(near)
        return F.dropout(torch.cat(out, 1), self.config.head_dropout, self.training)

    def _order(self, order: int, near: Tensor, x: dict[str, Tensor]) -> Tensor:
        """Returns ``[num_target_nodes, dim]``."""
        left, heads = self.left[order](near), self.config.num_heads
        right = {
            key: linear(x[key]).view(len(x[key]), heads, -1)
            for key, linear in self.right[order].items()
        }
        logits = self.choice[order](near).masked_fill(self.missing[order], -torch.inf)
        choice = logits.softmax(1)
        mixed = choice[:, -1:] * left
        for slot, walk in enumerate(self.walks[order]):
            value = right[walk[-1][0]]
            score = (value * self.attention[order][slot]).sum(-1) * self.gamma[order][slot]
            dropout = self.config.attention_dropout if self.training else 0.0
            for hop in self.hops[order][slot]:
                value, score = _attend(hop, value, score, dropout)
                dropout = 0.0
            mixed = mixed + choice[:, slot : slot + 1] * value.flatten(1)
        return self.drop(mixed.relu())


class ComposedLATTE(LATTE):
    """Attends over composed edges."""

    def plan(self, walk: Walk) -> list[Hop]:
        """Returns one hop."""
        if len(walk) == 1:
            return [self._step(walk[0])]
        left, right, weight = self._pair(walk)
        product = spgemm(left.with_weight(weight[left.indices.long()]), right)
        assert product.weight is not None
        dst, src = product.coo()
        index = torch.stack([src.long(), dst.long()])
        return [Hop(index, product.num_rows, product.weight.log().unsqueeze(1))]

    def _step(self, key: Triple) -> Hop:
        return Hop(self.graph.edge_index[key], self.graph.num_nodes[key[2]])

    def _pair(self, walk: Walk) -> tuple[CSR, CSR, Tensor]:
        """Returns both matrices of a walk and the ``[num_middle]`` weights of its middle nodes."""
        left, right = (self._csr(key) for key in walk)
        degree = left.transpose.degree + right.degree
        return left, right, degree.clamp(min=1).float().reciprocal()

    def _csr(self, key: Triple) -> CSR:
        src, dst = self.graph.edge_index[key]
        counts = self.graph.num_nodes
        return CSR.from_coo(dst, src, (counts[key[2]], counts[key[0]]))


class HopLATTE(ComposedLATTE):
    """Attends step by step, each time to the means and log-sum-exps of the previous step."""

    def plan(self, walk: Walk) -> list[Hop]:
        """Returns one hop per step."""
        if len(walk) == 1:
            return [self._step(walk[0])]
        _, _, weight = self._pair(walk)
        last, first = self._step(walk[0]), self._step(walk[1])
        log_weight = weight.log()[last.edge_index[0]].unsqueeze(1)
        return [first, Hop(last.edge_index, last.num_dst, log_weight)]


def _walks(graph: Graph, num_orders: int) -> list[list[Walk]]:
    """Returns the walks of each length, with the step into the target first."""
    if num_orders > 2:
        raise ValueError(f"num_orders is {num_orders}, expected 1 or 2.")
    orders: list[list[Walk]] = [[(key,) for key in graph.edge_index if key[2] == graph.target]]
    for _ in range(num_orders - 1):
        longer = [
            (*walk, key) for walk in orders[-1] for key in graph.edge_index if key[2] == walk[-1][0]
        ]
        orders.append(longer)
    return orders


def _attend(hop: Hop, value: Tensor, score: Tensor, dropout: float) -> tuple[Tensor, Tensor]:
    """Returns the softmax-weighted mean over the senders, and the log-sum-exp of the scores."""
    src, dst = hop.edge_index
    logit = score[src] if hop.log_weight is None else score[src] + hop.log_weight
    top = scatter(logit.detach(), dst, 0, hop.num_dst, "max")
    exponential = (logit - top[dst]).exp()
    total = scatter(exponential, dst, 0, hop.num_dst, "sum").clamp(min=1e-30)
    weight = F.dropout(exponential / total[dst], dropout)
    mean = scatter(value[src] * weight.unsqueeze(-1), dst, 0, hop.num_dst, "sum")
    return mean, total.log() + top


def _reached(hops: list[Hop]) -> Tensor:
    """Returns ``[num_target_nodes]`` bool: whether a walk reaches the node."""
    reached = torch.ones(int(hops[0].edge_index[0].max()) + 1)
    for hop in hops:
        src, dst = hop.edge_index
        reached = scatter(reached[src], dst, 0, hop.num_dst, "max")
    return reached > 0
