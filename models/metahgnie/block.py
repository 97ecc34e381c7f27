"""The part of a hypergraph that a layer needs for the requested nodes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hetgraph.data import CSR, Hypergraph

__all__ = ["Block", "make_blocks"]


@dataclass(frozen=True, eq=False)
class Block:
    """Hyperedges of the requested nodes and the members of these hyperedges.

    Args:
        members: ``[num_edges, num_in]`` members of each hyperedge.
        incidence: ``[num_out, num_edges]`` hyperedges of each requested node.
        edge_type: ``[num_edges]`` hyperedge types.
        kept: ``[num_out]`` positions of the requested nodes among the members.
    """

    members: CSR
    incidence: CSR
    edge_type: Tensor
    kept: Tensor

    @property
    def edge_of(self) -> Tensor | None:
        """``[num_out]`` hyperedge of each requested node, if each has exactly one."""
        unique = self.incidence.nnz == self.incidence.num_rows and bool(
            (self.incidence.degree == 1).all()
        )
        return self.incidence.indices.long() if unique else None

    def to(self, device: torch.device | str) -> Block:
        """Returns it on ``device``."""
        return Block(
            self.members.to(device),
            self.incidence.to(device),
            self.edge_type.to(device),
            self.kept.to(device),
        )


def make_blocks(
    hypergraph: Hypergraph, nodes: Tensor, num_layers: int
) -> tuple[list[Block], Tensor]:
    """Returns the block of every layer, first layer first, and the nodes that layer reads.

    Backwards from the requested nodes, a layer needs their hyperedges and the members of these.
    The blocks are exact, not sampled. O(num_layers * memberships).

    Args:
        hypergraph: The whole hypergraph, on the CPU.
        nodes: ``[num_out]`` int64 outputs of the last layer, ascending.
        num_layers: Number of layers.

    Returns:
        The blocks, and ``[num_in]`` int64 inputs of the first layer, ascending.
    """
    blocks: list[Block] = []
    for _ in range(num_layers):
        around = hypergraph.incidence.rows(nodes)
        edges = torch.unique(around.indices.long())
        sets = hypergraph.members.rows(edges)
        sources = torch.unique(torch.cat([nodes, sets.indices.long()]))
        members = CSR.from_coo(
            sets.row_ids,
            torch.searchsorted(sources, sets.indices.long()),
            (edges.numel(), sources.numel()),
        )
        incidence = CSR.from_coo(
            around.row_ids,
            torch.searchsorted(edges, around.indices.long()),
            (nodes.numel(), edges.numel()),
        )
        kept = torch.searchsorted(sources, nodes)
        blocks.insert(0, Block(members, incidence, hypergraph.edge_type[edges], kept))
        nodes = sources
    return blocks, nodes
