"""Negatives two steps away: near enough to be hard, not linked."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.ops import spgemm

__all__ = ["TwoHopSampler", "linked_pairs"]

_NONE = torch.zeros(0, dtype=torch.int64)
_BLOCK = 4096
"""Rows whose candidates are in memory together."""


def linked_pairs(graph: HeteroGraph, src: str, dst: str) -> CSR:
    """Returns the ``[num_src, num_dst]`` pattern of all edges between two types, either way."""
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
    """Draws nodes two steps from a source, whatever the relations, that are not linked to it.

    The protocol of HGB (Lv et al., KDD 2021) for negatives of link prediction: a candidate shares
    a neighbour with the source, and each draw is uniform among the candidates.

    Args:
        graph: Its edges count in both directions.
        src: Type of the sources.
        dst: Type of the nodes to draw.
        linked: ``[num_src, num_dst]`` pairs that are never drawn.
    """

    def __init__(self, graph: HeteroGraph, src: str, dst: str, linked: CSR) -> None:
        self._linked = linked
        steps = ((linked_pairs(graph, src, mid), mid) for mid in graph.node_types)
        self._steps = [(one, linked_pairs(graph, mid, dst)) for one, mid in steps if one.nnz]

    def candidates(self, rows: Tensor) -> CSR:
        """Returns the ``[len(rows), num_dst]`` pattern of what can be drawn for sources.

        O(paths of two steps from them), in time and memory.
        """
        known = self._linked.rows(rows)
        width = max(known.num_cols, 1)
        reached = [_codes(spgemm(first.rows(rows), second)) for first, second in self._steps]
        codes = reached[0] if len(reached) == 1 else torch.unique(torch.cat([_NONE, *reached]))
        keep = torch.ones(codes.numel(), dtype=torch.bool)
        linked = _codes(known)
        at = torch.searchsorted(codes, linked).clamp(max=max(codes.numel() - 1, 0))
        keep[at[codes[at] == linked] if codes.numel() else at[:0]] = False
        codes = codes[keep]
        start = torch.arange(known.num_rows + 1) * width
        return CSR(torch.searchsorted(codes, start), codes % width, known.num_cols)

    def draw(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Returns ``[n]`` int64 columns, one for each of ``[n]`` rows; -1 without a candidate.

        Args:
            rows: ``[n]`` int64 sources.
            generator: Source of chance.
        """
        share = torch.rand(rows.numel(), generator=generator, dtype=torch.float64)
        drawn = torch.full_like(rows, -1)
        for block in torch.unique(rows).split(_BLOCK):
            found = self.candidates(block)
            at = torch.isin(rows, block).nonzero().squeeze(1)
            local = torch.searchsorted(block, rows[at])
            count = found.degree[local]
            at, local, count = at[count > 0], local[count > 0], count[count > 0]
            place = found.indptr[local].long() + (share[at] * count).long()
            drawn[at] = found.indices[place].long()
        return drawn


def _codes(pattern: CSR) -> Tensor:
    """Returns ``[nnz]`` ascending numbers of the entries of a canonical pattern."""
    return pattern.row_ids * pattern.num_cols + pattern.indices.long()
