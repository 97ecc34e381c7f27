"""Singular vectors of the incidence: against numpy, for new nodes, at the edges of what can be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import DataError
from hetgraph.features import apply_standins, encode_standins
from tests.features.standins.conftest import AT, WRITES, extended, library

KIND = {"author": "incidence-svd", "paper": "incidence-svd"}


def dense(graph: HeteroGraph, node_type: str) -> np.ndarray:
    """Returns the incidences side by side, by hand."""
    blocks = []
    for key, relation in graph.relations.items():
        matrix = relation.to_dense().double().numpy()  # [num_dst, num_src]
        blocks += [matrix] * (key.dst == node_type) + [matrix.T] * (key.src == node_type)
    return np.concatenate(blocks, axis=1)


@pytest.mark.parametrize("node_type", ["author", "paper"])
def test_vectors_are_those_of_a_dense_svd(node_type: str) -> None:
    graph, dim = library(), 4
    incidence = dense(graph, node_type)
    sums = np.abs(incidence).sum(1, keepdims=True)
    _, _, right = np.linalg.svd(incidence / np.maximum(sums, 1e-12))
    scores = torch.from_numpy(incidence @ right[:dim].T)
    expected = F.normalize(scores, dim=1).float()
    actual = apply_standins(graph, KIND, dim=dim).features[node_type]
    # Signs are free: compare inner products.
    torch.testing.assert_close(actual @ actual.T, expected @ expected.T, atol=1e-4, rtol=0)


def test_rows_are_scaled_to_one_before_the_svd() -> None:
    # Two groups of nodes without a common neighbour: the sums decide which singular vector leads.
    edges = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 4], [0, 1, 2, 3, 0, 1, 2, 3, 4, 4, 4]])
    relation = Relation.from_edges(*edges, 5, 5)
    graph = HeteroGraph(num_nodes={"a": 5, "b": 5}, relations={("a", "r", "b"): relation})
    leading = apply_standins(graph, {"a": "incidence-svd"}, dim=1).features["a"].abs()
    # Rows of four entries of 1/4 are shorter than rows of one entry, so the second group leads.
    assert leading.squeeze(1).tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]


def test_old_nodes_keep_their_vectors_and_new_ones_follow_their_edges() -> None:
    graph = library()
    made = apply_standins(graph, KIND, dim=6)
    papers = graph.relations[WRITES].edges()[1][graph.relations[WRITES].edges()[0] == 0].tolist()
    bigger = encode_standins(extended(graph, papers), made.standins)
    authors = bigger.features["author"]
    assert torch.equal(authors[:12], made.features["author"])
    torch.testing.assert_close(authors[12], made.features["author"][0])  # the same papers
    assert not bool(authors[13].any())  # no edges
    # Papers have a new neighbour that was not there at fitting; it adds nothing.
    torch.testing.assert_close(bigger.features["paper"], made.features["paper"])
    same = bigger.standins["author"].tensors
    for name, fitted in made.standins["author"].tensors.items():
        assert torch.equal(same[name], fitted)


def test_nodes_of_two_graphs_are_matched_by_id() -> None:
    graph = library().replace(ids={"paper": [f"p{n}" for n in range(15)]})
    made = apply_standins(graph, {"author": "incidence-svd"}, dim=6)
    order = torch.randperm(15)
    shuffled = encode_standins(graph.subgraph({"paper": order}), made.standins)
    torch.testing.assert_close(shuffled.features["author"], made.features["author"])
    nameless = graph.replace(ids={})
    with pytest.raises(DataError, match="nodes that were learned from are known by their ids"):
        encode_standins(nameless, made.standins)


def test_the_same_seed_gives_the_same_vectors(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    graph = library()
    first = apply_standins(graph, KIND, dim=3).features["author"]
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "other"))  # computed again
    assert torch.equal(apply_standins(graph, KIND, dim=3).features["author"], first)


def test_isolated_nodes_empty_relations_and_types_without_edges() -> None:
    nothing = torch.zeros(0, dtype=torch.int64)
    graph = library().with_relation(
        ("author", "cites", "author"), Relation.from_edges(nothing, nothing, 12, 12)
    )
    graph = graph.replace(num_nodes={**graph.num_nodes, "lone": 2, "none": 0})
    made = apply_standins(graph, "incidence-svd", dim=5)
    assert not bool(made.features["author"][11].any())  # the author without a paper
    assert made.features["author"][:11].norm(dim=1).min() > 0.999
    assert made.features["lone"].shape == (2, 5)
    assert not bool(made.features["lone"].any())
    assert made.features["none"].shape == (0, 5)
    only = HeteroGraph(num_nodes={"x": 3}, relations={})
    assert not bool(apply_standins(only, "incidence-svd", dim=2).features["x"].any())


def test_a_declared_reverse_counts_once_and_both_directions_of_a_relation_count() -> None:
    graph = library()
    both = apply_standins(graph.with_reverses(), {"paper": "incidence-svd"}, dim=4)
    once = apply_standins(graph, {"paper": "incidence-svd"}, dim=4)
    assert len(both.standins["paper"].state["blocks"]) == 2
    a, b = both.features["paper"], once.features["paper"]
    torch.testing.assert_close(a @ a.T, b @ b.T, atol=1e-4, rtol=0)
    cites = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([1, 2]), 3, 3)
    loop = HeteroGraph(num_nodes={"p": 3}, relations={("p", "cites", "p"): cites})
    blocks = apply_standins(loop, "incidence-svd", dim=2).standins["p"].state["blocks"]
    assert [block["relation"] for block in blocks] == [
        f"in {EdgeType('p', 'cites', 'p')}",
        f"out {EdgeType('p', 'cites', 'p')}",
    ]


def test_weights_count_with_their_sign() -> None:
    users, weight = torch.arange(3), torch.tensor([1.0, 5.0, -2.0])
    likes = Relation.from_edges(users, torch.zeros_like(users), 3, 1, weight=weight)
    graph = HeteroGraph(num_nodes={"u": 3, "i": 1}, relations={("u", "likes", "i"): likes})
    vectors = apply_standins(graph, {"u": "incidence-svd"}, dim=1).features["u"]
    torch.testing.assert_close(vectors.squeeze(1), torch.tensor([1.0, 1.0, -1.0]))


def test_a_graph_without_a_fitted_relation_is_refused() -> None:
    graph = library()
    made = apply_standins(graph, {"paper": "incidence-svd"})
    with pytest.raises(DataError, match=r"reads the relation 'out paper-at-venue'|reads the rel"):
        encode_standins(graph.without_relation(AT), made.standins)
