"""Nodes numbered through, edges given once."""

from __future__ import annotations

import torch

from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.data.numbering import joint_adjacency, joint_edges, node_spans, one_way


def test_types_follow_each_other(toy_graph: HeteroGraph) -> None:
    spans = node_spans(toy_graph.num_nodes)
    assert spans == {"author": slice(0, 2), "paper": slice(2, 5), "venue": slice(5, 6)}


def test_a_declared_pair_comes_once(toy_graph: HeteroGraph) -> None:
    writes = EdgeType("author", "writes", "paper")
    assert [key.name for key in one_way(toy_graph.schema)] == ["writes", "published_at"]
    found = {key: (src.tolist(), dst.tolist()) for key, src, dst in joint_edges(toy_graph)}
    assert found[writes] == ([0, 0, 1, 1], [2, 3, 3, 4])


def test_adjacency_against_dense(toy_graph: HeteroGraph) -> None:
    one = joint_adjacency(toy_graph).to_dense()
    expected = torch.zeros(6, 6)
    for src, dst in [(0, 2), (0, 3), (1, 3), (1, 4), (2, 5), (3, 5), (4, 5)]:
        expected[dst, src] += 1
    assert torch.equal(one, expected)
    both = joint_adjacency(toy_graph, undirected=True).to_dense()
    assert torch.equal(both, expected + expected.T)
    bare = HeteroGraph(num_nodes={"a": 2}, relations={})
    assert joint_adjacency(bare).nnz == 0
