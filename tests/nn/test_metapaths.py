"""From the meta-paths of a configuration to relations."""

from __future__ import annotations

import pytest
import torch

from hetgraph.catalog.loading import load_dataset
from hetgraph.data import EdgeType, HeteroGraph, Schema
from hetgraph.data.schema import EdgeSpec, FeatureSpec
from hetgraph.errors import BudgetError, MetaPathError
from hetgraph.nn import metapath_labels, metapath_relations, metapath_requests


def relations(graph: HeteroGraph, requests: list[str] | tuple[str, ...], **options):
    return metapath_relations(graph, "toy/paths", ("paper",), requests, **options)


def test_without_a_choice_there_is_a_shortest_round_trip_to_every_type(toy_graph):
    schema = toy_graph.schema
    assert metapath_requests(schema, "paper", ()) == ("paper-author-paper", "paper-venue-paper")
    assert metapath_requests(schema, "author", []) == (
        "author-paper-author",
        "author-paper-venue-paper-author",
    )
    assert metapath_requests(schema, "paper", ["x=paper-author-paper"]) == ("x=paper-author-paper",)


def test_relations_inside_the_type_count_in_both_directions(random_graph):
    assert metapath_requests(random_graph().schema, "paper", ()) == (
        "paper -cites> paper",
        "paper <cites- paper",
        "paper-author-paper",
        "paper -cites> paper <cites- paper",
        "paper <cites- paper -cites> paper",
        "paper-term-paper",
    )


@pytest.mark.parametrize("name", ["heco/acm", "heco/dblp", "heco/aminer", "hgb/DBLP", "hgb/IMDB"])
def test_without_a_choice_the_customary_paths_of_real_graphs_are_found(data_root, name):
    dataset = load_dataset(name, root=data_root)
    found = metapath_requests(dataset.graph.schema, dataset.labels.node_type, ())
    assert set(found) == set(dataset.metapaths.values())


def test_a_target_without_round_trip_is_refused():
    alone = Schema({"a": FeatureSpec(), "b": FeatureSpec()}, {EdgeType("b", "r", "b"): EdgeSpec()})
    with pytest.raises(MetaPathError, match=r"from 'a' to itself; give some with --metapath"):
        metapath_requests(alone, "a", ())


def test_labels_are_names_or_texts():
    requests = ("apa", "mine = author-paper-author", "author-paper-author")
    assert metapath_labels(requests) == ("apa", "mine", "author-paper-author")


def test_relations_by_name_in_the_order_of_the_requests(toy_graph):
    requests = ("pvp=paper-venue-paper", "paper-author-paper")
    found = relations(toy_graph, requests, weighting="count")
    assert tuple(found) == metapath_labels(requests)
    writes = toy_graph.relations[toy_graph.schema.edge_type("writes")].to_dense()
    assert torch.equal(found["paper-author-paper"].to_dense(), writes @ writes.t())
    assert torch.equal(found["pvp"].to_dense(), torch.ones(3, 3))


def test_options_reach_the_composition(toy_graph):
    found = relations(toy_graph, ["paper-author-paper"], keep_self_loops=False)
    assert not bool(found["paper-author-paper"].to_dense().diagonal().any())
    with pytest.raises(BudgetError):
        relations(toy_graph, ["paper-author-paper"], memory_budget=1)


def test_paths_between_other_types_are_refused(toy_graph):
    with pytest.raises(MetaPathError, match=r"'apa' leads from 'author' to 'author'.*'paper'"):
        relations(toy_graph, ["apa=author-paper-author"])
