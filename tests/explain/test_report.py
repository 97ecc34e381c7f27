from __future__ import annotations

import csv
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import hetgraph as package
from hetgraph.errors import ConfigError
from hetgraph.explain import explain, report
from hetgraph.explain.flow import SEVERAL, flow_data
from hetgraph.explain.heatmap import heat_data
from hetgraph.explain.scatter import project
from hetgraph.metapaths import registry
from hetgraph.methods import Method, RelevanceRow
from hetgraph.runs.reopen import OpenRun, reopen

# matplotlib only warns where there is no room for a layout.
pytestmark = pytest.mark.filterwarnings("error")

Build = Callable[..., OpenRun]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run, one epoch on a small generated graph."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    settings = {
        "train": {"max_epochs": 1, "device": "cpu"},
        "data": {"scale": 0.05},
        "model": {"hidden_dim": 8},
    }
    package.run("rphgnn", out=folder, settings=settings, progress=False)
    return folder


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[OpenRun], Path]:
    """Makes :func:`explain` open the given run."""

    def install(run: OpenRun) -> Path:
        monkeypatch.setattr(report, "reopen", lambda folder, root: run)
        return run.folder

    return install


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_real_run_gets_a_table_and_pictures(trained: Path) -> None:
    before = names(trained)
    made = explain(trained)
    names_of = ("relevance", "flow", "embedding", "schema", "reliability")
    pictures = {f"explain/{name}" for name in names_of}
    files = {"relevance.csv"} | {
        f"{picture}.{kind}" for picture in pictures for kind in ("png", "svg")
    }
    assert names(trained) - before == files
    assert {str(path.relative_to(trained)) for path in made.files} == files
    assert made.notes == ()

    run = reopen(trained)
    rows = run.model.relevance(run.inputs)
    assert list(made.rows) == rows
    with (trained / "relevance.csv").open(newline="") as file:
        assert [float(line["weight"]) for line in csv.DictReader(file)] == [r.weight for r in rows]


