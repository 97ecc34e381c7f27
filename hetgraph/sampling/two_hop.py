"""Hard negative samples: nodes two hops away that are not linked to the source."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.ops import spgemm

__all__ = ["TwoHopSampler", "linked_pairs"]

_NONE = torch.zeros(0, dtype=torch.int64)
_BLOCK = 4096
"""Number of rows whose candidates are held in memory at a time."""


def linked_pairs(graph: HeteroGraph, src: str, dst: str) -> CSR:
    """Returns the ``[num_src, num_dst]`` pattern of all edges between two types, in any direction.

    Args:
        graph: The graph.
        src: Node type of the rows.
        dst: Node type of the columns.

    Raises:
        SchemaError: If a type is unknown.

    Example:
        >>> from hetgraph.data import Relation
        >>> writes = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([0, 0]), 2, 1)
        >>> graph = HeteroGraph(
        ...     num_nodes={"author": 2, "paper": 1},
        ...     relations={("author", "writes", "paper"): writes},
        ... )
        >>> linked_pairs(graph, "paper", "author").to_dense()
        tensor([[1., 1.]])
    """
    src, dst = graph.schema.node_type(src), graph.schema.node_type(dst)
    rows, cols = [_NONE], [_NONE]
    for key, relation in graph.relations.items():
        tail, head = relation.edges()
        if (key.src, key.dst) == (src, dst):
            rows.append(tail)
            cols.append(head)
        if (key.dst, key.src) == (src, dst):
            rows.append(head)
            cols.append(tail)
    shape = (graph.num_nodes[src], graph.num_nodes[dst])
    return CSR.from_coo(torch.cat(rows), torch.cat(cols), shape).coalesced("binary")


class TwoHopSampler:
    """Draws nodes two hops from a source, over any relations, that are not linked to it.

    HGB's protocol (Lv et al., KDD 2021) for negative pairs of link prediction: a candidate shares a
    neighbour with the source, and draws are uniform among the candidates.

    Args:
        graph: The graph, whose edges are used in both directions.
        src: Type of the sources.
        dst: Type of the nodes to draw.
        linked: ``[num_src, num_dst]`` pairs that are never drawn.

    Example:
        >>> from hetgraph.data import Relation
        >>> writes = Relation.from_edges(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2, 2)
        >>> graph = HeteroGraph(
        ...     num_nodes={"author": 2, "paper": 2},
        ...     relations={("author", "writes", "paper"): writes},
        ... )
        >>> linked = linked_pairs(graph, "author", "author")
        >>> sampler = TwoHopSampler(graph, "author", "author", linked)
        >>> sampler.candidates(torch.tensor([0]))
        CSR(1 x 2, 2)
    """

    def __init__(self, graph: HeteroGraph, src: str, dst: str, linked: CSR) -> None:
        self._linked = linked
        steps = ((linked_pairs(graph, src, mid), mid) for mid in graph.node_types)
        self._steps = [(first, linked_pairs(graph, mid, dst)) for first, mid in steps if first.nnz]

    def candidates(self, rows: Tensor) -> CSR:
        """Returns the ``[len(rows), num_dst]`` pattern of the candidates of each source.

        O(number of two-hop paths from the sources), in time and memory.
        """
        known = self._linked.rows(rows)
        num_cols = max(known.num_cols, 1)
        reached = [_codes(spgemm(first.rows(rows), second)) for first, second in self._steps]
        codes = reached[0] if len(reached) == 1 else torch.unique(torch.cat([_NONE, *reached]))
        keep = torch.ones(codes.numel(), dtype=torch.bool)
        linked = _codes(known)
        at = torch.searchsorted(codes, linked).clamp(max=max(codes.numel() - 1, 0))
        keep[at[codes[at] == linked] if codes.numel() else at[:0]] = False
        codes = codes[keep]
        start = torch.arange(known.num_rows + 1) * num_cols
        return CSR(torch.searchsorted(codes, start), codes % num_cols, known.num_cols)

    def draw(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Returns ``[n]`` int64 columns, one per row of ``rows``; -1 if a row has no candidate.

        Args:
            rows: ``[n]`` int64 sources.
            generator: Random generator.
        """
        uniform = torch.rand(rows.numel(), generator=generator, dtype=torch.float64)
        drawn = torch.full_like(rows, -1)
        for block in torch.unique(rows).split(_BLOCK):
            candidates = self.candidates(block)
            at = torch.isin(rows, block).nonzero().squeeze(1)
            local = torch.searchsorted(block, rows[at])
            count = candidates.degree[local]
            at, local, count = at[count > 0], local[count > 0], count[count > 0]
            place = candidates.indptr[local].long() + (uniform[at] * count).long()
            drawn[at] = candidates.indices[place].long()
        return drawn


def _codes(pattern: CSR) -> Tensor:
    """Returns ``[nnz]`` ascending keys of the entries of a canonical pattern."""
    return pattern.row_ids * pattern.num_cols + pattern.indices.long()
