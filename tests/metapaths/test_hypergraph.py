"""Hyperedges of a meta-path: only instances that arrive count."""

from __future__ import annotations

import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.data.hypergraph_sets import SetLimits
from hetgraph.metapaths.hypergraph import metapath_hypergraph

WRITES, HELD = EdgeType("author", "writes", "paper"), EdgeType("paper", "held", "venue")


def graph() -> HeteroGraph:
    """Paper 1 has no venue, so author 1 arrives nowhere and author 0 only through paper 0."""
    writes = Relation.from_edges(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 2]), 3, 3)
    held = Relation.from_edges(torch.tensor([0, 2]), torch.tensor([0, 1]), 3, 2)
    return HeteroGraph(
        num_nodes={"author": 3, "paper": 3, "venue": 2}, relations={WRITES: writes, HELD: held}
    )


def members(*, intermediates: bool) -> list[set[int]]:
    made = metapath_hypergraph(
        graph(), ["author-paper-venue"], intermediates=intermediates, limits=SetLimits(min_size=1)
    )
    sets = made.members
    return [set(sets.indices[sets.row_ids == row].tolist()) for row in range(sets.num_rows)]


def test_nodes_without_an_instance_have_no_hyperedge() -> None:
    """Authors are 0 to 2, papers 3 to 5, venues 6 and 7."""
    assert members(intermediates=False) == [{0, 6}, {2, 7}]


def test_nodes_in_between_must_lead_on_to_the_end() -> None:
    assert members(intermediates=True) == [{0, 3, 6}, {2, 5, 7}]


def test_they_must_lead_on_over_all_steps_that_are_left() -> None:
    """Venue 1 is in no city, so paper 2 leads on for one step and then no more."""
    located = EdgeType("venue", "in", "city")
    city = Relation.from_edges(torch.tensor([0]), torch.tensor([0]), 2, 1)
    whole = graph().replace(
        num_nodes={**graph().num_nodes, "city": 1}, relations={**graph().relations, located: city}
    )
    # Author 0 has paper 2, too: only the way over paper 0 arrives.
    writes = Relation.from_edges(torch.tensor([0, 0, 2]), torch.tensor([0, 2, 2]), 3, 3)
    made = metapath_hypergraph(
        whole.with_relation(WRITES, writes), ["author-paper-venue-city"], intermediates=True
    )
    assert made.members.indices.tolist() == [0, 3, 6, 8]
