"""Stand-ins as a choice: what is refused, saved, and made anew where edges are hidden."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph.data import HeteroGraph
from hetgraph.errors import ConfigError, SchemaError
from hetgraph.features import apply_standins, encode_standins
from hetgraph.features.standins import featureless_types, refreshed_standins
from hetgraph.registry import standins
from tests.features.standins.conftest import WRITES, library


def test_kinds_are_found_by_name() -> None:
    assert standins.names() == ("ids", "incidence-svd", "neighbours", "random")


def test_types_without_columns_count_as_featureless() -> None:
    graph = library()
    assert featureless_types(graph) == ("author", "paper")
    empty = graph.with_features("venue", torch.zeros(3, 0))
    assert featureless_types(empty) == ("author", "paper", "venue")
    assert apply_standins(empty, "random").features["venue"].shape == (3, 64)


def test_all_mistakes_are_told_at_once() -> None:
    choice = {"authors": "ids", "venue": "random", "author": "svd", "paper": "random:0"}
    with pytest.raises(ConfigError) as told:
        apply_standins(library(), choice)
    text = str(told.value)
    assert "no node type 'authors'. Did you mean 'author'?" in text
    assert "'venue' has features" in text
    assert "unknown stand-in 'svd'" in text
    assert "'random:0' has the dimension '0'" in text
    with pytest.raises(ConfigError, match="'ids' takes no dimension"):
        apply_standins(library(), "ids:3")
    with pytest.raises(ConfigError, match="dimension of stand-ins is 0"):
        apply_standins(library(), "random", dim=0)
    full = HeteroGraph(num_nodes={"x": 1}, relations={}, features={"x": torch.ones(1, 1)})
    assert apply_standins(full, "random") is full
    with pytest.raises(ConfigError, match="unknown stand-in 'randm'"):
        apply_standins(full, "randm")


def test_automatic_stand_ins_leave_what_is_declared_and_what_has_no_edges() -> None:
    made = apply_standins(library(), "auto")
    assert {name: x.kind for name, x in made.standins.items()} == {
        "author": "incidence-svd",
        "paper": "incidence-svd",
    }
    declared = apply_standins(apply_standins(library(), {"author": "ids"}), "auto")
    assert declared.standins["author"].kind == "ids"
    assert declared.standins["paper"].kind == "incidence-svd"
    alone = HeteroGraph(num_nodes={"x": 2}, relations={})
    assert apply_standins(alone, "auto") is alone


def test_other_features_stay_and_the_hash_follows_the_vectors() -> None:
    graph = library()
    made = apply_standins(graph, "random")
    assert torch.equal(made.features["venue"], graph.features["venue"])
    assert made.content_hash != graph.content_hash
    assert made.replace(standins={}).content_hash == made.content_hash


@pytest.mark.parametrize("kind", ["ids", "incidence-svd", "random", "neighbours"])
def test_fitted_standins_are_saved_with_the_graph(kind: str, tmp_path: Path) -> None:
    made = apply_standins(library(), kind, dim=4, seed=3)
    made.save(tmp_path / "graph")
    read = HeteroGraph.load(tmp_path / "graph", verify=True)
    assert list(read.standins) == list(made.standins)
    for name, standin in made.standins.items():
        again = read.standins[name]
        assert again.to_dict() == standin.to_dict()
        assert again.tensors.keys() == standin.tensors.keys()
        assert all(torch.equal(again.tensors[k], x) for k, x in standin.tensors.items())
    encoded = encode_standins(library(), read.standins)
    for name, x in made.features.items():
        assert torch.equal(encoded.features[name], x)


def test_a_missing_type_is_told() -> None:
    made = apply_standins(library(), "random")
    with pytest.raises(SchemaError, match="author"):
        encode_standins(HeteroGraph(num_nodes={"x": 1}, relations={}), made.standins)


def test_hidden_edges_do_not_stay_in_the_vectors() -> None:
    graph = library()
    made = apply_standins(graph, {"author": "incidence-svd", "paper": "neighbours"}, dim=4, seed=2)
    assert refreshed_standins(made) is made
    src, dst = graph.relations[WRITES].edges()
    hidden = made.without_edges(WRITES, src[:9], dst[:9])
    fresh = refreshed_standins(hidden)
    bare = graph.without_edges(WRITES, src[:9], dst[:9])
    expected = apply_standins(
        bare, {"author": "incidence-svd", "paper": "neighbours"}, dim=4, seed=2
    )
    for name, x in expected.features.items():
        assert torch.equal(fresh.features[name], x)
    assert not torch.equal(fresh.features["author"], made.features["author"])
    assert refreshed_standins(fresh) is fresh


def test_other_weights_are_other_edges() -> None:
    made = apply_standins(library(), "incidence-svd", dim=4)
    writes = made.relation("writes")
    weight = torch.arange(1.0, writes.num_edges + 1)
    reweighted = made.with_relation(WRITES, writes.with_weight(weight))
    fresh = refreshed_standins(reweighted)
    assert not torch.equal(fresh.features["author"], made.features["author"])


def test_graphs_that_fitted_factors_were_applied_to_are_not_fitted_anew() -> None:
    made = apply_standins(library(), "incidence-svd", dim=4)
    other = encode_standins(library(seed=1), made.standins)
    assert refreshed_standins(other) is other


def test_standins_that_read_no_edges_stay() -> None:
    made = apply_standins(library(), "random")
    src, dst = made.relations[WRITES].edges()  # type: ignore[index]
    fewer = made.without_edges(WRITES, src[:2], dst[:2])
    assert refreshed_standins(fewer) is fewer


def test_removing_features_removes_the_standin() -> None:
    made = apply_standins(library(), "random")
    assert set(made.with_features("author", None).standins) == {"paper"}
    with pytest.raises(SchemaError, match="unknown node type 'writer'"):
        made.replace(standins={"writer": made.standins["author"]})
