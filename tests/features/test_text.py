"""Text features: who borrows from whom, and columns of one scale."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import HeteroGraph
from hetgraph.errors import DataError
from hetgraph.features import HashEncoder, text_features

ENCODER = HashEncoder(8)


@pytest.fixture
def graph(toy_graph: HeteroGraph) -> HeteroGraph:
    """Paper 0 and the venue have texts; see ``toy_graph`` for the edges."""
    lone = {**toy_graph.num_nodes, "lone": 2}
    text = {"paper": ["red", None, None], "venue": ["blue sky"]}
    return toy_graph.replace(num_nodes=lone, text=text)


def test_nodes_without_a_text_have_the_mean_of_their_neighbours(graph: HeteroGraph) -> None:
    red, blue = ENCODER.encode(["red", "blue sky"])
    found = text_features(graph, ENCODER, standardize=False)
    assert {name: tuple(x.shape) for name, x in found.items()} == {
        "author": (2, 8), "paper": (3, 8), "venue": (1, 8), "lone": (2, 8),
    }  # fmt: skip
    # First papers 1 and 2 read the venue, and author 0 paper 0; then author 1 both papers.
    torch.testing.assert_close(found["paper"], torch.stack([red, blue, blue]))
    torch.testing.assert_close(found["author"], torch.stack([red, blue]))
    torch.testing.assert_close(found["venue"][0], blue)
    assert not bool(found["lone"].any())
    plain = text_features(graph, ENCODER, standardize=False, fill=False)
    assert not bool(plain["author"].any() or plain["paper"][1:].any())


def test_columns_are_standardised_over_nodes_that_have_a_vector(graph: HeteroGraph) -> None:
    found = text_features(graph, ENCODER)
    rows = torch.cat([found[name] for name in ("author", "paper", "venue")])
    torch.testing.assert_close(rows.mean(0), torch.zeros(8), atol=1e-6, rtol=0)
    std = rows.std(0, correction=0)
    assert bool((((std - 1).abs() < 1e-5) | (std < 1e-6)).all())
    assert not bool(found["lone"].any())


def test_no_texts_at_all(toy_graph: HeteroGraph) -> None:
    with pytest.raises(DataError, match="no node of toy has a text"):
        text_features(toy_graph, ENCODER)
    blank = toy_graph.replace(text={"venue": [None]})
    assert not bool(text_features(blank, "hash:4")["venue"].any())
