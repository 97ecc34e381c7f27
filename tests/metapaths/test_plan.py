import itertools

import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.metapaths.chain import path_factors
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.plan import ChainSizes, Node, best_plan


def sizes_of(graph, path, weighting="count"):
    return ChainSizes(path_factors(graph, MetaPath.parse(path, graph.schema), weighting))


def leaves(node: Node) -> list[int]:
    if not node.children:
        return [node.span[0]]
    return [leaf for child in node.children for leaf in leaves(child)]


def exact_terms(node: Node, products) -> float:
    """Multiply-adds of a plan, counted on the dense sub-products, each distinct one once."""
    if not node.children:
        return 0.0
    right, left = node.children
    first, second = products[right.span], products[left.span]
    own = float(((first != 0).sum(1).double() * (second != 0).sum(0).double()).sum())
    shared = right.identity == left.identity
    return own + exact_terms(right, products) + (0 if shared else exact_terms(left, products))


def all_plans(sizes, span):
    if span[0] == span[1]:
        yield sizes.node(span)
        return
    for split in range(span[0], span[1]):
        rights, lefts = all_plans(sizes, (span[0], split)), all_plans(sizes, (split + 1, span[1]))
        for right, left in itertools.product(rights, list(lefts)):
            yield sizes.node(span, 0.0, (right, left))


@pytest.fixture
def bottleneck() -> HeteroGraph:
    """Many a and d nodes, few b and c nodes: starting in the middle is expensive."""
    generator = torch.Generator().manual_seed(0)
    counts = {"a": 150, "b": 150, "c": 3, "d": 150}

    def relation(src: str, dst: str, edges: int) -> Relation:
        ids = [torch.randint(counts[t], (edges,), generator=generator) for t in (src, dst)]
        return Relation.from_edges(*ids, counts[src], counts[dst])

    return HeteroGraph(
        num_nodes=counts,
        relations={
            EdgeType("a", "ab", "b"): relation("a", "b", 300),
            EdgeType("b", "bc", "c"): relation("b", "c", 150),
            EdgeType("c", "cd", "d"): relation("c", "d", 200),
        },
    )


@pytest.mark.parametrize("path", ["a-b-c-d", "a-b-c-b-a", "a-b-c-d-c-b-a", "d-c-b-a"])
def test_the_plan_is_about_the_best_of_all(bottleneck, dense_factors, path):
    sizes = sizes_of(bottleneck, path)
    factors = dense_factors(bottleneck, path)
    products = {}
    for first in range(len(factors)):
        product = None
        for last in range(first, len(factors)):
            product = factors[last] if product is None else factors[last] @ product
            products[first, last] = product
    span = (0, len(factors) - 1)
    costs = [exact_terms(plan, products) for plan in all_plans(sizes, span)]
    plan = best_plan(sizes)
    assert leaves(plan) == list(range(len(factors)))
    # Entries of results count as well as multiply-adds, so allow a little.
    assert exact_terms(plan, products) <= 1.3 * min(costs)
    assert exact_terms(plan, products) < 0.7 * max(costs)


def test_halves_of_a_palindrome_are_found(bottleneck):
    plan = best_plan(sizes_of(bottleneck, "a-b-c-b-a"))
    right, left = plan.children
    assert (right.span, left.span) == ((0, 1), (2, 3))
    assert right.identity == left.identity
    assert right.key == left.reverse_key


def test_halves_can_be_required(multigraph):
    sizes = sizes_of(multigraph(), "a-a-b-c-b-a-a")
    plan = best_plan(sizes, halves=True)
    assert [child.span for child in plan.children] == [(0, 2), (3, 5)]


@pytest.mark.parametrize("span", [(0, 1), (1, 2)])
def test_known_products_are_free_in_the_plan(bottleneck, span):
    sizes = sizes_of(bottleneck, "a-b-c-d")
    pair = sizes.node(span, 0.0, tuple(sizes.node((i, i)) for i in span))
    plan = best_plan(sizes, known={pair.identity})
    assert span in [child.span for child in plan.children]


def test_the_memory_plan_has_a_lower_peak():
    """Four ways to the same product where the fastest order has the largest middle."""
    generator = torch.Generator().manual_seed(1)
    counts = {"a": 400, "b": 40, "c": 400, "d": 4}

    def relation(src: str, dst: str, edges: int) -> Relation:
        ids = [torch.randint(counts[t], (edges,), generator=generator) for t in (src, dst)]
        return Relation.from_edges(*ids, counts[src], counts[dst])

    graph = HeteroGraph(
        num_nodes=counts,
        relations={
            EdgeType("a", "ab", "b"): relation("a", "b", 400),
            EdgeType("b", "bc", "c"): relation("b", "c", 400),
            EdgeType("c", "cd", "d"): relation("c", "d", 400),
        },
    )
    sizes = sizes_of(graph, "a-b-c-d")

    def largest(node: Node) -> float:
        return max([node.nnz, *(largest(child) for child in node.children)])

    assert largest(best_plan(sizes, objective="memory")) <= largest(best_plan(sizes))


def test_bounds_hold(multigraph, dense_product):
    graph = multigraph(2)
    for path in ("a-b", "a-b-c", "a-b-c-b-a", "b -cites> b-c"):
        sizes = sizes_of(graph, path)
        exact = int((dense_product(graph, path) > 0).sum())
        assert sizes.lower <= exact <= sizes.upper
        assert sizes.instances == dense_product(graph, path).sum()
        root = best_plan(sizes)
        assert sizes.lower <= root.nnz <= sizes.upper
        assert root.nnz == pytest.approx(exact, rel=0.1)


def test_one_factor_is_counted_not_estimated(multigraph, dense_product):
    graph = multigraph(2)
    root = best_plan(sizes_of(graph, "a-b"))
    assert root.nnz == int((dense_product(graph, "a-b") > 0).sum()) < graph.relation("ab").nnz
    assert root.children == ()


def test_terms_of_two_factors_are_exact(multigraph, dense_factors):
    graph = multigraph(2)
    first, second = dense_factors(graph, "a-b-c")
    expected = float((first.sum(1) * second.sum(0)).sum())
    assert best_plan(sizes_of(graph, "a-b-c")).terms == expected


@pytest.mark.parametrize("estimate", [0.0, 1e12])
def test_an_estimate_stays_within_its_bounds(bottleneck, monkeypatch, estimate):
    """At least an entry per row that is reached, at most as many as paths or columns."""
    graph, path = bottleneck, "a-b-c-d"
    sizes = sizes_of(graph, path)
    monkeypatch.setattr(sizes, "_rows", lambda span: torch.tensor([estimate]))
    products = [factor.relation.to_dense(torch.float64) for factor in sizes.factors]
    paths = products[2] @ products[1] @ products[0]
    lower = int((paths.sum(1) > 0).sum())
    upper = sum(min(int(count), paths.shape[1]) for count in paths.sum(1))
    assert lower < upper < int(paths.sum())
    assert (sizes.lower, sizes.upper) == (lower, upper)
    assert sizes.nnz((0, 2)) == (upper if estimate else lower)
