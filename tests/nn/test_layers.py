"""Which types and relations each layer computes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hetgraph.data import EdgeType, Schema
from hetgraph.data.schema import EdgeSpec, FeatureSpec
from hetgraph.errors import SchemaError
from hetgraph.nn import layer_plans


def schema(nodes: str, edges: str) -> Schema:
    """``schema("a b", "a>b b>a")``: relations are named by their ends."""
    pairs = [pair.split(">") for pair in edges.split()]
    types = [EdgeType(src, f"{src}{dst}", dst) for src, dst in pairs]
    return Schema({name: FeatureSpec() for name in nodes.split()}, dict.fromkeys(types, EdgeSpec()))


def described(plans) -> list[tuple[str, str, str]]:
    return [
        ("".join(p.inputs), "".join(p.outputs), " ".join(one.name for one in p.edge_types))
        for p in plans
    ]


def test_a_chain_is_followed_one_step_a_layer():
    chain = schema("a b c d", "b>a c>b d>c a>d")
    assert described(layer_plans(chain, "a", 1)) == [("ab", "a", "ba")]
    assert described(layer_plans(chain, "a", 2)) == [("abc", "ab", "ba cb"), ("ab", "a", "ba")]
    assert described(layer_plans(chain, "a", 3))[0] == ("abcd", "abc", "ba cb dc")


def test_what_cannot_reach_the_target_is_left_out():
    star = schema("a b sink", "a>b b>a a>sink b>sink sink>sink")
    for plan in layer_plans(star, "a", 3):
        assert "sink" not in plan.inputs
        assert all(one.dst != "sink" for one in plan.edge_types)


def test_the_first_layer_computes_all_types_once_they_are_reached():
    both = schema("b a", "a>b b>a b>b")
    assert described(layer_plans(both, "a", 3)) == [
        ("ba", "ba", "ab ba bb"),
        ("ba", "ba", "ab ba bb"),
        ("ba", "a", "ba"),
    ]


def test_each_layer_writes_what_the_next_one_reads():
    plans = layer_plans(schema("a b c", "b>a c>b a>b c>a"), "a", 4)
    for before, after in pairwise(plans):
        assert before.outputs == after.inputs
    assert plans[-1].outputs == ("a",)


def test_several_targets_are_planned_together():
    chain = schema("a b c", "b>a c>b a>c")
    assert described(layer_plans(chain, ("a", "c"), 1)) == [("abc", "ac", "ba ac")]
    assert described(layer_plans(chain, ("a",), 2)) == described(layer_plans(chain, "a", 2))
    with pytest.raises(SchemaError, match=r"no relation arrives at 'b'"):
        layer_plans(schema("a b", "b>a"), ("a", "b"), 2)


def test_relations_into_a_type_keep_their_order():
    plan = layer_plans(schema("a b c", "c>a b>a a>b"), "a", 2)[0]
    assert [one.name for one in plan.into("a")] == ["ca", "ba"]
    assert [one.name for one in plan.into("b")] == ["ab"]
    assert plan.into("c") == ()


def test_a_target_without_arrivals_or_of_another_graph_is_refused():
    with pytest.raises(SchemaError, match=r"no relation arrives at 'a'; add reverses"):
        layer_plans(schema("a b", "a>b"), "a", 2)
    with pytest.raises(SchemaError, match="unknown node type 'A'"):
        layer_plans(schema("a b", "b>a"), "A", 2)


def test_a_graph_without_edges_is_refused_with_another_cure() -> None:
    with pytest.raises(SchemaError, match="has no edges to pass messages along; choose a model"):
        layer_plans(schema("a", ""), "a", 2)
