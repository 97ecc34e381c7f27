"""Mean operators of relation pairs."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.models.rphgnn.groups import Pair, relation_pairs
from hetgraph.models.rphgnn.operators import pair_operators, symmetrized


def one_type(src, dst, **options) -> HeteroGraph:
    relation = Relation.from_edges(torch.tensor(src), torch.tensor(dst), 4, 4)
    key = EdgeType("n", "to", "n")
    return HeteroGraph(num_nodes={"n": 4}, relations={key: relation}, **options)


def test_rows_are_means_and_rows_without_neighbours_are_zero(random_graph):
    graph = random_graph(1)
    for pair in relation_pairs(graph.schema):
        operators = pair_operators(graph, pair)
        for operator in (operators.forward, operators.backward):
            total = operator.to_dense().sum(dim=1)
            torch.testing.assert_close(total, (operator.degree > 0).float())


def test_homogeneous_relations_are_symmetrised_without_doubling_self_loops():
    graph = one_type([0, 1, 2, 0], [1, 0, 2, 3])
    both = symmetrized(graph.relation("to"))
    assert both.num_edges == 7  # a reciprocal pair counts twice, the loop once
    dense = both.to_dense()
    assert torch.equal(dense, dense.t())
    assert dense[0, 1] == 2
    assert dense[2, 2] == 1


def test_a_relation_declared_as_its_own_reverse_is_symmetric_already():
    key = EdgeType("n", "to", "n")
    graph = one_type([0, 1], [1, 0], reverses=[(key, key)])
    (pair,) = relation_pairs(graph.schema)
    assert pair_operators(graph, pair).forward.nnz == 2


def test_an_undeclared_reverse_is_the_transpose(pair_graph):
    (pair,) = relation_pairs(pair_graph.schema)
    assert pair == Pair(EdgeType("author", "writes", "paper"))
    operators = pair_operators(pair_graph, pair)
    torch.testing.assert_close(
        operators.backward.to_dense(), torch.tensor([[0.5, 0.5, 0], [0, 0.5, 0.5]])
    )


def test_weights_count_only_if_asked_for():
    relation = Relation.from_edges(
        torch.tensor([0, 1]), torch.tensor([0, 0]), 2, 1, weight=torch.tensor([3.0, 1.0])
    )
    graph = HeteroGraph(num_nodes={"a": 2, "b": 1}, relations={EdgeType("a", "to", "b"): relation})
    (pair,) = relation_pairs(graph.schema)
    plain = pair_operators(graph, pair).forward.to_dense()
    weighted = pair_operators(graph, pair, weighted=True).forward.to_dense()
    assert plain.tolist() == [[0.5, 0.5]]
    assert weighted.tolist() == [[0.75, 0.25]]


@pytest.mark.slow
def test_acm_citations_have_the_known_number_of_edges(data_root):
    import hetgraph

    graph = hetgraph.load_dataset("hgb/ACM", root=data_root).graph
    cites = next(p for p in relation_pairs(graph.schema) if p.homogeneous)
    assert pair_operators(graph, cites).forward.nnz == 10_678
    pairs = relation_pairs(graph.schema)
    assert sum(1 if pair.homogeneous else 2 for pair in pairs) == 7
