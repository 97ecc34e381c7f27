"""Global node ids, and edges yielded once."""

from __future__ import annotations

import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.data.numbering import joint_adjacency, joint_edges, node_spans, one_way


def test_types_follow_each_other(toy_graph: HeteroGraph) -> None:
    spans = node_spans(toy_graph.num_nodes)
    assert spans == {"author": slice(0, 2), "paper": slice(2, 5), "venue": slice(5, 6)}


def test_a_declared_pair_is_yielded_once(toy_graph: HeteroGraph) -> None:
    writes = EdgeType("author", "writes", "paper")
    assert [key.name for key in one_way(toy_graph.schema)] == ["writes", "published_at"]
    actual = {key: (src.tolist(), dst.tolist()) for key, src, dst in joint_edges(toy_graph)}
    assert actual[writes] == ([0, 0, 1, 1], [2, 3, 3, 4])


def test_adjacency_against_dense(toy_graph: HeteroGraph) -> None:
    directed = joint_adjacency(toy_graph).to_dense()
    expected = torch.zeros(6, 6)
    for src, dst in [(0, 2), (0, 3), (1, 3), (1, 4), (2, 5), (3, 5), (4, 5)]:
        expected[dst, src] += 1
    assert torch.equal(directed, expected)
    both = joint_adjacency(toy_graph, undirected=True).to_dense()
    assert torch.equal(both, expected + expected.T)
    bare = HeteroGraph(num_nodes={"a": 2}, relations={})
    assert joint_adjacency(bare).nnz == 0


def test_a_relation_that_is_its_own_reverse_is_kept() -> None:
    """Only the second of two different relations is left out."""
    knows = EdgeType("user", "knows", "user")
    both = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([1, 0]), 3, 3)
    graph = HeteroGraph(
        num_nodes={"item": 2, "user": 3}, relations={knows: both}, reverses=[(knows, knows)]
    )
    assert one_way(graph.schema) == (knows,)
    ((key, src, dst),) = joint_edges(graph)
    assert (key, src.tolist(), dst.tolist()) == (knows, [3, 2], [2, 3])
    assert joint_adjacency(graph).nnz == 2
