"""Computed features appended to a graph's own, and as options of every data set."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph import load_dataset
from hetgraph.catalog import Dataset
from hetgraph.catalog.attach import add_features
from hetgraph.data import CSR, HeteroGraph, Hypergraph
from hetgraph.errors import ConfigError, DataError
from hetgraph.features import (
    apply_standins,
    encode_standins,
    hyperedge_features,
    text_features,
    walk_features,
)
from hetgraph.features.standins import featureless_types


@pytest.fixture
def dataset(toy_graph: HeteroGraph) -> Dataset:
    graph = toy_graph.replace(
        num_nodes={**toy_graph.num_nodes, "lone": 1}, text={"venue": ["a text"]}
    )
    graph = graph.with_features("author", CSR.from_dense(torch.eye(2)))
    sets = Hypergraph.from_sets([[0, 1], [2]], [0, 0], num_nodes=graph.num_nodes)
    return Dataset("toy/made", graph, hypergraphs={"h": sets})


def test_columns_are_appended(dataset: Dataset) -> None:
    graph = dataset.graph
    made = add_features(dataset, structure="walks", text="hash:4").graph
    walks, text = walk_features(graph), text_features(graph, "hash:4")
    for name, own in (("author", [torch.eye(2)]), ("venue", [])):
        assert torch.equal(made.features[name], torch.cat([*own, walks[name], text[name]], dim=1))
    assert "lone" not in made.features  # nothing but zeros
    sets = add_features(dataset, structure="hyperedges").graph
    assert torch.equal(
        sets.features["venue"], hyperedge_features(dataset.hypergraphs["h"])["venue"]
    )
    assert add_features(dataset) is dataset


def test_missing_inputs_are_reported(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"data\.structure is 'walk'"):
        add_features(dataset, structure="walk")  # type: ignore[arg-type]
    plain = Dataset("toy/plain", dataset.graph)
    with pytest.raises(DataError, match=r"use data\.structure=walks"):
        add_features(plain, structure="hyperedges")
    codes = dataset.graph.with_features("venue", torch.tensor([3]))
    with pytest.raises(DataError, match="'venue' are categories"):
        add_features(Dataset("toy/codes", codes), structure="walks")


def test_computed_features_are_options_of_every_set(data_root: Path) -> None:
    dataset = load_dataset("nie/TMDB5K", root=data_root, text="hash:16", structure="hyperedges")
    movies = dataset.graph.features["movie"]
    assert movies.shape == (4803, 16 + 8 + 2)
    assert dataset.graph.features["person"].shape == (104842, 26)
    assert load_dataset("nie/TMDB5K", root=data_root, text=None).graph.features == {}


def test_the_encoder_of_columns_stays_where_features_are_appended(dataset: Dataset) -> None:
    encoders = {"author": {"layout": "dense"}, "lone": {"layout": "dense"}}
    graph = dataset.graph.replace(encoders=encoders)
    made = add_features(Dataset("toy/made", graph), structure="walks").graph
    assert made.encoders == encoders  # New rows need them, before columns are computed again.


def test_standins_come_last_and_give_way_to_features(dataset: Dataset) -> None:
    dataset = Dataset("toy/bare", dataset.graph.with_features("paper", None))
    assert featureless_types(dataset.graph) == ("paper", "venue", "lone")
    made = add_features(dataset, structure="walks", standins="random:6").graph
    assert made.features["lone"].shape == (1, 6)
    walks = walk_features(dataset.graph)
    assert torch.equal(made.features["paper"], walks["paper"])
    kinds = {name: standin.kind for name, standin in made.standins.items()}
    assert kinds.pop("lone") == "random"
    assert set(kinds.values()) == {"computed"}
    declared = Dataset("toy/declared", apply_standins(dataset.graph, "random"))
    added = add_features(declared, structure="walks").graph
    assert torch.equal(added.features["paper"], walks["paper"])
    assert added.standins["paper"].kind == "computed"
    assert added.standins["lone"].kind == "random"
    with pytest.raises(ConfigError, match="'venue' has features"):
        add_features(dataset, structure="walks", standins={"venue": "random"})


def test_standins_are_an_option_of_every_set(tmp_path: Path) -> None:
    (tmp_path / "edges").mkdir()
    rows = "".join(f"u{n % 7},i{n % 5}\n" for n in range(35))
    (tmp_path / "edges/user__buys__item.csv").write_text("src,dst\n" + rows)
    dataset = load_dataset(f"tables:{tmp_path}", standins={"user": "incidence-svd:3"})
    assert dataset.graph.features["user"].shape == (7, 3)
    assert "item" not in dataset.graph.features


def test_columns_are_marked_with_what_they_were_computed_from(dataset: Dataset) -> None:
    graph = dataset.graph.replace(
        text={"paper": ["a", "b", None][: dataset.graph.num_nodes["paper"]]}
    )
    data = Dataset("toy/text", graph)
    once = add_features(data, structure="walks", text="hash:4").graph
    twice = add_features(add_features(data, structure="walks"), text="hash:4").graph
    for node_type, mark in once.standins.items():
        assert torch.equal(twice.features[node_type], once.features[node_type])
        assert twice.standins[node_type].to_dict() == mark.to_dict()
        parts = mark.state["parts"]
        assert [what for what, _ in parts] == ["walks", "text:hash:4"]
        given = dataset.graph.features.get(node_type)
        assert mark.state["start"] == (0 if given is None else given.shape[1])
    # Another graph keeps what was computed from its own edges.
    assert encode_standins(once, once.standins).standins.keys() == once.standins.keys()
