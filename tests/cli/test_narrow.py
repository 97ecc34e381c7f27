"""Every listing in terminals of 80 and 60 columns: names and numbers are whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hetgraph.catalog.loading import dataset_names
from hetgraph.leaderboards import available, load_benchmark
from hetgraph.registry import models

WIDTHS = (80, 60)


@pytest.fixture(params=WIDTHS)
def narrow(request: pytest.FixtureRequest, hetgraph: Callable, monkeypatch: pytest.MonkeyPatch):
    """Runs a command in a narrow pipe, checks the width of its lines, and returns its output."""
    monkeypatch.setenv("COLUMNS", str(request.param))

    def run(*words: str) -> str:
        code, out, err = hetgraph(*words)
        assert code == 0, err
        assert "…" not in out
        return out

    run.width = request.param
    return run


def test_data_sets(narrow: Callable) -> None:
    out = narrow("datasets")
    words = out.split()
    for name in dataset_names():
        assert name in words
    assert "207,420" not in out
    assert "544,230" in words
    assert all(len(line) <= narrow.width for line in out.splitlines()[:-1])


def test_models_and_their_settings(narrow: Callable) -> None:
    words = narrow("models").replace(",", " ").split()
    for name in models.names():
        assert name in words
    assert "node-classification" in words
    out = narrow("models", "higpt")
    assert "model.language.max_length" in out
    assert "model.grounding_batch" in out


@pytest.mark.parametrize("model", models.names())
def test_the_card_of_every_model(narrow: Callable, model: str) -> None:
    lines = narrow("models", model).splitlines()
    assert all(len(line) <= narrow.width for line in lines)


def test_the_facts_of_every_data_set(narrow: Callable) -> None:
    for name in (name for name in dataset_names() if not name.startswith("synthetic/")):
        assert f"hetgraph datasets fetch {name}\n" in narrow("datasets", "info", name)


def test_benchmarks(narrow: Callable) -> None:
    out = narrow("leaderboard").replace(",", " ").split()
    for name in available():
        assert name in out
        assert set(load_benchmark(name).datasets) <= set(out)
    assert {"kernels", "models", "scale", "standins", "tables"} <= set(narrow("bench").split())


def test_the_tables_of_a_benchmark(narrow: Callable) -> None:
    out = narrow("leaderboard", "show", "link-prediction", "--no-write")
    for text in ("57.21±0.09", "77.68±0.18", "diffgraph", "▲ better", "· not run"):
        assert text in out
    narrow("leaderboard", "show", "few-shot-transfer", "--no-write")


def test_a_data_set(narrow: Callable) -> None:
    out = narrow("datasets", "info", "synthetic/academic")
    for text in ("paper -published_in> venue", "37 / 49 / 58 / 66 / 148", "24,024"):
        assert text in out
    assert "author-paper-venue-paper-author" in out


def test_a_meta_path(narrow: Callable) -> None:
    out = narrow("metapath", "synthetic/academic", "author-paper-author")
    assert "author-paper-author on synthetic/academic" in " ".join(out.split())
    assert "2,400 x 2,400" in out


def test_a_run_and_its_explanation(narrow: Callable, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    options = ("--set", "data.num_nodes=300", "--set", "train.max_epochs=1")
    folder = tmp_path / "runs" / ("long_" * 20)
    out = narrow("train", "rgcn", *options, "--out", str(folder))
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    for name, value in metrics["test"].items():
        assert name in out
        assert value is None or f"{value:.4f}" in out
    assert f"result: {folder / 'result.json'}\n" in out
    out = narrow("explain", str(folder), "--format", "svg")
    assert "0.5" in out
