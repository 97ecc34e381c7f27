"""The part of a hypergraph that a layer needs to reach the wanted nodes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hetgraph.data import CSR, Hypergraph

__all__ = ["Block", "make_blocks"]


@dataclass(frozen=True, eq=False)
class Block:
    """Hyperedges around the wanted nodes and the members of these hyperedges.

    Args:
        members: ``[num_edges, num_in]`` the members of each hyperedge.
        incidence: ``[num_out, num_edges]`` the hyperedges of each wanted node.
        edge_type: ``[num_edges]`` types.
        kept: ``[num_out]`` where the wanted nodes stand among the members.
    """

    members: CSR
    incidence: CSR
    edge_type: Tensor
    kept: Tensor

    @property
    def edge_of(self) -> Tensor | None:
        """``[num_out]`` the one hyperedge of each wanted node, if each has one."""
        one_each = self.incidence.nnz == self.incidence.num_rows and bool(
            (self.incidence.degree == 1).all()
        )
        return self.incidence.indices.long() if one_each else None

    def to(self, device: torch.device | str) -> Block:
        """Returns it on ``device``."""
        return Block(
            self.members.to(device),
            self.incidence.to(device),
            self.edge_type.to(device),
            self.kept.to(device),
        )


def make_blocks(
    hypergraph: Hypergraph, wanted: Tensor, num_layers: int
) -> tuple[list[Block], Tensor]:
    """Returns the block of every layer, the first one first, and the nodes it reads.

    From the wanted nodes back, a layer needs their hyperedges and the members of these. Exact;
    O(num_layers * memberships).

    Args:
        hypergraph: On the CPU.
        wanted: ``[num_out]`` int64 nodes, ascending, for the last layer.
        num_layers: Number of layers.

    Returns:
        The blocks and ``[num_in]`` int64 nodes, ascending.
    """
    blocks: list[Block] = []
    for _ in range(num_layers):
        around = hypergraph.incidence.rows(wanted)
        edges = torch.unique(around.indices.long())
        sets = hypergraph.members.rows(edges)
        nodes = torch.unique(torch.cat([wanted, sets.indices.long()]))
        members = CSR.from_coo(
            sets.row_ids,
            torch.searchsorted(nodes, sets.indices.long()),
            (edges.numel(), nodes.numel()),
        )
        incidence = CSR.from_coo(
            around.row_ids,
            torch.searchsorted(edges, around.indices.long()),
            (wanted.numel(), edges.numel()),
        )
        kept = torch.searchsorted(nodes, wanted)
        blocks.insert(0, Block(members, incidence, hypergraph.edge_type[edges], kept))
        wanted = nodes
    return blocks, wanted
