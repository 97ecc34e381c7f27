"""One layer of the heterogeneous graph transformer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import CSR, EdgeType
from hetgraph.nn import (
    EdgeInputs,
    EdgeMaps,
    LayerPlan,
    Merge,
    TypeDict,
    average_attention,
    merge_attention,
)
from hetgraph.ops import (
    dropout,
    edge_attention,
    sddmm,
    segment_logsumexp,
    segment_softmax,
    spmm,
)

__all__ = ["HGTLayer"]


class HGTLayer(nn.Module):
    """Mutual attention of the nodes and all their neighbours, over all relations at once.

    The score of an edge is ``prior_r <q_i, k_j A_r> / sqrt(head_dim)``, its message ``v_j M_r``;
    keys, queries and values are typed by node, the head-wise matrices ``A_r`` and ``M_r`` by
    relation. The softmax runs over the edges of all relations into a node; each relation is
    attended to by itself and the results are merged by their log-sum-exps.

    Where edges have weights ``w_e`` or inputs ``f_e`` (see :class:`~hetgraph.nn.EdgeReader`), the
    score gets ``<c_r, f_e> + log(w_e)`` and the message ``f_e N_r``.

    Args:
        plan: Relations and types of the layer.
        dim: Dimension of inputs and outputs.
        num_heads: Attention heads, a divisor of ``dim``.
        dropout: Fraction of the output that is dropped.
        norm: Whether the output is layer-normalised, by type.
        merge: How the attentions over the relations become one.
        edge_dims: Dimension of the inputs of edges by relation, where they have some.
    """

    def __init__(
        self,
        plan: LayerPlan,
        dim: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        norm: bool = False,
        merge: Merge = "softmax",
        edge_dims: Mapping[EdgeType, int] | None = None,
    ) -> None:
        super().__init__()
        self.merge = merge_attention if merge == "softmax" else average_attention
        self.plan, self.num_heads, self.dropout = plan, num_heads, dropout
        self._sent = Counter(key.src for key in plan.edge_types)
        self._received = Counter(key.dst for key in plan.edge_types)
        joint = merge == "softmax"  # within one relation a key's bias cancels
        sources = [name for name in plan.inputs if name in self._sent]
        receivers = [name for name in plan.outputs if name in self._received]
        self.key = TypeDict(
            {t: nn.Linear(dim, dim, bias=joint and _needs_bias(plan, t)) for t in sources}
        )
        self.value = TypeDict({t: nn.Linear(dim, dim) for t in sources})
        self.query = TypeDict({t: nn.Linear(dim, dim) for t in receivers})
        self.out = TypeDict({t: nn.Linear(dim, dim) for t in receivers})
        self.norm = TypeDict({t: nn.LayerNorm(dim) for t in receivers}) if norm else None
        count, head_dim = len(plan.edge_types), dim // num_heads
        self.attend = nn.Parameter(torch.empty(count, num_heads, head_dim, head_dim))
        self.send = nn.Parameter(torch.empty(count, num_heads, head_dim, head_dim))
        self.prior = nn.Parameter(torch.ones(count, num_heads))
        self.skip = nn.Parameter(torch.ones(len(receivers)))
        self.edge_maps = EdgeMaps(edge_dims or {}, num_heads, head_dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws Xavier-uniform matrices."""
        for matrix in (*self.attend.flatten(0, 1), *self.send.flatten(0, 1)):
            nn.init.xavier_uniform_(matrix)

    def forward(
        self,
        x: Mapping[str, Tensor],
        relations: Mapping[EdgeType, CSR],
        fractions: dict[EdgeType, Tensor] | None = None,
        edges: Mapping[EdgeType, EdgeInputs] | None = None,
    ) -> dict[str, Tensor]:
        """Returns ``[num_nodes, dim]`` of the plan's output types.

        Args:
            x: ``[num_nodes, dim]`` of its input types.
            relations: Its relations.
            fractions: Filled, if given, with the fraction of a node's attention that goes to each
                relation, ``[num_dst, heads]``; all zero for nodes without neighbours.
            edges: What the edges carry, of the relations where it is something.
        """
        attended = self._attended(x, relations, edges or {})
        out = {name: x[name] for name in self.plan.outputs}  # types without messages stay
        for gate, name in zip(self.skip.sigmoid(), self.query, strict=True):
            assert isinstance(name, str)  # node types
            arriving = self.plan.into(name)
            message, weights = self.merge([attended.pop(key) for key in arriving])
            if fractions is not None:
                fractions.update(zip(arriving, weights.unbind(), strict=True))
            mapped = self.out[name](F.gelu(message.flatten(1)))
            # Under autocast the dtypes differ, which lerp does not allow.
            mixed = torch.lerp(x[name].to(mapped.dtype), mapped, gate.to(mapped.dtype))
            if self.norm is not None:
                mixed = self.norm[name](mixed)
            out[name] = dropout(mixed, self.dropout, self.training)
        return out

    def _attended(
        self,
        x: Mapping[str, Tensor],
        relations: Mapping[EdgeType, CSR],
        edges: Mapping[EdgeType, EdgeInputs],
    ) -> dict[EdgeType, tuple[Tensor, Tensor]]:
        """Returns the attention over each relation alone and its log-sum-exp."""
        shared: dict[nn.Module, Tensor] = {}

        def plain(linear: nn.Linear, given: Tensor) -> Tensor:
            if linear not in shared:
                heads = (self.num_heads, linear.out_features // self.num_heads)
                shared[linear] = linear(given).view(len(given), *heads)
            return shared[linear]

        out = {}
        scale = self.prior / math.sqrt(self.attend.shape[-1])
        scaled = self.attend * scale[..., None, None]
        for edge_type, attend, send in zip(self.plan.edge_types, scaled, self.send, strict=True):
            relation, source, target = relations[edge_type], x[edge_type.src], x[edge_type.dst]
            key, value = self.key[edge_type.src], self.value[edge_type.src]
            query = self.query[edge_type.dst]
            if self._maps_source(edge_type, relation):
                q, k = plain(query, target), _mapped(key, attend, source)
            else:
                q, k = _mapped(query, attend.mT, target), plain(key, source)
            maps_first = self._sent[edge_type.src] == 1 or relation.num_cols < relation.num_rows
            v = _mapped(value, send, source) if maps_first else plain(value, source)
            mean, lse, sent = self._attend(edge_type, relation, (q, k, v), edges.get(edge_type))
            if not maps_first:
                mean = torch.einsum("nhi,hio->nho", mean, send)
            out[edge_type] = mean if sent is None else mean + sent, lse
        return out

    def _attend(
        self,
        edge_type: EdgeType,
        relation: CSR,
        qkv: tuple[Tensor, Tensor, Tensor],
        edge: EdgeInputs | None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Returns the mean of the values, the log-sum-exp, and what the inputs of edges send."""
        query, key, value = qkv
        if edge is None or edge.values is None:
            given = {} if edge is None or edge.log_weight is None else _as_scores(edge, query)
            mean, lse = edge_attention(
                relation, query, key, value, scale=1.0, return_logsumexp=True, **given
            )
            return mean, lse, None
        maps = self.edge_maps[edge_type]
        scores = sddmm(relation, query, key) + maps.scores(edge)
        if edge.log_weight is not None:
            scores = scores + edge.log_weight.unsqueeze(1)
        alpha = segment_softmax(relation.indptr, scores)
        sent = maps.messages(edge, alpha)
        return spmm(relation, value, alpha), segment_logsumexp(relation.indptr, scores), sent

    def _maps_source(self, edge_type: EdgeType, relation: CSR) -> bool:
        """Whether ``A_r`` goes to the keys: where nothing else reads them, or nodes are fewer."""
        if self._sent[edge_type.src] == 1 or self._received[edge_type.dst] == 1:
            return self._sent[edge_type.src] == 1
        return relation.num_cols < relation.num_rows


def _as_scores(edge: EdgeInputs, query: Tensor) -> dict[str, Any]:
    """The logarithms of weights as scores of all heads, which no ReLU bends."""
    assert edge.log_weight is not None  # the caller saw it
    scores = edge.log_weight.unsqueeze(1).expand(-1, query.shape[1])
    return {"edge_score": scores, "negative_slope": 1.0}


def _mapped(linear: nn.Linear, maps: Tensor, x: Tensor) -> Tensor:
    """Returns ``[num_nodes, heads, head_dim]``: ``linear(x)``, each head times its matrix.

    The matrices are multiplied into the weight, which is small, not into the result.
    """
    heads, head_dim, _ = maps.shape
    weight = (maps.mT @ linear.weight.view(heads, head_dim, -1)).flatten(0, 1)
    bias: Tensor | None = linear.bias
    if bias is not None:
        bias = (maps.mT @ bias.view(heads, head_dim, 1)).flatten()
    return F.linear(x, weight, bias).view(len(x), heads, head_dim)


def _needs_bias(plan: LayerPlan, source: str) -> bool:
    """Whether a constant in the keys of a type can change anything.

    It shifts all scores of a relation into a node alike, which the softmax removes unless edges
    of another relation arrive there too.
    """
    return any(key.src == source and len(plan.into(key.dst)) > 1 for key in plan.edge_types)
