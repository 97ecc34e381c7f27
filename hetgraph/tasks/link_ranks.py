"""Ranks of held-out links among all candidates, other true links left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType
from hetgraph.metrics import Ties, candidate_ranks, link_ranking_metrics
from hetgraph.nn.decoders import Side
from hetgraph.tasks.predictions import PairPredictions

__all__ = ["LinkRanks", "TrueLinks", "rank_links"]

_SCORES = 1 << 24
"""Scores that are in memory together."""


@dataclass(frozen=True, eq=False)
class TrueLinks:
    """All links of every relation, in both directions: ``[num_src, num_dst]`` and its transpose."""

    by_relation: tuple[Mapping[Side, CSR], ...]

    @classmethod
    def of(
        cls, keys: Sequence[EdgeType], num_nodes: Mapping[str, int], links: Sequence[Tensor]
    ) -> TrueLinks:
        """Collects ``[2, n]`` links of each relation."""
        tables: list[Mapping[Side, CSR]] = []
        for key, (src, dst) in zip(keys, links, strict=True):
            there = CSR.from_coo(src, dst, (num_nodes[key.src], num_nodes[key.dst]))
            there = there.coalesced("binary").with_weight(None)
            tables.append({"dst": there, "src": there.transpose})
        return cls(tuple(tables))


@dataclass(frozen=True, eq=False)
class LinkRanks:
    """Filtered ranks of links, one per link and direction.

    Args:
        ranks: ``[2 * num_links]`` float64, from 1.
        kinds: ``[2 * num_links]`` position of the relation.
    """

    ranks: Tensor
    kinds: Tensor

    @property
    def count(self) -> int:
        """Number of ranks."""
        return self.ranks.numel()

    def of(self, position: int) -> LinkRanks:
        """Returns the ranks of one relation."""
        own = self.kinds == position
        return LinkRanks(self.ranks[own], self.kinds[own])

    def metrics(self, hits: Sequence[int]) -> dict[str, float]:
        """Returns ``mrr mean_rank hits@K`` over both directions."""
        return link_ranking_metrics(self.ranks, hits)


def rank_links(
    vectors: PairPredictions, links: Tensor, kinds: Tensor, true: TrueLinks, ties: Ties
) -> LinkRanks:
    """Ranks both ends of links; O(num_links * num_candidates * dim) in blocks of fixed memory.

    Args:
        vectors: What a method predicts.
        links: ``[2, n]`` held-out links.
        kinds: ``[n]`` position of each link's relation.
        true: All true links, which do not compete with each other.
        ties: How equal scores rank.
    """
    ranks, order = [], []
    for position, tables in enumerate(true.by_relation):
        own = links[:, kinds == position]
        sides: tuple[tuple[Side, int], ...] = (("dst", 0), ("src", 1))
        for side, row in sides:
            table = tables[side]
            block = max(1, _SCORES // max(table.num_cols, 1))
            parts = (torch.split(own[end], block) for end in (row, 1 - row))
            for known, wanted in zip(*parts, strict=True):
                scores = vectors.candidates(known, position, side)
                ranks.append(candidate_ranks(scores, wanted, table.rows(known), ties))
        order.append(torch.full((2 * own.shape[1],), position))
    return LinkRanks(torch.cat(ranks), torch.cat(order))
