"""All relations as one matrix."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import DataError
from hetgraph.nn import JointGraph, LayerPlan, layer_plans


@pytest.fixture
def graph(random_graph) -> HeteroGraph:
    return random_graph(num_nodes=12, num_edges=50)


@pytest.fixture
def plan(graph) -> LayerPlan:
    return layer_plans(graph.schema, "author", 3)[0]


@pytest.fixture
def joint(graph, plan) -> JointGraph:
    return JointGraph.join(plan, graph.num_nodes, graph.relations)


def triples(joint):
    rows, cols = joint.csr.coo()
    return sorted(zip(rows.tolist(), cols.tolist(), joint.edge_type.tolist(), strict=True))


def test_nodes_are_numbered_through_and_edges_keep_their_type(graph, plan, joint):
    assert plan.inputs == ("author", "paper")  # Nothing leads from a term to an author.
    assert joint.spans == {"author": slice(0, 12), "paper": slice(12, 31)}
    assert joint.csr.shape == (31, 31)
    expected = [(node, node, 3) for node in range(31)]
    shift = {"author": 0, "paper": 12}
    for kind, edge_type in enumerate(plan.edge_types):
        src, dst = graph.relations[edge_type].edges()
        rows, cols = dst + shift[edge_type.dst], src + shift[edge_type.src]
        expected += [(i, j, kind) for i, j in zip(rows.tolist(), cols.tolist(), strict=True)]
    assert len(plan.edge_types) == 3
    assert joint.types.shape == (joint.csr.nnz, 4)
    joint.types.validate()
    assert triples(joint) == sorted(expected)


def test_the_order_of_the_edges_does_not_matter(graph, plan, joint):
    shuffled = {}
    for key, one in graph.relations.items():
        src, dst = one.edges()
        order = torch.randperm(src.numel())
        shuffled[key] = Relation.from_edges(src[order], dst[order], one.num_src, one.num_dst)
    other = JointGraph.join(plan, graph.num_nodes, shuffled)
    assert torch.equal(other.csr.indices, joint.csr.indices)
    assert torch.equal(other.edge_type, joint.edge_type)


def test_an_empty_relation_leaves_a_type_without_entries(graph, plan):
    key = EdgeType("paper", "cites", "paper")
    src, dst = graph.relations[key].edges()
    emptied = graph.without_edges(key, src, dst)
    joint = JointGraph.join(plan, emptied.num_nodes, emptied.relations)
    kind = plan.edge_types.index(key)
    assert not bool((joint.edge_type == kind).any())
    assert int((joint.edge_type == len(plan.edge_types)).sum()) == 31


def test_missing_relations_are_told(graph, plan):
    with pytest.raises(DataError, match="no edges are given of author -writes> paper, paper"):
        JointGraph.join(plan, graph.num_nodes, {})
