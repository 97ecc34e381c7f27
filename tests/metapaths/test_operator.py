import pytest
import torch

from hetgraph.errors import DataError, MetaPathError
from hetgraph.metapaths import compose, metapath_operator

PATHS = ["a-b", "c-b", "a-a", "a-b-c", "a-b-c-b-a", "b <cites- b -cites> b-a"]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("weighting", ["count", "row"])
@pytest.mark.parametrize("path", PATHS)
def test_multiplies_like_the_dense_product(multigraph, dense_product, path, weighting, weighted):
    graph = multigraph(1, weighted=weighted)
    operator = metapath_operator(graph, path, weighting=weighting)
    dense = dense_product(graph, path, weighting)
    assert operator.shape == dense.shape
    for shape in ([4], [3, 2], []):
        x = torch.randn(dense.shape[1], *shape)
        expected = torch.einsum("ij,j...->i...", dense, x.double())
        torch.testing.assert_close((operator @ x).double(), expected, rtol=1e-4, atol=1e-4)
        y = torch.randn(dense.shape[0], *shape)
        expected = torch.einsum("ij,i...->j...", dense, y.double())
        torch.testing.assert_close((operator.T @ y).double(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("weighting", ["count", "row"])
def test_multiplies_like_the_composed_relation(multigraph, weighting):
    graph = multigraph(2)
    x = torch.randn(12, 3)
    composed = compose(graph, "a-b-c-b-a", weighting=weighting).to_dense()
    operator = metapath_operator(graph, "a-b-c-b-a", weighting=weighting)
    torch.testing.assert_close(operator @ x, composed @ x, rtol=1e-4, atol=1e-4)


def test_gradients(multigraph):
    operator = metapath_operator(multigraph(1, weighted=True), "a-b-c", weighting="row")
    x = torch.randn(12, 2, requires_grad=True)
    (operator @ x).square().sum().backward()
    expected = 2 * (operator.T @ (operator @ x.detach()))
    torch.testing.assert_close(x.grad, expected, rtol=1e-4, atol=1e-5)


def test_transposing_twice_is_the_same_operator(multigraph):
    operator = metapath_operator(multigraph(), "a-b-c")
    back = operator.T
    assert back.path == ~operator.path
    assert back.shape == operator.shape[::-1]
    assert back.T.factors == operator.factors


def test_cost_is_the_edges_along_the_path(multigraph):
    graph = multigraph()
    expected = graph.relation("ab").nnz + graph.relation("bc").nnz
    assert metapath_operator(graph, "a-b-c").cost == expected


def test_the_graph_relations_are_not_copied(multigraph):
    graph = multigraph()
    operator = metapath_operator(graph, "a-b <cites- b")
    assert operator.factors == (graph.relation("ab"), graph.relation("cites").transpose)


def test_rows_of_a_walk_sum_to_one_or_nothing(multigraph):
    walk = metapath_operator(multigraph(3), "a-b", weighting="row")
    sums = walk @ torch.ones(12)
    torch.testing.assert_close(sums, (walk.factors[0].degree > 0).float())


def test_bad_arguments(multigraph):
    graph = multigraph()
    operator = metapath_operator(graph, "a-b")
    with pytest.raises(DataError, match=r"shape \[5, 2\], expected 12 rows, one per 'a'"):
        operator @ torch.ones(5, 2)
    with pytest.raises(DataError, match="expected 12 rows"):
        operator @ torch.tensor(1.0)
    with pytest.raises(TypeError):
        operator @ [1.0]
    for weighting in ("binary", "pathsim", "sum"):
        with pytest.raises(MetaPathError, match=r"use compose"):
            metapath_operator(graph, "a-b-a", weighting=weighting)
    with pytest.raises(MetaPathError, match="'x' is not a node type"):
        metapath_operator(graph, "a-x")


def test_repr(multigraph):
    assert repr(metapath_operator(multigraph(), "a-b")) == "MetaPathOperator('a-b', 17 x 12, count)"
