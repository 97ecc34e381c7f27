from __future__ import annotations

import itertools
from collections import defaultdict

import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import PathPatch

from hetgraph.data import EdgeType, HeteroGraph, Schema
from hetgraph.data.schema import EdgeSpec, FeatureSpec
from hetgraph.explain import style
from hetgraph.explain.flow import (
    SEVERAL,
    Flow,
    flow_data,
    flow_layout,
    label_ends,
    source_type,
)
from hetgraph.explain.flow_picture import draw_flow, flow_figure
from hetgraph.methods import RelevanceRow as Row

# matplotlib only warns where there is no room for a layout.
pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    ("node_type", "relation", "source"),
    [
        ("paper", "author -writes> paper", "author"),
        ("author", "author -writes> paper (odd)", "paper"),
        ("paper", "published_at", "venue"),
        ("author", "author-paper-author", "author"),
        ("author", "venue-paper-author", "venue"),
        ("venue", "venue-paper-author", "author"),
        ("author", "{author, venue} -> paper <writes- author", SEVERAL),
        ("author", "{author, venue} -> ... -> venue-paper-author", SEVERAL),
        ("paper", "label: author -writes> paper", "author"),
        ("paper", "(self)", "paper"),
        ("paper", "a path known by name", "paper"),
        ("paper", "", "paper"),
    ],
)
def test_the_source_is_the_far_end(
    toy_graph: HeteroGraph, node_type: str, relation: str, source: str
) -> None:
    assert source_type(Row(node_type, relation, 0, 1.0), toy_graph.schema) == source


@pytest.mark.parametrize(
    ("label", "ends"),
    [
        ("paper <writes- author", ("paper", "author")),
        ("label: paper -published_at> venue (both directions)", ("paper", "venue")),
        ("{author, venue} -> ... -> venue-paper-author (both directions)", ("venue", "author")),
        ("(self) (beside venue-paper)", None),
    ],
)
def test_the_ends_of_a_label(
    toy_graph: HeteroGraph, label: str, ends: tuple[str, str] | None
) -> None:
    assert label_ends(label, toy_graph.schema) == ends


def test_a_stated_source_wins(toy_graph: HeteroGraph) -> None:
    row = Row("author", "author -writes> paper (even)", 0, 1.0, source="author")
    assert source_type(row, toy_graph.schema) == "author"


def test_odd_type_names() -> None:
    edge = EdgeType("a-b > c", "r (x)", "$d'")
    schema = Schema({"a-b > c": FeatureSpec(), "$d'": FeatureSpec()}, {edge: EdgeSpec()})
    assert source_type(Row("$d'", str(edge), 0, 1.0), schema) == "a-b > c"
    assert source_type(Row("$d'", "'a-b > c'-'$d'''", 0, 1.0), schema) == "a-b > c"


def test_a_band_for_each_row_of_all_nodes(toy_graph: HeteroGraph) -> None:
    rows = [
        Row("paper", "author -writes> paper", 0, 0.7),
        Row("paper", "(self)", 1, -0.3),
        Row("paper", "(self)", 1, 0.2, label=1),
    ]
    assert flow_data(rows, toy_graph.schema) == (
        Flow(0, "author", "author -writes> paper", "paper", 0.7),
        Flow(1, "paper", "(self)", "paper", 0.3),
    )
    assert flow_data([], toy_graph.schema) == ()


FLOWS = [
    Flow(0, src, f"{src} to {dst}", dst, weight)
    for (src, dst), weight in zip(
        itertools.product("abc", "ab"), (0.5, 0.0, 0.2, 0.01, 0.3, 0.99), strict=True
    )
]


def test_bands_are_as_wide_as_their_weights_and_fill_their_blocks() -> None:
    layout = flow_layout(FLOWS, "abc")
    scale = layout.bands[-1].size / layout.bands[-1].flow.weight
    for band in layout.bands:
        assert band.size == pytest.approx(scale * band.flow.weight)
    for blocks, side in ((layout.sources, "source"), (layout.targets, "node_type")):
        totals = defaultdict(float)
        for flow in FLOWS:
            totals[getattr(flow, side)] += flow.weight
        assert {b.name: pytest.approx(b.size) for b in blocks} == {
            name: scale * weight for name, weight in totals.items()
        }


def test_bands_of_a_block_lie_one_on_the_other() -> None:
    layout = flow_layout(FLOWS, "abc")
    for blocks, side, low in (
        (layout.sources, "source", "left"),
        (layout.targets, "node_type", "right"),
    ):
        for block in blocks:
            own = [band for band in layout.bands if getattr(band.flow, side) == block.name]
            edges = sorted((getattr(band, low), band.size) for band in own)
            assert edges[0][0] == pytest.approx(block.center - block.size / 2)
            for (bottom, size), (following, _) in itertools.pairwise(edges):
                assert bottom + size == pytest.approx(following)


def test_every_label_has_a_line_to_itself() -> None:
    layout = flow_layout(FLOWS, "abc")
    for blocks in (layout.sources, layout.relations, layout.targets):
        centers = [block.center for block in blocks]
        assert all(b - a >= 1.0 for a, b in itertools.pairwise(centers))
        assert centers[0] >= 0.5
        assert centers[-1] <= layout.height - 0.5
    assert [block.name for block in layout.sources] == ["c", "b", "a"], "the first is on top"


@pytest.mark.parametrize("flows", [[], [Flow(0, "a", "r", "b", 0.0)]])
def test_nothing_to_draw_is_no_error(flows: list[Flow]) -> None:
    layout = flow_layout(flows)
    assert [band.size for band in layout.bands] == [0.0] * len(flows)


def test_what_is_drawn_is_the_layout() -> None:
    layout = flow_layout(FLOWS, "abc")
    ax = style.new_figure(4, 4).subplots()
    colours = style.colours("abc")
    draw_flow(ax, layout, colours)
    bands = [patch for patch in ax.patches if isinstance(patch, PathPatch)]
    for patch, band in zip(bands, layout.bands, strict=True):
        ys = patch.get_path().vertices[:, 1]
        assert ys[0] == band.left
        assert max(abs(ys.max() - ys.min()), 0) >= band.size - 1e-9
        assert patch.get_facecolor()[:3] == pytest.approx(to_rgb(colours[band.flow.source]))
    shown = {text.get_text() for text in ax.texts}
    assert {"a", "b", "c", "c to b  0.990", "a to b  0.000"} <= shown


def test_a_panel_for_each_order_and_odd_names() -> None:
    flows = [
        Flow(0, "$x$", "y" * 200, "unknown\ntype", 0.5),
        *(Flow(2, "a", f"r{n}", "a", 1.0 + n) for n in range(60)),
    ]
    with style.look():
        figure = flow_figure(flows, "title", types=["a"], notes=["note"])
        figure.draw_without_rendering()
    first, second = figure.axes
    assert first.get_title(loc="left") or first.get_title()
    names = [text.get_text() for text in second.texts]
    assert "r59  60.0" in names
    assert "r0  1.0" not in names, "only the largest are drawn"
