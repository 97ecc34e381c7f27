"""Means of the features of neighbours, over one hop or several."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR, HeteroGraph, Relation
from hetgraph.errors import DataError
from hetgraph.features import apply_standins, encode_standins
from tests.features.standins.conftest import AT, WRITES, extended, library


def mean_by_hand(graph: HeteroGraph, key: tuple[str, str, str], x: torch.Tensor) -> torch.Tensor:
    """Returns the mean over the destinations of each source."""
    edges = graph.relations[key].to_dense().T  # type: ignore[index]
    return torch.nan_to_num(edges @ x / edges.sum(1, keepdim=True))


def test_each_hop_gives_its_types_their_vectors() -> None:
    graph = library()
    made = apply_standins(graph, "neighbours")
    papers = mean_by_hand(graph, AT, graph.features["venue"])
    authors = mean_by_hand(graph, WRITES, papers)
    torch.testing.assert_close(made.features["paper"], papers)
    torch.testing.assert_close(made.features["author"], authors)
    assert not bool(made.features["author"][11].any())
    assert made.standins["author"].state["reads"] == {"paper": 3}
    assert list(made.standins) == ["paper", "author"]


def test_new_nodes_get_the_mean_of_theirs() -> None:
    graph = library()
    made = apply_standins(graph, "neighbours")
    bigger = encode_standins(extended(graph, [3, 4]), made.standins)
    assert torch.equal(bigger.features["author"][:12], made.features["author"])
    torch.testing.assert_close(
        bigger.features["author"][12], made.features["paper"][[3, 4]].mean(0)
    )
    assert not bool(bigger.features["author"][13].any())


def test_types_stand_side_by_side_and_wide_ones_are_projected() -> None:
    edges = torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1])
    wide = torch.rand(2, 300)
    graph = HeteroGraph(
        num_nodes={"a": 2, "b": 2, "c": 2},
        relations={
            ("a", "r", "b"): Relation.from_edges(*edges, 2, 2),
            ("c", "s", "a"): Relation.from_edges(*edges, 2, 2),
        },
        features={"b": wide, "c": torch.tensor([2, 0])},
    )
    vectors = apply_standins(graph, "neighbours", dim=200).features["a"]
    assert vectors.shape == (2, 203)
    assert torch.equal(vectors[:, 200:], torch.tensor([[0.5, 0.0, 0.5], [1.0, 0.0, 0.0]]))
    # Random signs keep inner products, up to 1 / sqrt(dim).
    means = torch.stack([wide[0], wide.mean(0)])
    kept = vectors[:, :200] @ vectors[:, :200].T
    torch.testing.assert_close(kept, means @ means.T, atol=0, rtol=0.3)
    sparse = graph.with_features("b", CSR.from_dense(wide))
    again = apply_standins(sparse, "neighbours", dim=200).features["a"]
    torch.testing.assert_close(again, vectors)


def test_weights_count() -> None:
    rates = Relation.from_edges(
        torch.tensor([0, 0]), torch.tensor([0, 1]), 1, 2, weight=torch.tensor([1.0, 3.0])
    )
    graph = HeteroGraph(
        num_nodes={"u": 1, "i": 2},
        relations={("u", "rates", "i"): rates},
        features={"i": torch.tensor([[0.0], [4.0]])},
    )
    assert apply_standins(graph, "neighbours").features["u"].tolist() == [[3.0]]


def test_means_wait_for_the_standins_of_all_neighbours() -> None:
    made = apply_standins(library(), {"paper": "neighbours", "author": "random:8"})
    assert made.standins["paper"].state["reads"] == {"author": 8, "venue": 3}
    assert made.features["paper"].shape == (15, 11)


def test_other_standins_come_first_and_unreachable_types_are_told() -> None:
    graph = library().with_features("venue", None)
    made = apply_standins(graph, {"author": "neighbours", "paper": "random:8"})
    assert made.features["author"].shape == (12, 8)
    with pytest.raises(DataError, match=r"no relation leads from 'author'.*from 'paper'"):
        apply_standins(graph, {"author": "neighbours", "paper": "neighbours"})


def test_other_features_than_at_fitting_are_refused() -> None:
    made = apply_standins(library(), "neighbours")
    wider = library().with_features("venue", torch.ones(3, 7))
    with pytest.raises(DataError, match=r"reads 3 columns of features of 'venue'; this .* 7"):
        encode_standins(wider, made.standins)
