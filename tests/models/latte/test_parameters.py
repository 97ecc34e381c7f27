"""The number of parameters of the two official implementations, to the digit."""

from __future__ import annotations

import pytest

from hetgraph.data import EdgeType, Schema
from hetgraph.data.schema import EdgeSpec, FeatureSpec
from hetgraph.models.latte import LATTE, LATTEConfig
from hetgraph.tasks import TaskSpec


def count(schema: Schema, target: str, classes: int, preset: str, orders: int) -> int:
    config = LATTEConfig.from_preset(preset, num_orders=orders, scope="all")
    spec = TaskSpec("node-classification", target, classes)
    return LATTE.build(schema, spec, config).num_parameters()


def typed(types: str, relations: str, dim: int) -> Schema:
    words = relations.split()
    return Schema(
        dict.fromkeys(types, FeatureSpec("sparse", dim)),
        {EdgeType(word[1], word.lower(), word[0]): EdgeSpec() for word in words},
    )


@pytest.mark.parametrize(
    ("dim", "orders", "expected"),
    [(1902, 1, 498_106), (1902, 2, 764_923), (1256, 1, 329_500), (1256, 2, 513_629)],
    ids=["ACM-1", "ACM-2", "IMDB-1", "IMDB-2"],
)
def test_paper_on_one_node_type(dim, orders, expected):
    """All nodes are of one type there, so that 4 relations join to 16."""
    names = ("PAP", "PA_P", "PSP", "PS_P")
    kinds = {EdgeType("P", name, "P"): EdgeSpec() for name in names}
    schema = Schema({"P": FeatureSpec("sparse", dim)}, kinds)
    assert count(schema, "P", 3, "paper", orders) == expected


@pytest.mark.parametrize(
    ("types", "relations", "dim", "classes", "expected"),
    [
        ("PAS", "PA AP PS SP", 1902, 3, (832_142, 934_301)),
        ("MDA", "MD DM MA AM", 1256, 3, (584_078, 686_237)),
        ("APCT", "AC CA AP PA AT TA", 334, 4, (306_964, 444_720)),
    ],
    ids=["ACM", "IMDB", "pseudo-DBLP"],
)
def test_2021_on_typed_graphs(types, relations, dim, classes, expected):
    schema = typed(types, relations, dim)
    counts = tuple(count(schema, types[0], classes, "2021", orders) for orders in (1, 2))
    assert counts == expected


def test_the_default_has_parameters_for_what_reaches_the_target_alone():
    schema = typed("PAS", "PA AP PS SP", 10)
    spec = TaskSpec("node-classification", "P", 3)
    model = LATTE(schema, spec, LATTEConfig(num_orders=1))
    assert [name for order in model.orders for name, _ in order.left.items()] == ["P"]
    assert [name for order in model.orders for name, _ in order.right.items()] == ["A", "S"]
