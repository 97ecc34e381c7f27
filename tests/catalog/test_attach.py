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
from hetgraph.features import hyperedge_features, text_features, walk_features


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
