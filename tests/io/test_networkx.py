from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.errors import DataError, SchemaError, UserError
from hetgraph.io import from_networkx, networkx_nodes, to_networkx

networkx = pytest.importorskip("networkx")


def small() -> Any:
    graph = networkx.MultiDiGraph(name="kinship")
    graph.add_node("ann", type="person", x=[1, 2.5])
    graph.add_node("bob", type="person", x=[3, 4.5])
    graph.add_node(7, type="pet", text="a cat")
    graph.add_edge("ann", "bob", type="knows", weight=0.5)
    graph.add_edge("ann", "bob", type="knows", weight=2)
    graph.add_edge("bob", 7, "owns", time=1999)
    return graph


def test_attributes_become_types_features_and_values() -> None:
    graph = from_networkx(small())
    assert graph.name == "kinship"
    assert graph.num_nodes == {"person": 2, "pet": 1}
    assert graph.ids["person"].to_pylist() == ["ann", "bob"]
    assert graph.ids["pet"].to_pylist() == [7]
    assert graph.features["person"].tolist() == [[1, 2.5], [3, 4.5]]
    assert graph.features["person"].dtype == torch.float32
    assert graph.text["pet"].to_pylist() == ["a cat"]
    knows = graph.relation(("person", "knows", "person"))
    assert knows.weight.tolist() == [0.5, 2.0]
    assert [ends.tolist() for ends in knows.edges()] == [[0, 0], [1, 1]]
    assert graph.relation(("person", "owns", "pet")).edge_time.tolist() == [1999]


def test_a_graph_goes_to_networkx_and_back(rich_graph: HeteroGraph) -> None:
    # Python has one kind of float and networkx no sparse vectors and no empty types.
    rich_graph = rich_graph.with_features("paper", torch.randn(7, 4))
    middle = to_networkx(rich_graph)
    assert middle.number_of_edges() == rich_graph.num_edges
    assert middle.nodes["ann"]["type"] == "author"
    assert middle.nodes["ghost", 2] == {"type": "ghost"}
    converted = from_networkx(middle)
    assert converted.replace(ids=rich_graph.ids).content_hash == rich_graph.content_hash
    assert converted.ids["author"].to_pylist() == rich_graph.ids["author"].to_pylist()


def test_networkx_goes_to_a_graph_and_back() -> None:
    given = small()
    back = to_networkx(from_networkx(given))
    assert back.name == "kinship"
    assert sorted(back.nodes, key=str) == sorted(given.nodes, key=str)
    assert back.nodes["bob"]["x"].tolist() == [3, 4.5]
    assert back.nodes[7] == {"type": "pet", "text": "a cat"}
    assert sorted(d["weight"] for d in back["ann"]["bob"].values()) == [0.5, 2.0]
    assert back["bob"][7]["owns"] == {"type": "owns", "time": 1999}


def test_any_hashable_node_is_mapped_back() -> None:
    given = networkx.DiGraph()
    nodes = [("a", 1), frozenset({2}), 1.5j, 2**80, "a"]
    for node in nodes[:4]:
        given.add_node(node, type="odd")
    given.add_node(nodes[4], type="even")
    networkx.add_cycle(given, nodes)
    networkx.set_edge_attributes(given, "to", "type")
    graph = from_networkx(given)
    assert networkx_nodes(given) == {"odd": nodes[:4], "even": ["a"]}
    assert graph.ids["odd"].to_pylist() == [repr(node) for node in nodes[:4]]
    back = to_networkx(graph, nodes=networkx_nodes(given))
    assert set(back.nodes) == set(nodes)
    assert {(a, b) for a, b in back.edges()} == set(given.edges)


def test_names_in_two_types_are_qualified(toy_graph: HeteroGraph) -> None:
    back = to_networkx(toy_graph, features=False)
    assert back.has_edge(("author", 1), ("paper", 2), "writes")
    assert back.nodes["venue", 0] == {"type": "venue"}
    converted = from_networkx(back)
    assert converted.num_nodes == toy_graph.num_nodes
    assert converted.ids["venue"].to_pylist() == ["('venue', 0)"]
    assert converted.schema.reverse_of("writes") == EdgeType("paper", "written_by", "author")


def test_other_attribute_names_and_triples() -> None:
    graph = networkx.MultiDiGraph()
    graph.add_node(1, kind="a")
    graph.add_node(2, kind="b")
    graph.add_edge(1, 2, rel=("a", "r", "b"))
    converted = from_networkx(graph, node_type="kind", edge_type="rel", name="n")
    assert converted.edge_types == (EdgeType("a", "r", "b"),)
    assert converted.name == "n"


@pytest.mark.parametrize("values", [(0, 2), (True, False), (0.5, 1.5), ([1, 2], [3, 4])])
def test_features_by_kind_of_value(values: tuple[Any, Any]) -> None:
    graph = networkx.DiGraph()
    for node, value in enumerate(values):
        graph.add_node(node, type="n", x=value)
    kind = from_networkx(graph).schema.node_types["n"].kind
    assert kind == ("categorical" if values == (0, 2) else "dense")


