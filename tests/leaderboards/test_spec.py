from __future__ import annotations

from pathlib import Path

import pytest

from hetgraph.errors import ConfigError
from hetgraph.leaderboards import available, load_benchmark


def test_available_lists_the_shipped_benchmarks():
    shipped = {
        "gtn-node-classification",
        "heco-node-classification",
        "hgb-node-classification",
        "large-graphs",
        "multi-behaviour-recommendation",
    }
    assert shipped <= set(available())


@pytest.mark.parametrize("name", available())
def test_every_shipped_benchmark_loads(name: str):
    benchmark = load_benchmark(name)
    assert benchmark.published
    assert benchmark.protocol
    assert benchmark.rule.margin_reason


@pytest.mark.parametrize("name", available())
def test_every_published_cell_has_a_source_and_every_source_and_dataset_is_used(name: str):
    benchmark = load_benchmark(name)
    cells = [
        (dataset, cell)
        for row in benchmark.published
        for dataset, metrics in row.results.items()
        for cell in metrics.values()
    ]
    assert {cell.source for _, cell in cells} == set(benchmark.sources)
    published = {dataset for dataset, _ in cells}
    assert published <= set(benchmark.datasets)
    for dataset in set(benchmark.datasets) - published:  # nobody else's protocol, and it says so
        assert "Not comparable" in benchmark.datasets[dataset].note
    bound = 1.0 if benchmark.unit == "percent" else 3.0  # errors of logarithms
    for _, cell in cells:
        assert (cell.mean is not None) == (cell.status == "value")
        assert cell.mean is None or 0 < cell.mean < bound
        assert cell.std is None or 0 <= cell.std < 0.09


@pytest.mark.parametrize("name", available())
def test_no_model_is_listed_twice(name: str):
    models = [row.model for row in load_benchmark(name).published]
    assert len(models) == len(set(models))
    ours = [row.ours for row in load_benchmark(name).published if row.ours]
    assert len(ours) == len(set(ours))


def _published(name: str, model: str, dataset: str) -> dict[str, tuple[float, float] | str]:
    row = next(row for row in load_benchmark(name).published if row.model == model)
    return {
        metric: cell.status if cell.mean is None else (cell.mean, cell.std)
        for metric, cell in row.results[dataset].items()
    }


def test_published_rphgnn_rows_as_fractions():
    published = _published("hgb-node-classification", "RpHGNN", "hgb/DBLP")
    assert published["micro_f1"] == pytest.approx((0.9555, 0.0029))
    assert published["macro_f1"] == pytest.approx((0.9523, 0.0031))
    acm = _published("hgb-node-classification", "RpHGNN", "hgb/ACM")
    assert acm["micro_f1"] == pytest.approx((0.9404, 0.0059))
    assert acm["macro_f1"] == "unknown"
    mag = _published("large-graphs", "RpHGNN+LP+CR (LINE embs)", "ogbn/mag")
    assert mag["accuracy"] == pytest.approx((0.5773, 0.0012))


def test_hgb_has_all_published_rows():
    benchmark = load_benchmark("hgb-node-classification")
    counts = {
        dataset: sum(dataset in row.results for row in benchmark.published)
        for dataset in benchmark.datasets
    }
    # 16 in the main table, SeHGNN with labels (multi-stage on two sets), two later ones.
    assert counts == {"hgb/DBLP": 19, "hgb/ACM": 17, "hgb/IMDB": 20, "hgb/Freebase": 20}
    assert sum(row.labels == "used" for row in benchmark.published) == 4


def test_gtn_has_all_published_rows_and_latte_without_numbers():
    name = "gtn-node-classification"
    benchmark = load_benchmark(name)
    counts = {
        dataset: sum(dataset in row.results for row in benchmark.published)
        for dataset in benchmark.datasets
    }
    assert counts == {"gtn/ACM": 11, "gtn/IMDB": 11, "gtn/DBLP": 10}
    cogdl = _published(name, "GTN (CogDL)", "gtn/DBLP")
    assert cogdl == {"macro_f1": (pytest.approx(0.9203), None)}
    fast = _published(name, "fastGTN (OpenHGNN)", "gtn/IMDB")
    assert fast["micro_f1"][0] == pytest.approx(0.6259)
    assert _published(name, "LATTE", "gtn/ACM") == dict.fromkeys(benchmark.metrics, "unknown")


@pytest.mark.parametrize(
    ("name", "paired"),
    [
        (
            "hgb-node-classification",
            {"rgcn", "han", "hgt", "simple_hgn", "sehgnn", "rphgnn"},
        ),
        ("gtn-node-classification", {"latte", "han"}),
        ("heco-node-classification", {"diffgraph", "han"}),
        ("multi-behaviour-recommendation", {"diffgraph"}),
    ],
)
def test_published_rows_of_our_models_are_paired(name: str, paired: set[str]):
    rows = {row.ours: row for row in load_benchmark(name).published if row.ours}
    assert set(rows) == paired
    assert all(row.labels == "free" for row in rows.values())


def test_label_free_and_label_using_sehgnn_are_apart():
    rows = {row.model: row for row in load_benchmark("hgb-node-classification").published}
    assert rows["SeHGNN (no labels)"].labels == "free"
    assert rows["SeHGNN"].labels == "used"
    assert rows["RGCN"].test == "full"
    assert rows["RpHGNN"].test == "unknown"


def test_unknown_benchmark_gets_a_suggestion():
    with pytest.raises(ConfigError, match="Did you mean 'hgb-node-classification'"):
        load_benchmark("hgb-node-clasification")


def test_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"absent\.yaml does not exist"):
        load_benchmark(tmp_path / "absent.yaml")


def test_select_takes_full_and_short_names_and_suggests(tiny: Path):
    benchmark = load_benchmark(tiny)
    assert [d.name for d in benchmark.select(["IMDB", "hgb/DBLP"])] == ["hgb/IMDB", "hgb/DBLP"]
    assert len(benchmark.select(None)) == 3
    with pytest.raises(ConfigError, match="Did you mean 'hgb/DBLP'"):
        benchmark.select(["hgb/DBPL"])
