"""Holding links out, and taking pairs out of a graph."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.tasks.pairs import hold_out_links, without_pairs


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.99])
def test_every_source_keeps_a_link(fraction: float) -> None:
    pairs = torch.stack([torch.arange(60) // 6, torch.arange(60)])
    pairs = torch.cat([pairs, torch.tensor([[10], [3]])], dim=1)  # a source with one link
    held = hold_out_links(pairs, fraction, torch.Generator().manual_seed(0))
    assert held.shape[1] == round(fraction * 50)
    assert int(torch.bincount(held[0]).max()) <= 5
    assert 10 not in held[0].tolist()
    assert set(map(tuple, held.T.tolist())) <= set(map(tuple, pairs.T.tolist()))


def test_every_link_of_a_source_can_be_held_out() -> None:
    pairs = torch.tensor([[0, 0, 0], [0, 1, 2]])
    drawn = {
        int(x)
        for seed in range(30)
        for x in hold_out_links(pairs, 0.5, torch.Generator().manual_seed(seed))[1]
    }
    assert drawn == {0, 1, 2}


def test_pairs_leave_every_relation_in_both_directions() -> None:
    a, b, c = (EdgeType("n", name, "n") for name in "abc")
    edges = {a: [(0, 1), (1, 2)], b: [(1, 0), (2, 0)], c: [(2, 1)]}
    relations = {
        key: Relation.from_edges(*torch.tensor(pairs).T, 3, 3) for key, pairs in edges.items()
    }
    graph = HeteroGraph(num_nodes={"n": 3}, relations=relations)
    found = without_pairs(graph, a, torch.tensor([[0], [1]]))
    assert [one.num_edges for one in found.relations.values()] == [1, 1, 1]
    assert [one.num_edges for one in graph.relations.values()] == [2, 2, 1]
