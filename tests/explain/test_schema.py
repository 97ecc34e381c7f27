from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Ellipse, FancyArrowPatch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.explain import style
from hetgraph.explain.schema import Link, schema_data, schema_layout
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
        names = link.name.replace(" / ", " /\n")
        assert f"{names}\n{link.num_edges:,}" in shown
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


BOTH = [("user", name, "item") for name in ("buys", "views", "adds_to_cart", "adds_to_wishes")]
AROUND = [("user", "follows", "user"), ("user", "blocks", "user"), ("item", "near", "item")]
CENTRE = [("shop", "sells", "item"), ("item", "has", "tag"), ("user", "lives_at", "place")]


@pytest.mark.parametrize("reverses", [False, True], ids=["alone", "with reverses"])
@pytest.mark.parametrize(
    ("types", "edges"),
    [
        (["a"], []),
        (["user", "item"], BOTH[:2]),
        (["user", "item"], BOTH),
        (["user", "item"], [*BOTH[:2], *AROUND]),
        (["user", "item", "tag"], [*BOTH[:3], ("user", "likes", "tag"), ("item", "has", "tag")]),
        (["user", "item", "shop", "tag", "place"], [*BOTH[:3], *CENTRE, AROUND[0]]),
        (["page"], [("page", name, "page") for name in ("links", "cites", "copies", "mirrors")]),
        (["$x_{1}$", "n" * 80, "c"], [("c", "r" * 90, "n" * 80)]),
        (["n" * 40, "m" * 40], [("n" * 40, f"a relation with {n} names", "m" * 40) for n in "ab"]),
        (list("abcdef"), [(a, f"{a}{b}", b) for a, b in itertools.combinations("abcdef", 2)]),
    ],
    ids=[
        *("no relation", "two", "four", "loops", "triangle", "hub", "one type"),
        *("odd names", "long names", "numbers"),
    ],
)
def test_labels_do_not_overlap(types, edges, reverses: bool) -> None:
    graph = graph_of(types, edges)
    data = schema_data(graph.with_reverses() if reverses and edges else graph)
    with style.look():
        figure = schema_figure(data, "title")
        FigureCanvasAgg(figure).draw()
    texts = figure.axes[0].texts
    boxes = [text.get_bbox_patch().get_window_extent() for text in texts]
    assert len(boxes) == len(types) + len(data.links)
    for one, other in itertools.combinations(range(len(boxes)), 2):
        said = (texts[one].get_text(), texts[other].get_text())
        assert not boxes[one].overlaps(boxes[other]), said
    whole = figure.axes[0].get_window_extent()
    for box in boxes:
        assert whole.x0 - 1 <= box.x0 <= box.x1 <= whole.x1 + 1


def test_names_of_parallel_relations_are_whole() -> None:
    data = schema_data(graph_of(["user", "item"], BOTH).with_reverses())
    ax = draw_schema(style.new_figure(5, 5).subplots(), data)
    shown = {text.get_text() for text in ax.texts}
    assert {f"{name}\n1" for _, name, _ in BOTH} <= shown


def test_rings_are_inside_the_picture() -> None:
    loops = [("page", name, "page") for name in ("links", "cites", "copies", "mirrors")]
    ax = draw_schema(style.new_figure(5, 5).subplots(), schema_data(graph_of(["page"], loops)))
    rings = [patch for patch in ax.patches if isinstance(patch, Ellipse)]
    assert len(rings) == 4
    (left, right), (low, top) = ax.get_xlim(), ax.get_ylim()
    for ring in rings:
        box = ring.get_path().transformed(ring.get_patch_transform()).get_extents()
        assert left < box.x0 < box.x1 < right
        assert low < box.y0 < box.y1 < top
