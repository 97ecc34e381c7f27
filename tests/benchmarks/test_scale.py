from __future__ import annotations

import csv
from pathlib import Path

import pytest
from rich.console import Console

from hetgraph.benchmarks import scale
from hetgraph.benchmarks.scale import Measurement, measure


def test_measure_counts_the_graph_and_its_tensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = measure(0.002)
    assert one.num_nodes == pytest.approx(0.002 * 1_939_743, rel=0.05)
    assert one.num_edges == pytest.approx(0.002 * 21_111_007, rel=0.05)
    assert one.prepare_seconds > 0
    assert 0 < one.stored_bytes < one.peak_bytes
    assert not list(tmp_path.iterdir())


def test_run_writes_a_table_and_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scale, "QUICK_SCALES", (0.001, 0.002))
    console = Console(record=True, width=120)
    scale.run(console, quick=True)
    with (tmp_path / scale.RESULTS / "scale.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert int(rows[0]["num_edges"]) < int(rows[1]["num_edges"])
    assert f"{int(rows[1]['num_edges']):,}" in console.export_text()


def test_plot_needs_only_the_measurements(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [Measurement(10, 10**6 * i, 1.0, 2.0 * i, 100, 2**30) for i in (1, 2)]
    scale.plot(rows, tmp_path / "scale.svg")
    assert (tmp_path / "scale.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
