"""Published sizes of meta-paths on the public benchmark files."""

import pytest

from hetgraph.catalog.loading import load_dataset
from hetgraph.metapaths import compose
from hetgraph.metapaths.compose import compose_many
from hetgraph.metapaths.report import compose_report


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))


HECO = {
    "author-paper-author": 11_113,
    "author-paper-conference-paper-author": 5_000_495,
    "author-paper-term-paper-author": 7_043_571,
}
HGB = {
    "author-paper-author": 11_113,
    "author-paper-venue-paper-author": 5_000_495,
    "author-paper-term-paper-author": 7_043_571,
}


def test_heco_dblp(data_root):
    graph = load_dataset("heco/dblp", data_root).graph
    for path, nnz in HECO.items():
        report = compose_report(graph, path, memory_budget="64MiB")
        assert report.relation.shape == (4057, 4057)
        assert report.nnz == nnz
        assert abs(report.deviation) < 0.05
        assert report.self_loops == 4057
    together = compose_many(graph, list(HECO))
    assert [relation.nnz for relation in together] == list(HECO.values())


@pytest.mark.slow
def test_hgb_dblp(data_root):
    graph = load_dataset("hgb/DBLP", data_root).graph
    for path, nnz in HGB.items():
        report = compose_report(graph, path)
        assert (report.relation.shape, report.nnz) == ((4057, 4057), nnz)
        assert abs(report.deviation) < 0.05
    without = compose(graph, "author-paper-venue-paper-author", keep_self_loops=False)
    assert without.nnz == 5_000_495 - 4057
