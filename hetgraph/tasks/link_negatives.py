"""Negative pairs: those that links are told from."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError
from hetgraph.sampling import TwoHopSampler, UnseenSampler, linked_pairs

__all__ = ["LinkNegatives"]


class LinkNegatives:
    """Draws for each link another destination, of the same type, that is not linked to the source.

    Not linked: by no relation, in no direction, in no split.

    Args:
        graph: The graph.
        edge_type: The relation of the links.
        held: ``[2, n]`` links of it that may lack in the graph.
        two_hop: Whether the destination must share a neighbour with the source.
    """

    def __init__(
        self, graph: HeteroGraph, edge_type: EdgeType, held: Tensor, *, two_hop: bool
    ) -> None:
        src, dst = edge_type.src, edge_type.dst
        everything = _with_edges(graph, edge_type, held)
        linked = linked_pairs(everything, src, dst)
        if src == dst:
            linked = _with_diagonal(linked)
        self._sampler: TwoHopSampler | UnseenSampler
        if two_hop:
            self._sampler = TwoHopSampler(everything, src, dst, linked)
        else:
            try:
                self._sampler = UnseenSampler(linked)
            except DataError as error:
                raise DataError(f"links of ({edge_type}), {src!r} {error}") from error

    def __call__(self, links: Tensor, generator: torch.Generator) -> Tensor:
        """Returns ``[2, m]`` pairs, one for each of the ``[2, n]`` links that has a candidate."""
        drawn = self._sampler.draw(links[0], generator)
        return torch.stack([links[0], drawn])[:, drawn >= 0]


def _with_edges(graph: HeteroGraph, key: EdgeType, pairs: Tensor) -> HeteroGraph:
    """Returns the graph with further edges in a relation, of which it keeps the pattern alone."""
    relation = graph.relations[key]
    src, dst = torch.cat([torch.stack(relation.edges()), pairs], dim=1)
    return graph.with_relation(
        key, Relation.from_edges(src, dst, relation.num_src, relation.num_dst)
    )


def _with_diagonal(pattern: CSR) -> CSR:
    nodes = torch.arange(pattern.num_rows)
    rows = torch.cat([pattern.row_ids, nodes])
    cols = torch.cat([pattern.indices.long(), nodes])
    return CSR.from_coo(rows, cols, pattern.shape).coalesced("binary")