def test_a_registered_text_is_stored_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process, in which nothing is registered, can explain the run."""
    monkeypatch.setattr(registry, "_registered", {})
    package.register_metapath("synthetic/academic", "colleagues", "author-paper-author")
    settings = {
        "train": {"max_epochs": 1, "device": "cpu"},
        "data": {"num_nodes": 300},
        "model": {"hidden_dim": 8},
    }
    out = tmp_path / "run"
    paths = ["colleagues", "author-paper-author"]
    package.run("han", out=out, settings=settings, metapaths=paths, progress=False)
    words = [sys.executable, "-m", "hetgraph", "explain", str(out), "--format", "svg"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "colleagues is author-paper-author" in done.stdout.splitlines()


def test_the_numbers_behind_the_pictures_are_the_models(trained: Path) -> None:
    run = reopen(trained)
    rows = run.model.relevance(run.inputs)
    layout = run.model.encoder.layout
    (heat,) = heat_data(rows)
    shown = {
        (name, int(column)): weight
        for name, weights in zip(heat.relations, heat.weight, strict=True)
        for column, weight in zip(heat.columns, weights, strict=True)
        if np.isfinite(weight)
    }
    assert shown == pytest.approx({(row.relation, row.order): row.weight for row in rows})
    flows = flow_data(rows, run.task.graph.schema)
    starts = [
        group.start if order == 0 else SEVERAL
        for group, slots in zip(layout.feature_groups, layout.names, strict=True)
        for _, order in slots
    ]
    for flow, row, start in zip(flows, rows, starts, strict=True):
        assert (flow.weight, flow.order) == (row.weight, row.order)
        assert (flow.source, flow.node_type) == (start, "author")

    (data,) = report.embedding_data(run).values()
    splits = {split: run.task.index(split) for split in ("train", "valid", "test")}
    with torch.no_grad():
        vectors = torch.cat([run.model.embed(run.inputs, split) for split in splits])
    assert torch.equal(data.points, project(vectors)[0])
    shown = torch.cat([run.task.labels[ids] for ids in splits.values()])
    assert torch.equal(data.classes, shown)
    assert bool((data.classes[-splits["test"].numel() :] == -1).all()), "test labels stay hidden"


def test_representations_on_the_way_are_drawn_too(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = reopen(trained)
    found = {split: run.model.embed(run.inputs, split)[:, :3] for split in run.task.open_splits()}
    monkeypatch.setattr(Method, "earlier", lambda self, inputs, split: {"half way": found[split]})
    data = report.embedding_data(run)
    assert list(data) == ["half way", ""]
    assert torch.equal(data["half way"].points, project(torch.cat(list(found.values())))[0])
    files = explain(trained, formats=("png",)).files
    assert {"embedding.png", "embedding-half-way.png"} <= {path.name for path in files}


def test_by_class(open_run: Build, use: Callable[[OpenRun], Path]) -> None:
    folder = use(open_run())
    made = explain(folder, by_class=True, formats=["svg"])
    assert made.class_names == ("theory", "systems", "graphs")
    # 20 authors of classes 0, 1, 2, 0, ... are visible, 10 are test.
    assert {row.label: row.weight for row in made.rows[2:]} == {0: 7.0, 1: 7.0, 2: 6.0}
    assert "explain/relevance-by-class.svg" in names(folder)
    assert not list(folder.rglob("*.png"))


def test_by_class_where_a_node_has_several(open_run: Build) -> None:
    run = open_run(multi_label=True)
    rows = run.relevance(by_class=True)
    assert rows[:2] == list(run.model.rows)
    # Of the authors 0 to 19, ten are even and seven are multiples of three.
    assert {row.label: row.weight for row in rows[2:]} == {0: 10.0, 1: 7.0}


def test_classes_that_change_nothing_are_noted(
    open_run: Build, use: Callable[[OpenRun], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run()
    monkeypatch.setattr(run.model, "relevance", lambda *_: list(run.model.rows))
    made = explain(use(run), by_class=True, formats=[])
    assert made.notes == (
        "told has the same weights for all nodes, so there are no weights by class.",
    )


def test_a_model_without_relevance_still_gets_pictures(
    open_run: Build, use: Callable[[OpenRun], Path]
) -> None:
    folder = use(open_run(rows=()))
    made = explain(folder, formats=["png"])
    assert made.rows == ()
    assert made.notes == ("told weighs no relations, so there is no relevance table.",)
    assert names(folder) == {"explain/embedding.png", "explain/schema.png"}


def test_without_matplotlib_there_is_the_table_and_a_hint(
    open_run: Build, use: Callable[[OpenRun], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    folder = use(open_run())
    made = explain(folder)
    assert names(folder) == {"relevance.csv"}
    (note,) = made.notes
    assert "pip install 'hetgraph[plot]'" in note
    assert "\n" not in note


def test_one_relation_with_an_odd_name(open_run: Build, use: Callable[[OpenRun], Path]) -> None:
    row = RelevanceRow("author", "[bold]$\\frac{1}{$,\n" + "x" * 200, 0, 1.0)
    folder = use(open_run(rows=(row,)))
    assert len(explain(folder, formats=["svg"]).files) == 5


def test_an_unknown_format_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown figure format 'jpg'"):
        explain(tmp_path / "nowhere", formats=["jpg"])


def test_matplotlib_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, hetgraph.explain, hetgraph.cli; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_recommender_has_no_classes_to_show(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    generator = np.random.default_rng(0)
    bought = generator.random((12, 15)) < 0.3
    test = (generator.random((12, 15)) < 0.1) & ~bought
    for name, chosen in (("train_mat_buy", bought), ("train_mat_view", bought), ("test_mat", test)):
        matrix = sp.csr_matrix(chosen.astype(np.int64))
        (shop / f"{name}.pkl").write_bytes(pickle.dumps(matrix, protocol=4))
    settings = {"train": {"max_epochs": 1, "device": "cpu"}, "model": {"hidden_dim": 8}}
    out = tmp_path / "run"
    package.run("diffgraph", f"diffgraph:{shop}", out=out, settings=settings, progress=False)
    made = explain(out, by_class=True, formats=("svg",))
    assert {path.stem for path in made.files} == {"relevance", "flow", "schema"}
    assert {(row.node_type, row.relation) for row in made.rows} == {
        ("item", "user -buy> item"),
        ("item", "user -view> item"),
        ("user", "item -rev_buy> user"),
        ("user", "item -rev_view> user"),
    }
    assert "no weights by class" in made.notes[0]
