from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
from matplotlib.patches import Ellipse, FancyArrowPatch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.explain import style
from hetgraph.explain.schema import Link, SchemaData, schema_data, schema_layout
from hetgraph.explain.schema_picture import draw_schema, schema_figure

# matplotlib only warns where there is no room for a layout.
pytestmark = pytest.mark.filterwarnings("error")


def graph_of(types: Sequence[str], edges: Sequence[tuple[str, str, str]]) -> HeteroGraph:
    one = Relation.from_edges(torch.tensor([0]), torch.tensor([0]), 4, 4)
    return HeteroGraph(
        num_nodes=dict.fromkeys(types, 4), relations={EdgeType(*edge): one for edge in edges}
    )


def test_reverses_are_one_link(toy_graph: HeteroGraph) -> None:
    data = schema_data(toy_graph)
    assert data.num_nodes == toy_graph.num_nodes
    assert data.links == (
        Link("author", "paper", "writes / written_by", 4, directed=False),
        Link("paper", "venue", "published_at", 3, directed=True),
    )


def test_every_edge_is_counted_once(random_graph) -> None:
    graph = random_graph()
    reverses = {b for a, b in graph.schema.reverses if a != b}
    expected = sum(r.nnz for key, r in graph.relations.items() if key not in reverses)
    assert sum(link.num_edges for link in schema_data(graph).links) == expected


def test_many_relations_of_two_types_are_one_line() -> None:
    edges = [("a", f"r{n}", "b") if n % 2 else ("b", f"r{n}", "a") for n in range(12)]
    data = schema_data(graph_of("ab", [*edges, ("a", "x", "a")]))
    assert data.links == (
        Link("a", "b", "12 relations", 12, directed=False),
        Link("a", "a", "x", 1, directed=True),
    )


def test_a_type_joined_to_all_is_in_the_middle(toy_graph: HeteroGraph) -> None:
    places = schema_layout(schema_data(toy_graph))
    assert places["paper"] == (0.0, 0.0)
    assert places["author"][0] == pytest.approx(-places["venue"][0])


@pytest.mark.parametrize("num_types", [1, 2, 3, 8, 25])
def test_places_are_apart(num_types: int) -> None:
    types = [f"t{n}" for n in range(num_types)]
    edges = [(a, f"{a}{b}", b) for a, b in itertools.combinations(types, 2)]
    data = schema_data(graph_of(types, [*edges, ("t0", "loop", "t0")]))
    places = schema_layout(data)
    assert list(places) == types
    closest = min(
        (math.dist(a, b) for a, b in itertools.combinations(places.values(), 2)), default=1.0
    )
    assert closest > 0.2


def test_what_is_drawn_is_the_data(random_graph) -> None:
    data = schema_data(random_graph())
    ax = draw_schema(style.new_figure(5, 5).subplots(), data, target="paper")
    lines = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    loops = [patch for patch in ax.patches if isinstance(patch, Ellipse)]
    assert (len(lines), len(loops)) == (2, 1)
    shown = {text.get_text() for text in ax.texts}
    for name, count in data.num_nodes.items():
        assert f"{name}\n{count:,}" in shown
    for link in data.links:
        assert f"{link.name}\n{link.num_edges:,}" in shown
    (bold,) = [text for text in ax.texts if text.get_fontweight() == "bold"]
    assert bold.get_text().startswith("paper")


def test_more_links_than_can_be_named_get_a_key() -> None:
    types = "abcdef"
    edges = [(a, f"${a}{b}", b) for a, b in itertools.combinations(types, 2)]
    data = schema_data(graph_of(types, edges))
    with style.look():
        figure = schema_figure(data, "title", target="a")
        figure.draw_without_rendering()
    drawing, key = figure.axes
    numbers = {text.get_text() for text in drawing.texts}
    assert {str(n) for n in range(1, 16)} <= numbers
    lines = key.texts[0].get_text().split("\n")
    assert lines[0] == r"1  a -\$ab> b: 1"
    assert len(lines) == len(data.links)


@pytest.mark.parametrize(
    ("types", "edges"),
    [
        ("a", []),
        (
            "ab",
            [("a", "x", "b"), ("b", "y", "a"), ("a", "z", "b"), ("b", "l", "b"), ("b", "m", "b")],
        ),
        (["$x_{1}$", "n" * 80, "c"], [("c", "r" * 90, "n" * 80)]),
    ],
    ids=["no relation", "parallel", "odd names"],
)
def test_labels_do_not_overlap(types, edges) -> None:
    data = schema_data(graph_of(types, edges)) if edges else SchemaData({"a": 4}, ())
    with style.look():
        figure = schema_figure(data, "title")
        figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
