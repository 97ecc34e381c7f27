"""One layer of the heterogeneous graph transformer with generated weights."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import CSR, EdgeType
from hetgraph.models.higpt.descriptions import TypeVectors
from hetgraph.models.higpt.generator import GeneratorKind, make_generator
from hetgraph.nn import merge_attention
from hetgraph.ops import edge_attention

__all__ = ["Activation", "Compat", "LayerWeights", "MetaLayer"]

Activation = Literal["gelu", "identity"]
Compat = Literal["mended", "released"]

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """All weights of a layer for a schema; they depend on no node, so they are generated once.

    Args:
        kqv: ``[dim, 3 dim]`` and ``[3 dim]`` by node type: keys, queries, values.
        out: ``[dim, dim]`` and ``[dim]`` by node type.
        gate: ``[]`` by node type, how much of the result is new.
        key: ``[head_dim, head_dim]`` and ``[head_dim]`` by edge type, one map for all heads.
        value: The same for the values.
        prior: ``[heads]`` by edge type, the factor of the scores.
    """

    kqv: Mapping[str, Pair]
    out: Mapping[str, Pair]
    gate: Mapping[str, Tensor]
    key: Mapping[EdgeType, Pair]
    value: Mapping[EdgeType, Pair]
    prior: Mapping[EdgeType, Tensor]


class MetaLayer(nn.Module):
    """Attention over all relations jointly, with every matrix generated from a description.

    ``[k q v] = x W_t + b_t``; over a relation ``k' = k A_r + a_r`` and ``v' = v B_r + c_r``; score
    ``prior_r <q, k'> / sqrt(head_dim)``, softmax over all edges into a node;
    ``y = norm(g_t (act(z) O_t + o_t) + (1 - g_t) x)``. No parameter depends on the
    size of the schema.

    Args:
        type_dim: Dim of the vectors of types.
        dim: Dim of inputs and outputs.
        num_heads: Attention heads, a divisor of ``dim``.
        generator: Kind of the generators.
        rank: Rank of low-rank ones.
        activation: Activation of the attended values.
        norm: Whether the result is layer-normalised.
        gate: Whether old and new are mixed by a gate of the type; otherwise they are added.
        compat: ``"released"`` transforms only the first head and sets the others to zero, a
            deterministic stand-in for memory that the official implementation leaves
            uninitialised.

    Source: HiGPT, official implementation, ``MetaHGTConv``.
    """

    def __init__(
        self,
        type_dim: int,
        dim: int,
        num_heads: int,
        *,
        generator: GeneratorKind = "low-rank",
        rank: int = 16,
        activation: Activation = "gelu",
        norm: bool = True,
        gate: bool = True,
        compat: Compat = "mended",
    ) -> None:
        super().__init__()
        self.num_heads, self.activation, self.compat = num_heads, activation, compat
        head_dim = dim // num_heads
        self.kqv = make_generator(generator, type_dim, dim, 3 * dim, rank)
        self.out = make_generator(generator, type_dim, dim, dim, rank)
        self.key = make_generator(generator, type_dim, head_dim, head_dim, min(rank, head_dim))
        self.value = make_generator(generator, type_dim, head_dim, head_dim, min(rank, head_dim))
        self.prior = nn.Linear(type_dim, num_heads)
        self.gate = nn.Linear(type_dim, 1) if gate else None
        self.norm = nn.LayerNorm(dim, eps=1e-6) if norm else None
        if generator == "low-rank":
            nn.init.ones_(self.prior.bias)  # as in HGT; the official implementation starts near 0

    def weights(self, types: TypeVectors) -> LayerWeights:
        """Generates the weights of a schema."""
        nodes, edges = list(types.nodes), list(types.edges)
        node = torch.stack(list(types.nodes.values()))
        type_dim = node.shape[1]
        edge = torch.stack(list(types.edges.values())) if edges else node.new_zeros(0, type_dim)
        gate = torch.ones(len(nodes)) if self.gate is None else self.gate(node).sigmoid()[:, 0]
        return LayerWeights(
            kqv=_pairs(nodes, self.kqv(node)),
            out=_pairs(nodes, self.out(node)),
            gate=dict(zip(nodes, gate, strict=True)),
            key=_pairs(edges, self.key(edge)),
            value=_pairs(edges, self.value(edge)),
            prior=dict(zip(edges, self.prior(edge), strict=True)),
        )

    def forward(
        self,
        x: Mapping[str, Tensor],
        relations: Mapping[EdgeType, CSR],
        weights: LayerWeights,
        *,
        outputs: Collection[str] | None = None,
        fractions: dict[EdgeType, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Returns ``[num_nodes, dim]`` by type.

        O(nodes dim^2 + edges dim); no tensor with one row per edge has more than ``heads`` columns.

        Args:
            x: ``[num_nodes, dim]`` by type.
            relations: ``[num_dst, num_src]`` by edge type.
            weights: Of the schema.
            outputs: Types to compute; ``None``: all.
            fractions: If given, gets the fraction of a node's attention that each relation
                receives, ``[num_dst, heads]``.
        """
        wanted = [name for name in x if outputs is None or name in outputs]
        live = [key for key in relations if key.dst in wanted and relations[key].nnz]
        read = {name for key in live for name in key[::2]}
        projected = {name: self._split(x[name], weights.kqv[name]) for name in x if name in read}
        result = {}
        for name in wanted:
            arriving = [key for key in live if key.dst == name]
            attended = [self._attend(key, relations[key], projected, weights) for key in arriving]
            if attended:
                message, split = merge_attention(attended)
                message = message.flatten(1)
                if fractions is not None:
                    fractions.update(zip(arriving, split.unbind(), strict=True))
            else:
                message = torch.zeros_like(x[name])
            result[name] = self._update(x[name], message, weights.out[name], weights.gate[name])
        return result

    def _split(self, x: Tensor, maps: Pair) -> tuple[Tensor, Tensor, Tensor]:
        """Returns keys, queries and values, ``[num_nodes, heads, head_dim]`` each."""
        joint = torch.addmm(maps[1], x, maps[0]).view(len(x), 3, self.num_heads, -1)
        key, query, value = joint.unbind(1)
        return key, query, value

    def _attend(
        self,
        edge_type: EdgeType,
        relation: CSR,
        projected: Mapping[str, tuple[Tensor, Tensor, Tensor]],
        weights: LayerWeights,
    ) -> Pair:
        """Returns the attention over a single relation and its log-sum-exp."""
        key, _, value = projected[edge_type.src]
        _, query, _ = projected[edge_type.dst]
        factor = weights.prior[edge_type].unsqueeze(1) / math.sqrt(query.shape[2])
        key = self._mapped(key, weights.key[edge_type]) * factor
        value = self._mapped(value, weights.value[edge_type])
        return edge_attention(
            relation,
            query.contiguous(),
            key.contiguous(),
            value.contiguous(),
            scale=1.0,
            return_logsumexp=True,
        )

    def _mapped(self, heads: Tensor, maps: Pair) -> Tensor:
        if self.compat == "mended":
            return heads @ maps[0] + maps[1]
        first = heads[:, :1] @ maps[0] + maps[1]
        return F.pad(first, (0, 0, 0, self.num_heads - 1))

    def _update(self, x: Tensor, message: Tensor, maps: Pair, gate: Tensor) -> Tensor:
        if self.activation == "gelu":
            message = F.gelu(message)
        new = torch.addmm(maps[1], message.to(x.dtype), maps[0])
        mixed = x + new if self.gate is None else torch.lerp(x.to(new.dtype), new, gate.to(new))
        return mixed if self.norm is None else self.norm(mixed)


def _pairs(names: list[Any], made: Pair) -> dict[Any, Pair]:
    return {name: (w, b) for name, w, b in zip(names, *made, strict=True)}
