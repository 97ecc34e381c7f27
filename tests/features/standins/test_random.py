"""Random rows: unit length, of the seed and the id alone."""

from __future__ import annotations

import numpy as np
import torch

from hetgraph.data import HeteroGraph
from hetgraph.features import apply_standins, encode_standins
from hetgraph.features.standins.random import _normal


def graph_of(ids: list[str] | None = None, count: int = 200) -> HeteroGraph:
    count = len(ids) if ids else count
    return HeteroGraph(num_nodes={"x": count}, relations={}, ids={"x": ids} if ids else {})


def test_rows_are_unit_vectors_of_the_seed_and_the_type() -> None:
    first = apply_standins(graph_of(), "random:16").features["x"]
    assert first.shape == (200, 16)
    assert first.dtype == torch.float32
    torch.testing.assert_close(first.norm(dim=1), torch.ones(200))
    assert torch.equal(first, apply_standins(graph_of(), "random", dim=16).features["x"])
    other = apply_standins(graph_of(), "random", dim=16, seed=1).features["x"]
    assert float((first * other).sum(1).abs().max()) < 0.99
    two = HeteroGraph(num_nodes={"x": 3, "y": 3}, relations={})
    made = apply_standins(two, "random").features
    assert not torch.equal(made["x"], made["y"])


def test_a_node_keeps_its_vector_whatever_others_there_are() -> None:
    made = apply_standins(graph_of(["a", "b", "c"]), "random")
    again = encode_standins(graph_of(["c", "new", "a"]), made.standins).features["x"]
    assert torch.equal(again[0], made.features["x"][2])
    assert torch.equal(again[2], made.features["x"][0])
    assert torch.equal(
        apply_standins(graph_of(count=5), "random").features["x"],
        apply_standins(graph_of(), "random").features["x"][:5],
    )
    assert apply_standins(two := graph_of(), "random").features["x"].unique(dim=0).shape[0] == 200
    assert two.features == {}


def test_entries_are_standard_normal() -> None:
    drawn = _normal(np.arange(40_000, dtype=np.uint64), 7, seed=3)
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    corner = np.corrcoef(drawn.T) - np.eye(7)
    assert np.abs(corner).max() < 0.03
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.03
    assert abs((np.abs(drawn) < 1).mean() - 0.6827) < 0.01
