from __future__ import annotations

from pathlib import Path

import pytest

from hetgraph import renamed
from hetgraph.errors import ConfigError
from hetgraph.leaderboards.parse import parse_benchmark
from hetgraph.renamed import Renamed


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
    (
        "unit: percent",
        "unit: percents",
        r"yaml: unit is 'percents', expected one of 'percent', 'raw'\.$",
    ),
    ("labels: free", "labels: none", r"published\.0\.labels is 'none', expected one of 'free', "),
    ("source: paper", "source: papr", r"source 'papr' is not declared\. Did you mean 'paper'"),
    ("95.55 ± 0.29", "95.55 plus 1", r"published\.0\.results\.hgb/DBLP: micro_f1 is"),
    ("95.55 ± 0.29", "195.55 ± 0.29", "more than 100 percent"),
    ("hgb/IMDB: {macro_f1", "hgb/IMBD: {macro_f1", r"dataset 'hgb/IMBD' is not declared"),
    ("summary:", "sumary:", r"unknown key 'sumary'\. Did you mean 'summary'"),
    (
        "margins: {micro_f1: 1.5}",
        "margins: {}",
        r"key 'datasets\.hgb/Freebase\.margins\.micro_f1' is missing",
    ),
    (
        "margins: {micro_f1: 1.5}",
        "margins: {micro_f1: -1}",
        r"Freebase\.margins\.micro_f1 is -1, expected a number > 0",
    ),
    ("metrics: [micro_f1]", "metrics: [micro_f]", "metric 'micro_f' is not declared"),
    ("runs: 10", "{runs: 10, assumed_runs: 5}", "cannot be read as YAML"),
    ("runs: 10", "runs: ten", r"published\.1\.runs is 'ten', expected a whole number or nothing"),
    ("runs: 10", "runs: true", "runs is True, expected a whole number"),
    ("alpha: 0.05", "alpha: 0.9", "verdict.alpha is 0.9, expected a number < 0.5"),
    ("min_runs: 5", "min_runs: 1", "min_runs is 1, expected a whole number >= 2"),
    ("name: tiny", "name: small", "the file is called tiny.yaml"),
    ("title: A tiny <benchmark>\n", "", "key 'title' is missing"),
    (
        "rank_by: micro_f1",
        "rank_by: auc",
        r"rank_by: metric 'auc' is not declared\. Known: macro_f1, micro_f1\.$",
    ),
    ("runnable: false", "runnable: never", "runnable is 'never', expected true or false"),
    ("test: full", "test: all", r"published\.1\.test is 'all'"),
    ("labels: used", "labels: used\n    labels: free", "'labels' is given twice"),
    (
        "published:\n",
        "rows: [{label: A, model: b, datasets: [x]}]\npublished:\n",
        "dataset 'x' is not",
    ),
    ("published:\n", "paired: {against: RpHGNN, period: 1}\npublished:\n", "period is 1, expected"),
    (
        "published:\n",
        "paired: {against: RpHGN}\npublished:\n",
        r"row 'RpHGN' is not declared\. Did you mean 'RpHGNN'\?$",
    ),
    ("variants:\n", "never: 1\nvariants:\n", "unknown key 'never'"),
    ("full: {label", "full: {name: x, label", r"unknown key 'variants\.full\.name'"),
    (
        "variants:\n  full: {label: full test}\n  half: {label: half test, suffix: _half}\n",
        "variants: {}\n",
        "variants is empty",
    ),
    ("protocol: [Test", "protocol: [1, Test", r"protocol\.0 is 1, expected text"),
    (
        "{label: Macro-F1}",
        "{lable: Macro-F1}",
        r"'metrics\.macro_f1\.lable'\. Did you mean 'l",
    ),
    ("hgb/Freebase: oom", "hgb/Freebase: none", r"results\.hgb/Freebase: expected values by"),
    ("micro_f1: 96.1", "micr_f1: 96.1", r"results\.hgb/DBLP: unknown key 'micr_f1'\. Did you"),
    ("sources: {micro_f1: figure}", "sources: figure", "sources is 'figure', expected a mapping"),
    ("datasets:\n", "datasets:\n  1: {margins: {}}\n", "the key 1 of datasets is no text"),
    ('url: "https://example.org/paper"', "url: 3", r"sources\.paper\.url is 3, expected text"),
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
    with pytest.raises(ConfigError, match=r"tiny\.yaml must hold keys such as name and title\.$"):
        parse_benchmark(tiny)


def test_renamed_settings_are_read_under_their_names_of_today(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    text = tiny.read_text(encoding="utf-8").replace(
        "    label: IMDB\n", "    label: IMDB\n    settings: {task: {test: half}}\n"
    )
    text += "rows: [{label: Wide, model: rphgnn, settings: {model: {width: 8}}}]\n"
    tiny.write_text(text, encoding="utf-8")
    table = (
        Renamed("task.test", "task.scored"),
        Renamed("model.width", "model.dim", methods=("rphgnn",)),
    )
    monkeypatch.setattr(renamed, "RENAMED", table)
    benchmark = parse_benchmark(tiny)
    assert benchmark.settings == {"task": {"scored": "half"}}
    assert benchmark.datasets["hgb/IMDB"].settings == {"task": {"scored": "half"}}
    assert benchmark.rows[0].settings == {"model": {"dim": 8}}


def test_all_mistakes_are_one_report(tiny: Path):
    """Wrong types and places that do not fit together; no mistake is told as another one."""
    text = tiny.read_text(encoding="utf-8")
    for old, new in (
        ("title: A tiny <benchmark>\n", ""),
        ("unit: percent", "unit: percents"),
        ("{alpha: 0.05", "{alpha: 2"),
        ("margins: {micro_f1: 1.5}", "margins: {micro_f1: -1}"),
        ("labels: free", "labels: none"),
        ("hgb/Freebase: oom", "hgb/Freebas: oom"),
        ("micro_f1: 96.1 ± 0.2", "micro_f1: 96.1 plus 1"),
        ("rank_by: micro_f1", "rank_by: micro_f2"),
        ("source: figure\n", "source: figur\n"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    tiny.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        parse_benchmark(tiny)
    messages = caught.value.messages  # type: ignore[attr-defined]
    assert all(message.startswith("tiny.yaml: ") for message in messages)
    assert [message.removeprefix("tiny.yaml: ") for message in messages] == [
        "unit is 'percents', expected one of 'percent', 'raw'.",
        "verdict.alpha is 2, expected a number < 0.5.",
        "datasets.hgb/Freebase.margins.micro_f1 is -1, expected a number > 0.0.",
        "published.0.labels is 'none', expected one of 'free', 'unknown', 'used'.",
        "the key 'title' is missing.",
        "rank_by: metric 'micro_f2' is not declared. Did you mean 'micro_f1'?",
        "published.1: dataset 'hgb/Freebas' is not declared. Did you mean 'hgb/Freebase'?",
        "published.1: source 'figur' is not declared. Did you mean 'figure'?",
        "published.1.results.hgb/DBLP: micro_f1 is '96.1 plus 1', expected 'mean ± std', 'oom' or "
        "'unknown'.",
    ]


def test_a_benchmark_needs_no_published_rows(tiny: Path):
    text = tiny.read_text(encoding="utf-8")
    tiny.write_text(text[: text.index("sources:")], encoding="utf-8")
    benchmark = parse_benchmark(tiny)
    assert (benchmark.published, benchmark.sources) == ((), {})
