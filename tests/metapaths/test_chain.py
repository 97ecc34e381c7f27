import numpy as np
import pytest
import torch

from hetgraph.data import EdgeType, Relation
from hetgraph.errors import MetaPathError
from hetgraph.metapaths.chain import bind_path, check_weighting, path_factors
from hetgraph.metapaths.metapath import MetaPath


def factors(graph, path, weighting="count"):
    return path_factors(graph, MetaPath.parse(path, graph.schema), weighting)


def test_a_step_back_is_the_transpose(multigraph):
    graph = multigraph()
    there, back = factors(graph, "b -cites> b <cites- b")
    assert back.relation is there.relation.transpose
    assert there.reverse_key == back.key


def test_a_declared_reverse_mirrors_its_partner(multigraph):
    there, back = factors(multigraph(), "a-b-a")
    assert there.key != back.key
    assert (there.reverse_key, back.reverse_key) == (back.key, there.key)


def test_an_undirected_relation_mirrors_itself(multigraph):
    (friend,) = factors(multigraph(), "a-a")
    assert friend.key == friend.reverse_key


def test_reverses_with_other_weights_mirror_only_as_patterns(multigraph):
    graph = multigraph(weighted=True)
    backward = EdgeType("b", "ba", "a")
    other = graph.relation(backward).with_weight(torch.rand(graph.relation(backward).nnz))
    graph = graph.with_relation(backward, other, reverse_of=EdgeType("a", "ab", "b"))
    there, back = factors(graph, "a-b-a", "count")
    assert there.reverse_key != back.key
    there, back = factors(graph, "a-b-a", "binary")
    assert there.reverse_key == back.key


def test_equal_weights_mirror_even_in_separate_tensors(multigraph):
    graph = multigraph(weighted=True)
    backward = EdgeType("b", "ba", "a")
    relation = graph.relation(backward)
    copy = relation.with_weight(relation.weight.clone())
    graph = graph.with_relation(backward, copy, reverse_of=EdgeType("a", "ab", "b"))
    there, back = factors(graph, "a-b-a")
    assert there.reverse_key == back.key


def test_row_normalised_factors_have_no_mirror(multigraph):
    there, back = factors(multigraph(), "a-b-a", "row")
    assert there.reverse_key is back.reverse_key is None
    assert there.key != back.key


def test_values(multigraph):
    graph = multigraph(weighted=True)
    relation = graph.relation("bc")
    dense = relation.to_dense(torch.float64).numpy()
    (count,), (row,), (binary,) = (factors(graph, "b-c", w) for w in ("count", "row", "binary"))
    np.testing.assert_allclose(count.matrix().toarray(), dense)
    total = dense.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        row.matrix().toarray(), np.divide(dense, total, out=np.zeros_like(dense), where=total > 0)
    )
    pattern = binary.matrix()
    assert pattern.dtype == np.bool_
    assert pattern.has_canonical_format
    np.testing.assert_array_equal(pattern.toarray(), dense > 0)


def test_index_memory_is_shared_where_no_edges_are_parallel():
    relation = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([1, 0]), 2, 2)
    from hetgraph.data import HeteroGraph

    graph = HeteroGraph(num_nodes={"a": 2}, relations={("a", "r", "a"): relation})
    (factor,) = factors(graph, "a -r> a", "binary")
    assert np.shares_memory(factor.matrix().indices, relation.indices.numpy())


def test_check_weighting(multigraph):
    graph = multigraph()
    check_weighting("pathsim", MetaPath.parse("a-b-a", graph.schema))
    for path in ("a-b", "a-a", "b -cites> b -cites> b"):
        with pytest.raises(MetaPathError, match=r"use path\.symmetric"):
            check_weighting("pathsim", MetaPath.parse(path, graph.schema))


def test_bind_path_takes_text_or_value(multigraph):
    graph = multigraph()
    path = bind_path(graph, "a-b")
    assert bind_path(graph, path) is path
