"""Neighbours that are drawn by the ids of both ends."""

from __future__ import annotations

import torch

from hetgraph.data import Relation
from hetgraph.models.han.neighbors import sample_by_ids

KEYS = torch.randperm(10**6, generator=torch.Generator().manual_seed(0))[:40]


def pattern(order: torch.Tensor) -> Relation:
    """Everybody near everybody, with the nodes in an order."""
    size = order.numel()
    src, dst = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return Relation.from_edges(src.reshape(-1), dst.reshape(-1), size, size)


def drawn(order: torch.Tensor, seed: int = 5) -> set[tuple[int, int]]:
    rows, cols = sample_by_ids(pattern(order), 6, KEYS[order], seed).coo()
    return {(int(order[r]), int(order[c])) for r, c in zip(rows, cols, strict=True)}


def test_the_order_of_nodes_does_not_matter() -> None:
    order = torch.arange(40)
    assert drawn(order) == drawn(order.flip(0))
    assert len(drawn(order)) == 40 * 6


def test_a_new_node_moves_few_neighbours() -> None:
    before, after = drawn(torch.arange(39)), drawn(torch.arange(40))
    kept = len(before & after) / len(before)
    assert kept > 0.75, "a draw per graph would keep 6 of 39"


def test_seeds_draw_others() -> None:
    assert drawn(torch.arange(40), 1) != drawn(torch.arange(40), 2)
