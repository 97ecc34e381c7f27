from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hetgraph.model import Model, RelevanceRow

ROWS = [
    RelevanceRow("author", "author -writes> paper", 0, 0.25),
    RelevanceRow("author", "author[x]", 1, 0.75, 0.1),
    RelevanceRow("paper", "paper-venue", 0, 1.0),
]


class Told(Model):
    """A model that is not built, only asked for its relevance."""

    name = "told"

    def __init__(self, rows: list[RelevanceRow]) -> None:
        self.rows = rows

    def relevance(self) -> list[RelevanceRow]:
        return self.rows


Told.__abstractmethods__ = frozenset()


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps({"model": "told", "dataset": "toy/set"}))
    monkeypatch.setattr(Model, "load", staticmethod(lambda path: Told(ROWS)))
    return folder


def test_table_and_csv(hetgraph: Callable, run_folder: Path) -> None:
    code, out, _ = hetgraph("explain", str(run_folder))
    assert code == 0
    assert "told on toy/set" in out
    assert out.index("author[x]") < out.index("author -writes> paper"), "the largest comes first"
    with (run_folder / "relevance.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["relation"] for row in rows] == [row.relation for row in ROWS]
    assert [float(row["weight"]) for row in rows] == [0.25, 0.75, 1.0]
    assert [float(row["spread"]) for row in rows] == [0.0, 0.1, 0.0]


def test_a_model_without_relevance_is_said_so(
    hetgraph: Callable, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Model, "load", staticmethod(lambda path: Told([])))
    code, _, err = hetgraph("explain", str(run_folder))
    assert code == 2
    assert "'told' has no relevance" in err
    assert not (run_folder / "relevance.csv").exists()


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_a_folder_that_is_no_run(hetgraph: Callable, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "result.json").write_text(content)
    code, _, err = hetgraph("explain", str(tmp_path))
    assert code == 2
    assert "result.json" in err
    assert err.count("\n") == 1
