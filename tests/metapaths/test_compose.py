import numpy as np
import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import BudgetError, ConfigError, MetaPathError
from hetgraph.metapaths.compose import compose, compose_many
from hetgraph.metapaths.metapath import MetaPath


@pytest.fixture(autouse=True)
def _nothing_cached(monkeypatch):
    monkeypatch.delenv("HETGRAPH_CACHE", raising=False)


PATHS = [
    "a-b",
    "b-c",
    "c-b",
    "a-a",
    "a-b-a",
    "b-c-b",
    "a-b-c-b-a",
    "c-b-a-b",
    "a-b -cites> b-c",
    "b -cites> b <cites- b",
    "b <cites- b -cites> b-a",
    "a-a-b-c-b-a-a",
    "a-a-b-a-b-a-a",
]
SYMMETRIC = ["a-b-a", "b-a-b", "b-c-b", "a-a-a", "a-b-c-b-a", "b -cites> b <cites- b"]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("weighting", ["binary", "count", "row"])
@pytest.mark.parametrize("path", PATHS)
def test_equals_the_dense_product(multigraph, dense_product, path, weighting, weighted):
    graph = multigraph(len(path), weighted=weighted)
    actual = compose(graph, path, weighting=weighting)
    actual.validate()
    expected = dense_product(graph, path, weighting)
    torch.testing.assert_close(actual.to_dense(torch.float64), expected, rtol=1e-6, atol=1e-7)
    assert actual.nnz == int((expected != 0).sum())
    assert (actual.weight is None) == (weighting == "binary")


@pytest.mark.parametrize("path", SYMMETRIC)
@pytest.mark.parametrize("weighted", [False, True])
def test_pathsim(multigraph, dense_product, path, weighted):
    graph = multigraph(3, weighted=weighted)
    actual = compose(graph, path, weighting="pathsim")
    expected = dense_product(graph, path, "pathsim")
    torch.testing.assert_close(actual.to_dense(torch.float64), expected, rtol=1e-6, atol=1e-7)
    loops = actual.to_dense().diagonal()
    torch.testing.assert_close(loops[loops > 0], torch.ones(int((loops > 0).sum())))


@pytest.mark.parametrize("weighting", ["binary", "count", "pathsim", "row"])
@pytest.mark.parametrize("path", ["a-b-a", "a-b-c-b-a"])
def test_without_self_loops(multigraph, dense_product, path, weighting):
    graph = multigraph(1)
    actual = compose(graph, path, weighting=weighting, keep_self_loops=False)
    actual.validate()
    expected = dense_product(graph, path, weighting).fill_diagonal_(0)
    torch.testing.assert_close(actual.to_dense(torch.float64), expected, rtol=1e-6, atol=1e-7)
    assert actual.nnz == int((expected != 0).sum())


def test_self_loops_are_only_meant_between_equal_types(multigraph):
    graph = multigraph(1, size=10)
    full, without = (compose(graph, "a-b-c", keep_self_loops=keep) for keep in (True, False))
    assert torch.equal(full.to_dense(), without.to_dense())


def test_rows_are_the_end_and_columns_the_start(toy_graph):
    actual = compose(toy_graph, "author-paper-venue", weighting="count")
    assert actual.shape == (1, 2)
    assert actual.to_dense().tolist() == [[2.0, 2.0]]
    assert torch.equal(
        compose(toy_graph, "venue-paper-author", weighting="count").to_dense(), actual.to_dense().T
    )


def test_toy_values(toy_graph):
    counts = compose(toy_graph, "author-paper-author", weighting="count")
    assert counts.to_dense().tolist() == [[2.0, 1.0], [1.0, 2.0]]
    similarity = compose(toy_graph, "author-paper-author", weighting="pathsim")
    assert similarity.to_dense().tolist() == [[1.0, 0.5], [0.5, 1.0]]
    walk = compose(toy_graph, "author-paper-author", weighting="row")
    assert walk.to_dense().tolist() == [[0.75, 0.25], [0.25, 0.75]]


def test_a_path_value_is_as_good_as_its_text(multigraph):
    graph = multigraph()
    path = MetaPath.parse("a-b", graph.schema).symmetric
    assert torch.equal(compose(graph, path).to_dense(), compose(graph, "a-b-a").to_dense())


