"""Targets of every kind in a folder that `save_tables` wrote."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import yaml

from hetgraph import load_dataset
from hetgraph.catalog import Dataset, EdgeLabels, EdgeValues, Labels, Links, Split, Values
from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.features import apply_standins
from hetgraph.io import load_tables, save_tables

WRITES, LIKES = EdgeType("author", "writes", "paper"), EdgeType("author", "likes", "paper")
PAIRS = torch.tensor([[4, 0, 4], [6, 0, 6]])
SPLIT = {"s": Split(torch.tensor([0]), torch.tensor([2]), torch.tensor([1]))}
LABELS = Labels("paper", 2, torch.tensor([1, 4]), torch.tensor([1, 0]), False, ("1", "x"))
VALUES = Values("paper", torch.tensor([0, 3]), torch.tensor([0.5, 2.0]).double())
KINDS = EdgeLabels(WRITES, 3, PAIRS, torch.tensor([2, 0, 0]), None, ("a", "b", "no"))
STARS = EdgeValues(
    LIKES, PAIRS, torch.tensor([0.1, 1e300, -2.0], dtype=torch.float64), torch.arange(3)
)
NEAR = Links((WRITES,), None, PAIRS[:, :2])
FAR = Links((LIKES,), PAIRS, PAIRS[:, 1:], PAIRS, PAIRS.flip(1))


@pytest.fixture
def graph(rich_graph: HeteroGraph) -> HeteroGraph:
    return rich_graph.with_features("paper", torch.randn(7, 3))


@pytest.mark.parametrize("format", ["parquet", "csv"])
@pytest.mark.parametrize(
    "targets",
    [
        {"edge_labels": KINDS, "edge_values": STARS, "values": VALUES},
        {"stars": STARS, "more stars/": STARS, "labels": LABELS, "links": FAR},
        {"near": NEAR, "far": FAR},
        {"values": VALUES, "more": VALUES, "labels": LABELS, "label": LABELS},
    ],
)
def test_targets_go_to_a_folder_and_back(
    graph: HeteroGraph, tmp_path: Path, format: Any, targets: dict[str, Any]
) -> None:
    given = Dataset("x", graph, targets, {} if "near" in targets else SPLIT)
    save_tables(given, tmp_path / "t", format=format)
    loaded = load_tables(tmp_path / "t")
    assert loaded.graph.content_hash == graph.content_hash
    assert loaded.targets.keys() == targets.keys()
    assert next(iter(loaded.targets)) == next(iter(targets))
    assert loaded.sha256 == given.sha256
    for name, target in targets.items():
        assert isinstance(loaded.targets[name], type(target))
        assert loaded.targets[name].meta().keys() == target.meta().keys()


def test_class_names_and_times_come_back(graph: HeteroGraph, tmp_path: Path) -> None:
    save_tables(Dataset("x", graph, {"a": KINDS, "b": STARS}), tmp_path / "t", format="csv")
    loaded = load_tables(tmp_path / "t").targets
    assert isinstance(loaded["a"], EdgeLabels)
    assert loaded["a"].class_names == KINDS.class_names
    assert isinstance(loaded["b"], EdgeValues)
    assert loaded["b"].time is not None
    assert loaded["b"].time.tolist() == [0, 1, 2]


def test_the_declaration_is_as_a_person_writes_it(graph: HeteroGraph, tmp_path: Path) -> None:
    targets = {"labels": LABELS, "values": VALUES}
    save_tables(Dataset("x", graph, targets, SPLIT), tmp_path / "t")
    spec = yaml.safe_load((tmp_path / "t" / "tables.yaml").read_text())
    assert spec["labels"] == {"node_type": "paper", "column": "label", "classes": ["1", "x"]}
    assert spec["values"] == {"node_type": "paper", "column": "value"}
    assert "target" not in spec


def test_what_tables_cannot_hold_is_said(
    graph: HeteroGraph, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    both = Links((WRITES, LIKES), None, PAIRS, test_type=torch.tensor([0, 1, 0]))
    with caplog.at_level(logging.WARNING):
        save_tables(Dataset("x", graph, {"held": both, "values": VALUES}), tmp_path / "t")
    assert [record.getMessage() for record in caplog.records] == [
        "x: the target 'held' (links) is not written, as tables cannot represent it"
    ]
    assert [*load_tables(tmp_path / "t").targets] == ["values"]


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_stand_ins_stay_stand_ins(tmp_path: Path, format: Literal["parquet", "csv"]) -> None:
    whole = load_dataset("synthetic/academic", num_nodes=200)
    graph = apply_standins(whole.graph, "incidence-svd:3")
    save_tables(replace(whole, graph=graph), tmp_path / "t", format=format)
    again = load_tables(tmp_path / "t").graph
    assert {k: v.to_dict() for k, v in again.standins.items()} == {
        k: v.to_dict() for k, v in graph.standins.items()
    }
    assert torch.equal(again.features["venue"], graph.features["venue"])
    drawn = apply_standins(whole.graph, "random:3", seed=1)
    save_tables(replace(whole, graph=drawn), tmp_path / "d", format=format)
    kept = load_tables(tmp_path / "d").graph  # a declaration has no seed
    assert not kept.standins
    assert torch.equal(kept.features["venue"], drawn.features["venue"])
