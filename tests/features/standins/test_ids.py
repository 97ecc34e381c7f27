"""Learned vectors: left to the encoder, and made for new nodes from those of old ones."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import HeteroGraph, Relation
from hetgraph.errors import DataError
from hetgraph.features import apply_standins, extend_ids


def buyers(bought: list[tuple[int, int]], users: int, items: int = 3) -> HeteroGraph:
    src, dst = torch.tensor(bought).T
    buys = Relation.from_edges(src, dst, users, items)
    return HeteroGraph(
        num_nodes={"user": users, "item": items}, relations={("user", "buys", "item"): buys}
    )


OLD = [(0, 0), (1, 0), (1, 1), (2, 2)]
LEARNED = torch.tensor([[0.0, 0.0], [4.0, 2.0], [9.0, 9.0]])


def test_the_type_stays_without_features() -> None:
    made = apply_standins(buyers(OLD, 3), "ids")
    assert made.features == {}
    assert {name: standin.kind for name, standin in made.standins.items()} == {
        "user": "ids",
        "item": "ids",
    }


def test_new_nodes_get_the_mean_of_the_nodes_they_share_neighbours_with() -> None:
    standin = apply_standins(buyers(OLD, 3), "ids").standins["user"]
    new = buyers([*OLD, (3, 0), (3, 1), (4, 2)], users=6)
    vectors = extend_ids(LEARNED, new, "user", standin)
    assert torch.equal(vectors[:3], LEARNED)
    # Item 0 stands for the mean of users 0 and 1, item 1 for user 1.
    torch.testing.assert_close(vectors[3], torch.tensor([3.0, 1.5]))
    torch.testing.assert_close(vectors[4], LEARNED[2])
    torch.testing.assert_close(vectors[5], LEARNED.mean(0))  # no edge at all


def test_neighbours_without_old_nodes_count_as_none() -> None:
    standin = apply_standins(buyers(OLD, 3), "ids").standins["user"]
    new = buyers([*OLD, (3, 3), (4, 3), (4, 2)], users=5, items=4)
    vectors = extend_ids(LEARNED, new, "user", standin)
    torch.testing.assert_close(vectors[3], LEARNED.mean(0))
    torch.testing.assert_close(vectors[4], LEARNED[2])  # not halved by the new item


def test_nodes_are_matched_by_id() -> None:
    old = buyers(OLD, 3).replace(ids={"user": ["ann", "bob", "eve"]})
    standin = apply_standins(old, "ids").standins["user"]
    new = buyers([(0, 2), (1, 0)], users=2).replace(ids={"user": ["zoe", "ann"]})
    vectors = extend_ids(LEARNED, new, "user", standin)
    assert torch.equal(vectors, torch.stack([LEARNED.mean(0), LEARNED[0]]))


def test_a_wrong_number_of_vectors_is_told() -> None:
    graph = buyers(OLD, 3)
    standin = apply_standins(graph, "ids").standins["user"]
    with pytest.raises(DataError, match=r"\[2, 2\] learned vectors of 'user', expected \[3, dim\]"):
        extend_ids(LEARNED[:2], graph, "user", standin)
