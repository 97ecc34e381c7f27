from __future__ import annotations

import pytest

from hetgraph.data import EdgeType, Schema
from hetgraph.data.schema import EdgeSpec, FeatureSpec
from hetgraph.errors import ConfigError, SchemaError
from hetgraph.models.latte.relations import MetaRelation, join_relations, plan_orders


def schema(*edges: str) -> Schema:
    """Edge types from words such as ``"PA"``: P reads from A."""
    types = dict.fromkeys("".join(edges), FeatureSpec("sparse", 10))
    return Schema(types, {EdgeType(word[1], word.lower(), word[0]): EdgeSpec() for word in edges})


def letters(relation: MetaRelation) -> str:
    return relation.head + "".join(step.src for step in relation.steps)


ACM = ("PA", "AP", "PS", "SP")


def test_walks_of_acm_are_those_of_the_paper():
    plans = plan_orders(schema(*ACM), "P", 3, scope="all")
    assert [letters(walk) for walk in plans[1].relations] == [
        "PAP",
        "APA",
        "APS",
        "PSP",
        "SPA",
        "SPS",
    ]
    assert [len(plan.relations) for plan in plans] == [4, 6, 8]
    assert plans[0].outputs == ("P", "A", "S")


def test_a_single_type_gives_16_walks():
    names = ("PAP", "PA_P", "PSP", "PS_P")
    walk = Schema(
        {"P": FeatureSpec("sparse", 10)}, {EdgeType("P", n, "P"): EdgeSpec() for n in names}
    )
    assert [len(plan.relations) for plan in plan_orders(walk, "P", 2)] == [4, 16]


def test_slots_follow_nested_order_of_the_schema():
    single = [MetaRelation((walk,)) for walk in schema(*ACM).edge_types]
    joined = join_relations(single, single)
    assert [letters(walk) for walk in joined] == ["PAP", "APA", "APS", "PSP", "SPA", "SPS"]
    assert joined[0].prefix == single[0]
    assert (joined[2].head, joined[2].tail) == ("A", "S")


def test_only_what_reaches_the_target_is_planned():
    plans = plan_orders(schema(*ACM, "XA"), "P", 2)
    assert [plan.outputs for plan in plans] == [("P",), ("P",)]
    assert [letters(walk) for walk in plans[1].relations] == ["PAP", "PSP"]
    assert plans[1].tails == ("P",)
    plans = plan_orders(schema(*ACM, "XA"), "A", 2, context="previous")
    assert [plan.outputs for plan in plans] == [("A", "S"), ("A",)]
    assert [letters(walk) for walk in plans[0].relations] == ["AP", "SP"]
    assert [letters(walk) for walk in plans[1].into("A")] == ["APA", "APS"]


def test_text_is_the_meta_path_of_the_messages():
    plain = schema(*ACM)
    kinds = list(plain.edge_types)
    paired = Schema(
        plain.node_types, plain.edge_types, ((kinds[0], kinds[1]), (kinds[2], kinds[3]))
    )
    walk = plan_orders(paired, "A", 2)[1].relations[1]
    assert letters(walk) == "APS"
    assert walk.text(paired) == "S-P-A"


def test_what_nothing_reaches_is_an_error():
    with pytest.raises(SchemaError, match="no relation arrives at 'A'"):
        plan_orders(schema("PA"), "A", 1)
    with pytest.raises(ConfigError, match="no walk of 2 steps arrives at 'P'; set it to 1"):
        plan_orders(schema("PA"), "P", 3)