def test_many_paths_equal_one_by_one(multigraph):
    graph = multigraph(5)
    paths = PATHS[::2]
    for weighting in ("binary", "row"):
        for path, actual in zip(
            paths, compose_many(graph, paths, weighting=weighting), strict=True
        ):
            alone = compose(graph, path, weighting=weighting)
            torch.testing.assert_close(actual.to_dense(), alone.to_dense())
            assert actual.shape == alone.shape


def test_many_in_any_order_with_repeats_and_both_directions(multigraph, dense_product):
    graph = multigraph(6)
    paths = ["c-b-a", "a-b-c-b-a", "a-b-c", "a-b-c", "a-b-c-b-a-b-c"]
    for order in (paths, paths[::-1]):
        for path, actual in zip(order, compose_many(graph, order, weighting="count"), strict=True):
            expected = dense_product(graph, path).float()
            torch.testing.assert_close(actual.to_dense(), expected)
    assert compose_many(graph, []) == []


def test_weights_of_reverses_may_differ(multigraph, dense_product):
    graph = multigraph(2, weighted=True)
    forward, backward = EdgeType("a", "ab", "b"), EdgeType("b", "ba", "a")
    other = graph.relation(backward).with_weight(torch.rand(graph.relation(backward).nnz))
    graph = graph.with_relation(backward, other, reverse_of=forward)
    for path in ("a-b-a", "a-b-c-b-a", "a-b-a-b-a"):
        actual = compose(graph, path, weighting="count").to_dense(torch.float64)
        torch.testing.assert_close(actual, dense_product(graph, path), rtol=1e-6, atol=1e-7)
    with pytest.raises(MetaPathError, match="declared reverse have different weights"):
        compose(graph, "a-b-a", weighting="pathsim")


def test_weights_that_cancel_stay_in_the_pattern():
    edge = EdgeType("a", "r", "b")
    src, dst = torch.tensor([0, 0, 1]), torch.tensor([0, 0, 1])
    relation = Relation.from_edges(src, dst, 2, 2, weight=torch.tensor([1.0, -1.0, 0.0]))
    graph = HeteroGraph(num_nodes={"a": 2, "b": 2}, relations={edge: relation})
    assert torch.equal(compose(graph, "a-b").to_dense(), torch.eye(2))
    assert torch.equal(compose(graph, "a-b-a").to_dense(), torch.eye(2))
    assert compose(graph, "a-b-a", weighting="count").nnz == 0


def test_large_counts_are_added_in_float64():
    """2^12 hubs joined 2^13 times each: a float32 sum in the middle would lose the last one."""
    ones = torch.zeros(2**12 + 1, dtype=torch.long)
    weight = torch.full((2**12 + 1,), 2.0**13)
    weight[-1] = 1.0
    fan = Relation.from_edges(torch.arange(2**12 + 1), ones, 2**12 + 1, 1, weight=weight.double())
    edge = EdgeType("a", "r", "b")
    graph = HeteroGraph(num_nodes={"a": 2**12 + 1, "b": 1}, relations={edge: fan})
    actual = compose(graph, "b-a-b", weighting="count")
    assert actual.weight.dtype == torch.float64
    assert actual.weight.tolist() == [2.0**38 + 1]


def test_float32_unless_a_relation_is_double(multigraph):
    assert compose(multigraph(), "a-b-a", weighting="count").weight.dtype == torch.float32


def test_empty_relations(multigraph):
    graph = multigraph(0, edges=0)
    for weighting in ("binary", "count", "pathsim", "row"):
        actual = compose(graph, "a-b-c-b-a", weighting=weighting)
        assert (actual.shape, actual.nnz) == ((12, 12), 0)


def test_budget_error_comes_before_building_and_names_the_ways_out(multigraph, monkeypatch):
    graph = multigraph(0, size=200, edges=900)
    monkeypatch.setattr("hetgraph.metapaths.composition.collect", None)  # building would fail
    with pytest.raises(BudgetError) as caught:
        compose(graph, "a-b-c-b-a", memory_budget="20KiB")
    message = str(caught.value)
    assert "a-b-c-b-a" in message
    assert "memory_budget is 20.0 KiB" in message
    assert "entries of 200 x 200" in message
    assert "Raise memory_budget" in message
    assert "metapath_operator(graph, path)" in message
    assert "\n" not in message


