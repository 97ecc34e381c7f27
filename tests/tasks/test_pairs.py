"""Holding links out, and taking pairs out of a graph."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.tasks.pairs import hold_out_links, with_pairs, without_pairs


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


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_new_edges_carry_mean_weight_and_features_and_the_latest_time(dtype: torch.dtype) -> None:
    key, back = EdgeType("u", "buys", "i"), EdgeType("i", "rev_buys", "u")
    bought = Relation.from_edges(
        torch.tensor([0, 1]),
        torch.tensor([1, 0]),
        2,
        2,
        weight=torch.tensor([3.0, 4.0]),
        edge_features=torch.tensor([[1.0, 0.0], [3.0, 4.0]]),
        edge_time=torch.tensor([7, 5]).to(dtype),
    )
    graph = HeteroGraph(num_nodes={"u": 2, "i": 2}, relations={key: bought}).with_reverses()
    longer = with_pairs(graph, key, torch.tensor([[0], [0]]))
    assert longer.schema == graph.schema
    for edges in (longer.relations[key], longer.relations[back].transpose):
        assert [ids.tolist() for ids in edges.edges()] == [[0, 1, 0], [0, 0, 1]]
        assert edges.weight.tolist() == [3.5, 4, 3]
        assert edges.edge_features.tolist() == [[2, 2], [3, 4], [1, 0]]
        assert edges.edge_time.tolist() == [7, 5, 7]
        assert edges.edge_time.dtype == dtype
    empty = graph.without_edges(key, *torch.stack(bought.edges()))
    assert with_pairs(empty, key, torch.tensor([[0], [0]])).schema == graph.schema