def people() -> Any:
    graph = small()
    graph.graph["source"] = "a museum"
    for number, node in enumerate(("ann", "bob")):
        graph.nodes[node].update(age=30 + number, home=f"street {number}", vip=bool(number))
    for number, (*_, attributes) in enumerate(graph.edges(data=True)):
        attributes.update(stars=number - 1, day=dt.date(2020, 1, 1 + number), none=None)
    return graph


def test_what_is_not_converted_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    from_networkx(people())
    (record,) = caplog.records
    assert record.getMessage() == (
        "not converted: source, person.age, person.home, person.vip, "
        "(person -knows> person).stars, (person -knows> person).day, (person -owns> pet).stars, "
        "(person -owns> pet).day; name what you need by type in features=, text=, "
        "edge_features=, edge_weight= or edge_time=."
    )
    caplog.clear()
    from_networkx(small())
    assert not caplog.records


def test_attributes_are_chosen_by_name() -> None:
    graph = from_networkx(
        people(),
        features={"person": ["x", "age", "vip"]},
        text={"person": "home"},
        edge_features={"knows": ["weight", "stars"]},
        edge_weight={"owns": "stars"},
        edge_time={("person", "knows", "person"): "day"},
    )
    assert graph.features["person"].tolist() == [[1, 2.5, 30, 0], [3, 4.5, 31, 1]]
    assert graph.text["person"].to_pylist() == ["street 0", "street 1"]
    assert "pet" in graph.text
    knows, owns = graph.relation("knows"), graph.relation("owns")
    assert knows.edge_features.tolist() == [[0.5, -1], [2, 0]]
    assert knows.weight.tolist() == [0.5, 2]
    day = 86_400_000_000  # microseconds
    assert knows.edge_time.tolist() == [18262 * day, 18263 * day]
    assert owns.weight.tolist() == [1]
    assert owns.edge_time.tolist() == [1999]


def test_values_that_do_not_fit_64_bits_work() -> None:
    given = networkx.DiGraph()
    given.add_node(2**63, type="n", x=2**70)
    given.add_node(1, type="n", x=1)
    given.add_edge(2**63, 1, type="r", weight=2**70, time=2**40)
    graph = from_networkx(given)
    assert graph.ids["n"].to_pylist() == [2**63, 1]
    assert graph.features["n"].tolist() == [[float(2**70)], [1.0]]
    assert graph.relation("r").weight.tolist() == [float(2**70)]
    assert set(to_networkx(graph).nodes) == {2**63, 1}


def test_types_that_networkx_does_not_have_are_told(
    toy_graph: HeteroGraph, caplog: pytest.LogCaptureFixture
) -> None:
    to_networkx(toy_graph)
    assert not caplog.records
    nobody = toy_graph.replace(num_nodes={**toy_graph.num_nodes, "nobody": 0})
    to_networkx(nobody)
    assert "no empty types: nobody." in caplog.text


# --------------------------------------------------------------------------- bad input


def broken(change: str) -> Any:
    graph = small()
    exec(change, {"graph": graph})
    return graph


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("graph.add_node('zoe')", "node 'zoe' has no attribute 'type'"),
        ("graph.add_edge('ann', 7)", "edge ('ann', 7) has no attribute 'type'"),
        ("graph.add_edge('ann', 7, type=('pet', 'r', 'pet'))", "runs from 'person' to 'pet'"),
        ("graph.add_node('cy', type='person')", "1 of 3 have no attribute 'x'"),
        ("graph.add_node('cy', type='person', x=[1])", "differs in length"),
        ("graph.add_node('rex', type='pet2', x='a')", "must be a number or a list of numbers"),
        ("graph.add_edge('ann', 'bob', type='knows')", "1 of 3 have no attribute 'weight'"),
        ("graph.nodes['ann']['x'] = [1, float('nan')]", "NaN"),
        ("graph.nodes['ann']['x'] = None", "1 of 2 have no attribute 'x' (or None), first node 'a"),
        (
            "graph['ann']['bob'][0]['weight'] = None",
            "1 of 2 have no attribute 'weight' (or None), first edge ('ann', 'bob')",
        ),
        (
            "graph['bob'][7]['owns']['time'] = 2**70",
            "(person -owns> pet): attribute 'time' holds no",
        ),
        ("graph['bob'][7]['owns']['time'] = 'now'", "'now' is no time; expected a date such as"),
        ("graph['bob'][7]['owns']['weight'] = 'a'", "attribute 'weight' must be a number"),
        ("graph['bob'][7]['owns']['weight'] = [1, 2]", "attribute 'weight' must be a number"),
        ("graph.nodes[7]['text'] = 3", "attribute 'text' of node 7 is 3, expected a text"),
    ],
)
def test_bad_graphs_are_one_clear_line(change: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        from_networkx(broken(change))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_undirected_graph_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"graph\.to_directed\(\)"):
        from_networkx(small().to_undirected())


def test_too_few_names_are_refused(toy_graph: HeteroGraph) -> None:
    with pytest.raises(DataError, match="2 different names, expected 3"):
        to_networkx(toy_graph, nodes={"paper": ["a", "b", "a"]})