def test_the_budget_decides_between_one_and_several(multigraph):
    graph = multigraph(0, size=200, edges=900)
    single = compose(graph, "a-b-c-b-a")
    budget = int(single.nbytes * 1.6)
    assert compose(graph, "a-b-c-b-a", memory_budget=budget).nnz == single.nnz
    paths = ["a-b-c-b-a", "a-b -cites> b-c-b-a"]
    with pytest.raises(BudgetError, match=r"a-b-c-b-a and a-b -cites> b-c-b-a"):
        compose_many(graph, paths, memory_budget=budget)


def test_a_budget_exceeded_while_building_stops(multigraph, monkeypatch):
    graph = multigraph(0, size=200, edges=900)
    monkeypatch.setattr("hetgraph.metapaths.product._BLOCK_TERMS", 100)
    monkeypatch.setattr("hetgraph.metapaths.composition.Composition.check_budget", lambda *_: None)
    with pytest.raises(BudgetError, match="is used up"):
        compose(graph, "a-b-c-b-a", memory_budget="20KiB")


def test_bad_arguments(multigraph):
    graph = multigraph()
    with pytest.raises(MetaPathError, match="Did you mean 'binary'"):
        compose(graph, "a-b", weighting="binry")
    with pytest.raises(MetaPathError, match="PathSim needs a path that returns"):
        compose(graph, "a-b", weighting="pathsim")
    with pytest.raises(MetaPathError, match="PathSim needs a path that returns"):
        compose(graph, "a-a", weighting="pathsim")  # its own reverse, but not there and back
    with pytest.raises(ConfigError, match="is not a size"):
        compose(graph, "a-b", memory_budget="plenty")
    with pytest.raises(MetaPathError, match="'x' is not a node type"):
        compose(graph, "a-x")


def test_custom_relations_are_composed(multigraph, dense_product):
    graph = multigraph(4)
    near = Relation.from_edges(torch.tensor([0, 1, 2]), torch.tensor([1, 2, 3]), 12, 12)
    path = MetaPath.from_relation(graph.schema, "near", "a", "a", near)
    longer = path + MetaPath.parse("a-b", graph.schema)
    expected = dense_product(graph, "a-b") @ near.to_dense(torch.float64)
    actual = compose(graph, longer, weighting="count").to_dense(torch.float64)
    torch.testing.assert_close(actual, expected)
    assert torch.equal(compose(graph, ~path).to_dense(), near.to_dense().T)
    wrong = MetaPath.from_relation(graph.schema, "near", "a", "b", near)
    with pytest.raises(MetaPathError, match=r"is 12 x 12, expected 17 'b' rows"):
        compose(graph, wrong)


def test_results_do_not_depend_on_threads(multigraph, monkeypatch):
    graph = multigraph(0, size=100, edges=900, weighted=True)
    monkeypatch.setattr("hetgraph.metapaths.product._BLOCK_TERMS", 50)
    actual = []
    for threads in (1, 4):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        actual.append(compose(graph, "a-b-c-b-a", weighting="count"))
    assert torch.equal(actual[0].weight, actual[1].weight)
    assert torch.equal(actual[0].indices, actual[1].indices)


def test_the_graph_is_unchanged(multigraph):
    graph = multigraph(0, weighted=True)
    weights = {key: relation.weight for key, relation in graph.relations.items()}
    before = {key: weight.clone() for key, weight in weights.items() if weight is not None}
    indices = {key: relation.indices.clone() for key, relation in graph.relations.items()}
    for weighting in ("binary", "count", "row"):
        compose_many(graph, PATHS[::3], weighting=weighting, keep_self_loops=False)
    for key, relation in graph.relations.items():
        assert torch.equal(relation.indices, indices[key])
        if key in before:
            assert torch.equal(relation.weight, before[key])


def test_memory_stays_within_the_estimate(multigraph):
    """Traced bytes of a whole composition: the result, the estimate's peak and a few blocks."""
    import tracemalloc

    graph = multigraph(0, size=1500, edges=9000)
    compose(graph, "a-b-c-b-a")  # caches transposes
    tracemalloc.start()
    actual = compose(graph, "a-b-c-b-a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert actual.nbytes > 3e6
    work_blocks = torch.get_num_threads() * 2**18 * 40 + 2**16 * 64
    assert peak < 1.1 * actual.nbytes + work_blocks
    assert np.iinfo(np.int32).max > actual.nnz
