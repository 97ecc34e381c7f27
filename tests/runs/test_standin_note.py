"""A run tells which node types have which stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest

import hetgraph
from hetgraph.data import HeteroGraph
from hetgraph.features import apply_standins
from hetgraph.registry import models
from hetgraph.runs.reopen import reopen
from hetgraph.runs.standin_note import standin_note

COUNTS = {"author": 2, "paper": 3, "venue": 1}


def note(model: str, kinds: dict[str, str] | str) -> str:
    graph = HeteroGraph(num_nodes=COUNTS, relations={})
    return standin_note(models.get(model), apply_standins(graph, kinds))


def test_types_of_the_same_standin_are_listed_together() -> None:
    assert note("rgcn", {"author": "incidence-svd"}) == (
        "'author' has no features: incidence-svd (dim 64)"
    )
    assert note("rgcn", {"author": "random:8", "paper": "ids", "venue": "random:8"}) == (
        "'author' and 'venue' have no features: random (dim 8); "
        "'paper' has no features: ids (one learned vector per node)"
    )


def test_methods_that_learn_no_vectors_say_what_they_have() -> None:
    for model in ("rphgnn", "prototype", "gph2"):
        assert "which is not learned" in note(model, "ids")
    assert "one-hot ids" in note("sehgnn", "ids")
    assert note("pagerank", "random") == (
        "pagerank reads no features, so it reads no stand-ins either."
    )


def test_nothing_is_said_where_there_is_nothing() -> None:
    graph = HeteroGraph(num_nodes=COUNTS, relations={})
    assert standin_note(models.get("rgcn"), graph) == ""
    asked = standin_note(models.get("rgcn"), graph, asked=True)
    assert asked == "all node types have features, so there are no stand-ins."


def test_a_run_tells_it_on_stderr_and_reopens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tables/nodes").mkdir(parents=True)
    (tmp_path / "tables/edges").mkdir()
    rows = "".join(f"{n},{n % 2}\n" for n in range(30))
    (tmp_path / "tables/nodes/paper.csv").write_text("id,label\n" + rows)
    edges = "".join(f"a{n % 4},{n}\n" for n in range(30))
    (tmp_path / "tables/edges/author__writes__paper.csv").write_text("src,dst\n" + edges)
    settings = {
        "train": {"device": "cpu", "max_epochs": 1},
        "data": {"standins": "{author: ids, paper: incidence-svd}"},  # as on the command line
    }
    out = tmp_path / "run"
    hetgraph.run("rgcn", f"tables:{tmp_path / 'tables'}", settings=settings, out=out)
    text = capsys.readouterr().err
    assert "note: 'author' has no features: ids (one learned vector per node); 'paper' has" in text
    assert reopen(out).task.graph.features["paper"].shape == (30, 64)


def test_computed_columns_are_no_standins() -> None:
    graph = hetgraph.load_dataset("synthetic/academic", num_nodes=200, structure="walks").graph
    assert graph.standins
    assert standin_note(models.get("rgcn"), graph) == ""
