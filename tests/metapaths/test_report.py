import pytest

from hetgraph.errors import BudgetError
from hetgraph.metapaths.report import compose_report, estimate_composition


def test_report_counts_what_was_built(multigraph, dense_product):
    graph = multigraph(1)
    report = compose_report(graph, "a-b-c-b-a")
    dense = dense_product(graph, "a-b-c-b-a", "binary")
    degree = dense.sum(1).long().sort().values
    assert report.nnz == dense.sum()
    assert report.density == pytest.approx(dense.mean().item())
    assert report.self_loops == dense.diagonal().sum()
    assert report.empty_rows == (degree == 0).sum() > 0
    assert report.empty_cols == (dense.sum(0) == 0).sum() > 0
    assert report.degree_quartiles[0] == degree[0]
    assert report.degree_quartiles[2] in degree[5:7]
    assert report.degree_quartiles[4] == degree[-1]
    assert report.deviation == pytest.approx(report.estimate.nnz / report.nnz - 1)
    assert report.seconds > 0


def test_estimate_describes_the_plan(multigraph):
    graph = multigraph(1)
    estimate = estimate_composition(graph, "a-b-c-b-a")
    assert (estimate.num_rows, estimate.num_cols) == (12, 12)
    assert estimate.order == "(a-b x b-c) x (c-b x b-a)"
    assert estimate.nnz <= estimate.upper <= min(144, estimate.instances)
    assert 0 < estimate.relative_error < 0.03
    assert 0 < estimate.result_bytes <= estimate.peak_bytes


def test_one_relation_needs_no_estimate(multigraph):
    graph = multigraph(1)
    report = compose_report(graph, "a-b")
    assert report.estimate.relative_error == 0
    assert report.estimate.nnz == report.nnz
    assert report.self_loops is None


def test_the_estimate_is_shown_before_a_budget_error(multigraph):
    seen = []
    with pytest.raises(BudgetError):
        compose_report(multigraph(), "a-b-a", memory_budget=1, on_estimate=seen.append)
    assert len(seen) == 1


def test_an_empty_path_has_a_report(multigraph):
    report = compose_report(multigraph(edges=0), "a-b-a")
    assert report.nnz == report.self_loops == report.deviation == report.density == 0
    assert report.degree_quartiles == (0, 0, 0, 0, 0)
