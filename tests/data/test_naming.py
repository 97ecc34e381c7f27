from __future__ import annotations

import torch

from hetgraph.data import EdgeType, Relation
from hetgraph.data.naming import complete_reverses, relation_name


def edges(*pairs: tuple[int, int], size: tuple[int, int] = (3, 3)) -> Relation:
    src, dst = torch.tensor(pairs).T
    return Relation.from_edges(src, dst, *size)


def test_names_are_verbs_in_both_directions() -> None:
    assert relation_name("author", "paper") == "writes"
    assert relation_name("paper", "author") == "written_by"
    assert relation_name("gene", "disease") == "to_disease"


def test_stored_reverses_are_found_only_if_they_are_exact() -> None:
    writes, by = EdgeType("author", "writes", "paper"), EdgeType("paper", "written_by", "author")
    exact = {writes: edges((0, 1), (0, 1), (2, 0)), by: edges((1, 0), (1, 0), (0, 2))}
    assert complete_reverses(exact) == (exact, ((writes, by),))
    # One edge is parallel here and not there: both get their own reverse.
    stored = {writes: edges((0, 1), (0, 1), (2, 0)), by: edges((1, 0), (0, 2), (0, 2))}
    relations, pairs = complete_reverses(stored)
    assert len(relations) == 4
    assert all(torch.equal(relations[a].to_dense().T, relations[b].to_dense()) for a, b in pairs)


def test_weights_must_agree() -> None:
    writes, by = EdgeType("author", "writes", "paper"), EdgeType("paper", "written_by", "author")
    plain = edges((0, 1), (2, 0))
    weighted = plain.with_weight(torch.tensor([1.0, 2.0]))
    assert complete_reverses({writes: weighted, by: weighted.transpose})[1] == ((writes, by),)
    assert len(complete_reverses({writes: weighted, by: plain.transpose})[0]) == 4


def test_missing_reverses_are_transposes_with_names_of_their_own() -> None:
    stored = {
        EdgeType("artist", "tagged", "tag"): edges((0, 1)),
        EdgeType("gene", "binds", "drug"): edges((0, 1)),
        EdgeType("paper", "cites", "paper"): edges((0, 1)),
        EdgeType("user", "knows", "user"): edges((0, 1), (1, 0)),
    }
    relations, pairs = complete_reverses(stored)
    assert [(first.name, second.name) for first, second in pairs] == [
        ("tagged", "tag_of"),
        ("binds", "rev_binds"),
        ("cites", "cited_by"),
        ("knows", "knows"),  # Symmetric: its own reverse.
    ]
    for first, second in pairs:
        assert relations[first].transpose is relations[second] or first == second


def test_two_asymmetric_relations_between_the_same_types() -> None:
    cite, ref = EdgeType("paper", "cite", "paper"), EdgeType("paper", "ref", "paper")
    relation = edges((0, 1), (0, 2), (1, 1))
    assert complete_reverses({cite: relation, ref: relation.transpose})[1] == ((cite, ref),)
