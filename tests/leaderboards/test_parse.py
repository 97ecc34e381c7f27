from __future__ import annotations

from pathlib import Path

import pytest

from hetgraph.errors import ConfigError
from hetgraph.leaderboards.parse import parse_benchmark


def test_values_become_fractions_with_their_own_source(tiny: Path):
    benchmark = parse_benchmark(tiny)
    ours, other = benchmark.published
    assert ours.results["hgb/DBLP"]["micro_f1"].mean == pytest.approx(0.9555)
    assert ours.results["hgb/DBLP"]["micro_f1"].source == "paper"
    assert ours.results["hgb/IMDB"]["micro_f1"].source == "figure"
    assert ours.results["hgb/IMDB"]["macro_f1"].status == "unknown"
    assert other.results["hgb/Freebase"]["micro_f1"].status == "oom"
    assert benchmark.datasets["hgb/DBLP"].margins["micro_f1"] == pytest.approx(0.01)
    assert benchmark.settings == {"task": {"test": "half"}}
    assert [variant.suffix for variant in benchmark.variants] == ["", "_half"]


def test_assumed_runs_are_told_from_established_ones(tiny: Path):
    ours, other = parse_benchmark(tiny).published
    assert (ours.runs, ours.runs_assumed) == (5, True)
    assert (other.runs, other.runs_assumed) == (10, False)


MISTAKES = [
    ("unit: percent", "unit: percents", r"top: unit is 'percents', expected one of percent, raw"),
    ("labels: free", "labels: none", r"published\[0\]: labels is 'none'"),
    ("source: paper", "source: papr", r"source 'papr' is not declared\. Did you mean 'paper'"),
    ("95.55 ± 0.29", "95.55 plus 1", r"published\[0\]\.results\.hgb/DBLP: micro_f1 is"),
    ("95.55 ± 0.29", "195.55 ± 0.29", "more than 100 percent"),
    ("hgb/IMDB: {macro_f1", "hgb/IMBD: {macro_f1", r"dataset 'hgb/IMBD' is not declared"),
    ("summary:", "sumary:", r"unknown key 'sumary'\. Did you mean 'summary'"),
    ("margins: {micro_f1: 1.5}", "margins: {}", r"datasets\.hgb/Freebase\.margins: key 'micro_f1'"),
    ("margins: {micro_f1: 1.5}", "margins: {micro_f1: -1}", "must be positive"),
    ("metrics: [micro_f1]", "metrics: [micro_f]", "metric 'micro_f' is not declared"),
    ("runs: 10", "{runs: 10, assumed_runs: 5}", "not valid YAML"),
    ("runs: 10", "runs: ten", "runs has the wrong type: 'ten'"),
    ("runs: 10", "runs: true", "runs has the wrong type: True"),
    ("alpha: 0.05", "alpha: 0.9", "alpha must lie in"),
    ("min_runs: 5", "min_runs: 1", "at least 2"),
    ("name: tiny", "name: small", "the file is called tiny.yaml"),
    ("title: A tiny <benchmark>\n", "", "key 'title' is missing"),
    ("rank_by: micro_f1", "rank_by: auc", "rank_by is 'auc'"),
    ("runnable: false", "runnable: never", "runnable has the wrong type"),
    ("test: full", "test: all", r"published\[1\]: test is 'all'"),
    ("labels: used", "labels: used\n    labels: free", "'labels' is given twice"),
    (
        "published:\n",
        "rows: [{label: A, model: b, datasets: [x]}]\npublished:\n",
        "dataset 'x' is not",
    ),
    ("published:\n", "paired: {against: RpHGNN, period: 1}\npublished:\n", "at least 2"),
    ("published:\n", "paired: {against: RpHGN}\npublished:\n", "against is 'RpHGN', expected"),
    ("variants:\n", "variants: {}\nnever:\n", "unknown key 'never'"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_mistakes_name_the_file_and_the_place(tiny: Path, old: str, new: str, message: str):
    text = tiny.read_text(encoding="utf-8")
    assert old in text
    tiny.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        parse_benchmark(tiny)
    assert "tiny.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_both_kinds_of_runs_are_refused(tiny: Path):
    text = tiny.read_text(encoding="utf-8").replace("runs: 10", "runs: 10\n    assumed_runs: 5")
    tiny.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="not both"):
        parse_benchmark(tiny)


def test_a_list_instead_of_a_benchmark_is_refused(tiny: Path):
    tiny.write_text("- 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected a mapping"):
        parse_benchmark(tiny)
