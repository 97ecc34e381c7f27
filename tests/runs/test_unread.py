"""A run tells what of a graph its method does not read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import hetgraph
from hetgraph.catalog import Dataset, Labels
from hetgraph.data import HeteroGraph, Relation
from hetgraph.methods import Encoder
from hetgraph.registry import models
from hetgraph.runs.unread import holdings, unread_note

ENDS = torch.tensor([0, 1, 2])


def dataset(
    *, text: bool = False, metapaths: bool = False, features: bool = True, **edges: Any
) -> Dataset:
    """Three papers that cite each other."""
    graph = HeteroGraph(
        num_nodes={"paper": 3},
        relations={
            ("paper", "cites", "paper"): Relation.from_edges(ENDS, ENDS.roll(1), 3, 3, **edges)
        },
        features={"paper": torch.eye(3)} if features else {},
        text={"paper": ["a", "b", "c"]} if text else {},
    )
    labels = Labels("paper", 2, ENDS, ENDS % 2)
    paths = {"PP": "paper-paper"} if metapaths else {}
    return Dataset("toy/papers", graph, labels, metapaths=paths)


def note(name: str, data: Dataset, **options: Any) -> str:
    cls = models.get(name)
    settings = options.pop("settings", {})
    return unread_note(cls, cls.Config(**settings), data, **options)


def test_all_that_a_graph_has_is_seen() -> None:
    times, weights = torch.tensor([1, 2, 3]), torch.tensor([1.0, 2.0, 1.0])
    full = dataset(
        text=True, metapaths=True, weight=weights, edge_features=torch.ones(3, 2), edge_time=times
    )
    words = {"features", "text", "metapaths", "edge_weight", "edge_feature", "edge_time"}
    assert holdings(full) == words
    for missing in ("weight", "edge_features", "edge_time"):
        given = {"weight": weights, "edge_features": torch.ones(3, 2), "edge_time": times}
        del given[missing]
        assert len(holdings(dataset(text=True, metapaths=True, **given))) == 5
    assert holdings(dataset(features=False)) == frozenset()
    assert holdings(dataset(weight=torch.ones(3))) == {"features"}


def test_what_is_not_read_is_listed_in_one_line() -> None:
    data = dataset(text=True, metapaths=True, edge_time=ENDS, weight=torch.tensor([1.0, 2.0, 3.0]))
    assert note("mlp", data) == (
        "mlp does not read node texts, edge weights, edge times or meta-paths; "
        "`hetgraph models --matrix` lists what a model reads."
    )
    assert note("han", dataset(metapaths=True)) == ""
    assert note("rgcn", dataset(weight=torch.tensor([1.0, 2.0, 3.0]))) == ""
    assert note("degree", dataset()).startswith("degree does not read node features;")


def test_a_setting_that_would_read_it_is_named() -> None:
    data = dataset(weight=torch.tensor([1.0, 2.0, 3.0]))
    assert note("rphgnn", data, settings={"edge_weights": False}) == (
        "rphgnn does not read edge weights; its settings decide on edge weights, see "
        "`hetgraph models rphgnn`."
    )
    assert note("rphgnn", data) == ""


def test_what_a_family_of_tasks_leaves_out_is_told() -> None:
    """DiffGraph recommends from behaviours alone, whatever the settings."""
    data = dataset(metapaths=True)
    assert note("diffgraph", data) == ""
    told = "diffgraph does not read node features or meta-paths; `hetgraph models --matrix` "
    assert note("diffgraph", data, family="recommendation").startswith(told)
    assert note("diffgraph", replace(data, task="recommendation")).startswith(told)


def test_texts_that_are_features_now_are_read() -> None:
    assert "node texts" in note("mlp", dataset(text=True))
    assert note("mlp", dataset(text=True), encoded_text=True) == ""
    assert "node texts" in note("degree", dataset(text=True), encoded_text=True)


def test_nothing_is_said_of_a_model_that_does_not_say() -> None:
    class Silent(Encoder):
        name = "silent"

    assert unread_note(Silent, None, dataset(text=True)) == ""  # type: ignore[type-abstract]


@pytest.mark.parametrize("progress", [True, False])
def test_a_run_tells_it_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], progress: bool
) -> None:
    (tmp_path / "tables/nodes").mkdir(parents=True)
    rows = "".join(f"{n},{n % 2},the text of {n},{n % 3}\n" for n in range(30))
    (tmp_path / "tables/nodes/paper.csv").write_text("id,label,text,features\n" + rows)
    settings = {"train": {"device": "cpu", "max_epochs": 1}}
    name = f"tables:{tmp_path / 'tables'}"
    hetgraph.run("mlp", name, settings=settings, out=tmp_path / "own", progress=progress)
    note = "note: mlp does not read node texts;"
    assert (note in capsys.readouterr().err) == progress
    encoded = {**settings, "data": {"text": "hash"}}
    hetgraph.run("mlp", name, settings=encoded, out=tmp_path / "text", progress=progress)
    assert "note:" not in capsys.readouterr().err
