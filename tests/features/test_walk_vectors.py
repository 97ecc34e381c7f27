"""Walk vectors: counts, information and factors by hand; communities are separated."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from hetgraph.data import CSR, EdgeType, HeteroGraph, Hypergraph, Relation
from hetgraph.errors import ConfigError, DataError
from hetgraph.features import WalkConfig, hyperedge_features, walk_features, walk_vectors
from hetgraph.features.walk_vectors import factorize, ppmi, walk_counts


def ring(size: int) -> CSR:
    node = torch.arange(size)
    rows, cols = torch.cat([node, node]), torch.cat([(node + 1) % size, (node - 1) % size])
    return CSR.from_coo(rows, cols, (size, size))


def test_counts_are_co_occurrences_within_the_window() -> None:
    """On a path to a dead end there is one walk from each node."""
    path = CSR.from_coo(torch.tensor([0, 1, 2]), torch.tensor([1, 2, 3]), (5, 5))
    counts = walk_counts(path, WalkConfig(walks=2, length=3, window=2)).toarray()
    one_way = np.zeros((5, 5))
    for walk in ([0, 1, 2, 3], [1, 2, 3], [2, 3]):
        for distance in (1, 2):
            for first, other in zip(walk, walk[distance:], strict=False):
                one_way[first, other] += 2
    assert (counts == one_way + one_way.T).all()


@pytest.mark.parametrize("negatives", [1, 3])
def test_information_by_hand(negatives: int) -> None:
    counts = np.array([[0, 4, 1, 0], [4, 2, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0.0]])
    total = counts.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.log(counts * counts.sum() / np.outer(total, total)) - np.log(negatives)
    expected = torch.tensor(np.where(value > 0, value, 0)).float()
    actual = ppmi(sp.csr_array(counts.astype(np.float32)), negatives)
    torch.testing.assert_close(actual.to_dense(), expected, atol=1e-6, rtol=1e-5)


def test_factors_of_a_matrix_of_small_rank() -> None:
    generator = torch.Generator().manual_seed(0)
    base = torch.rand(60, 3, generator=generator)
    matrix = base @ base.T
    vectors = factorize(CSR.from_dense(matrix), 5, seed=1)
    torch.testing.assert_close(vectors[:, :3] @ vectors[:, :3].T, matrix, atol=1e-4, rtol=1e-3)
    assert float(vectors[:, 3:].abs().max()) < 1e-2
    largest = vectors[:, :3].gather(0, vectors[:, :3].abs().argmax(0, keepdim=True))
    assert bool((largest > 0).all())  # signs are fixed
    assert factorize(CSR.from_dense(matrix[:4, :4]), 6, seed=1).shape == (4, 6)


def test_communities_are_separated() -> None:
    generator = torch.Generator().manual_seed(0)
    group = torch.arange(80) % 2
    chance = torch.where(group.unsqueeze(0) == group.unsqueeze(1), 0.3, 0.02)
    links = torch.rand(80, 80, generator=generator).triu(1) < chance.triu(1)
    edges = CSR.from_dense((links | links.T).float())
    vectors = torch.nn.functional.normalize(walk_vectors(edges, WalkConfig(dim=8)), dim=1)
    like = vectors @ vectors.T
    same = group.unsqueeze(0) == group.unsqueeze(1)
    off = ~torch.eye(80, dtype=torch.bool)
    assert float(like[same & off].mean()) > float(like[~same].mean()) + 0.2


def test_seeds_and_settings() -> None:
    config = WalkConfig(dim=4, walks=2, length=10)
    first, two = walk_vectors(ring(12), config), walk_vectors(ring(12), config)
    assert torch.equal(first, two)
    other = walk_vectors(ring(12), WalkConfig(dim=4, walks=2, length=10, seed=1))
    assert not torch.equal(first, other)
    for bad in ({"dim": 0}, {"walks": 0}, {"window": 0}, {"p": 0.0}, {"q": -1.0}):
        with pytest.raises(ConfigError, match="walks:"):
            WalkConfig(**bad)  # type: ignore[arg-type]


def test_features_of_a_graph_are_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    link = Relation.from_edges(torch.tensor([0, 1, 2]), torch.tensor([1, 0, 1]), 4, 2)
    key = EdgeType("a", "to", "b")
    graph = HeteroGraph(num_nodes={"a": 4, "b": 2}, relations={key: link})
    config = WalkConfig(dim=3, walks=2, length=6)
    actual = walk_features(graph, config)
    assert {name: tuple(x.shape) for name, x in actual.items()} == {"a": (4, 3), "b": (2, 3)}
    assert not bool(actual["a"][3].any())  # without an edge
    assert bool(actual["a"][:3].any(dim=1).all())

    def fail(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("hetgraph.features.structure.walk_vectors", fail)
    again = walk_features(graph.with_features("a", torch.eye(4)), config)  # edges alone count
    assert all(torch.equal(again[name], actual[name]) for name in actual)
    with pytest.raises(AssertionError):
        walk_features(graph, WalkConfig(dim=4, walks=2, length=6))
    with pytest.raises(DataError, match="no edges"):
        walk_features(graph.replace(relations={}))


def test_features_of_hyperedges_by_hand() -> None:
    sets = Hypergraph.from_sets([[0, 1, 2], [2, 3]], [0, 1], num_nodes={"a": 3, "b": 2})
    raw = torch.tensor(
        [[1, 0, np.log(4), np.log(2)], [1, 0, np.log(4), np.log(2)],
         [1, 1, np.log(12) / 2, np.log(3)], [0, 1, np.log(3), np.log(2)], [0, 0, 0, 0]]
    ).float()  # fmt: skip
    expected = (raw - raw.mean(0)) / raw.std(0, correction=0)
    actual = hyperedge_features(sets)
    torch.testing.assert_close(torch.cat([actual["a"], actual["b"]]), expected)
    plain = hyperedge_features(sets, standardize=False)
    torch.testing.assert_close(torch.cat([plain["a"], plain["b"]]), raw)
