import pytest

from hetgraph.errors import BudgetError
from hetgraph.metapaths.composition import Composition
from hetgraph.metapaths.metapath import MetaPath


def plan(graph, *paths, weighting="binary", budget=float("inf")):
    parsed = [MetaPath.parse(path, graph.schema) for path in paths]
    return Composition.plan(graph, parsed, weighting, budget)


def test_a_palindrome_holds_one_half_only(multigraph):
    composition = plan(multigraph(), "a-b-c-b-a")
    made = [step.node.span for step in composition.schedule.operations if step.kind == "make"]
    assert (0, 1) in made
    assert (2, 3) not in made


def test_row_weighting_cannot_reuse_halves(multigraph):
    composition = plan(multigraph(), "a-b-c-b-a", weighting="row")
    first, second = composition.roots[0].children
    assert first.identity != second.identity


def test_prefixes_are_shared_between_paths(multigraph):
    graph = multigraph()
    together = plan(graph, "a-b-c", "a-b-c-b-a", "a-b-c-b")
    alone = [plan(graph, path) for path in ("a-b-c", "a-b-c-b-a", "a-b-c-b")]
    assert together.schedule.terms < sum(composition.schedule.terms for composition in alone)


def test_value_sizes_follow_the_weighting(multigraph):
    graph = multigraph()
    assert (plan(graph, "a-b").entry.work, plan(graph, "a-b").entry.result) == (1, 0)
    count = plan(graph, "a-b", weighting="count").entry
    assert (count.work, count.result) == (8, 4)


def test_estimated_and_real_sizes_agree(multigraph):
    graph = multigraph(0, size=300, edges=1500)
    composition = plan(graph, "a-b-c-b-a")
    (relation,) = composition.run(keep_self_loops=True, budget=2**30)
    assert composition.roots[0].nnz == pytest.approx(relation.nnz, rel=0.1)
    assert composition.schedule.peak == pytest.approx(relation.nbytes, rel=0.5)


def test_a_tight_budget_gets_the_leaner_plan(multigraph):
    graph = multigraph(0, size=300, edges=1500)
    roomy = plan(graph, "a-b -cites> b -cites> b-c")
    tight = plan(graph, "a-b -cites> b -cites> b-c", budget=0)
    assert tight.schedule.peak <= roomy.schedule.peak
    with pytest.raises(BudgetError, match="memory_budget is 0 B"):
        tight.check_budget(0)
