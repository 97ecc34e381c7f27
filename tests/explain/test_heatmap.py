from __future__ import annotations

import itertools

import numpy as np
import pytest

from hetgraph.explain import style
from hetgraph.explain.heatmap import class_heat_data, draw_heat, heat_data, heat_figure
from hetgraph.methods import RelevanceRow as Row

# matplotlib only warns where there is no room for a layout.
pytestmark = pytest.mark.filterwarnings("error")

ROWS = [
    Row("paper", "author-paper", 0, 0.2, 0.05),
    Row("paper", "(self)", 0, 0.8, 0.1),
    Row("paper", "venue-paper-paper", 1, 0.9),
    Row("paper", "(self)", 1, 0.1),
    Row("author", "paper-author", 0, 1.0),
    Row("paper", "author-paper", 0, 0.3, label=0),
    Row("paper", "author-paper", 0, 0.4, 0.01, label=2),
]


def test_a_panel_has_relations_as_rows_and_orders_as_columns() -> None:
    paper, author = heat_data(ROWS)
    assert (paper.title, author.title) == ("paper", "author")
    assert paper.relations == ("(self)", "author-paper", "venue-paper-paper")
    assert paper.columns == ("0", "1")
    nan = np.nan
    np.testing.assert_array_equal(paper.weight, [[0.8, 0.1], [0.2, nan], [nan, 0.9]])
    np.testing.assert_array_equal(paper.std, [[0.1, 0.0], [0.05, nan], [nan, 0.0]])
    np.testing.assert_array_equal(author.weight, [[1.0]])


def test_classes_are_columns_beside_all_nodes() -> None:
    (panel,) = class_heat_data(ROWS, ("first",))
    assert panel.title == "paper, order 0"
    assert panel.columns == ("all nodes", "first", "class 2")
    row = panel.relations.index("author-paper")
    np.testing.assert_array_equal(panel.weight[row], [0.2, 0.3, 0.4])
    np.testing.assert_array_equal(panel.weight[1 - row], [0.8, np.nan, np.nan])


def test_no_rows_no_panels() -> None:
    assert heat_data([]) == ()
    assert class_heat_data(ROWS[:5]) == ()


def test_the_largest_rows_are_kept_in_their_order() -> None:
    weights = [0.1, 0.9, 0.2, 0.8]
    (panel,) = heat_data(Row("a", f"r{order}", order, w) for order, w in enumerate(weights))
    kept = panel.largest(2)
    assert kept.relations == ("r1", "r3")
    np.testing.assert_array_equal(np.nanmax(kept.weight, axis=1), [0.9, 0.8])
    assert "2 largest of 4" in kept.title
    assert panel.largest(4) is panel


def test_what_is_drawn_is_the_data() -> None:
    panel = heat_data(ROWS)[0]
    figure = style.new_figure(4, 4)
    ax = figure.subplots()
    mesh = draw_heat(ax, panel, limits=(0.0, 1.0))
    np.testing.assert_array_equal(np.ma.filled(mesh.get_array(), np.nan), panel.weight)
    assert [text.get_text() for text in ax.get_yticklabels()] == list(panel.relations)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1"]
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(0, 0): "0.800 ±0.10", (1, 0): "0.100", (0, 1): "0.200 ±0.05", (1, 2): "0.900"}


@pytest.mark.parametrize(
    "rows",
    [
        [Row("a", "only", 0, 1.0)],
        [Row("a", "nothing", 0, 0.0)],
        [Row("a", "below", 0, -0.5), Row("a", "above", 3, 0.5)],
        [Row("$a_{1}$", "x" * 300, 0, 0.5), Row("", "", 0, 0.1)],
        [Row("a", "W" * 90 + str(n) + "W" * 90, 0, 0.5) for n in range(2)],
        [Row("a", f"relation {n}", n % 3, 0.01 * n) for n in range(60)],
    ],
    ids=["one", "zero", "negative", "odd names", "wide", "many"],
)
def test_labels_do_not_overlap(rows: list[Row]) -> None:
    with style.look():
        figure = heat_figure(heat_data(rows), "title", axis="order", notes=["note"])
        figure.draw_without_rendering()
    *panels, bar = figure.axes
    assert bar.get_ylabel() == "mean weight"
    for ax in panels:
        boxes = [text.get_window_extent() for text in ax.get_yticklabels()]
        assert all(lower.y1 <= upper.y0 + 0.5 for upper, lower in itertools.pairwise(boxes))
        assert all(box.x0 >= 0 for box in boxes), "cut off at the left"
        for text in ax.texts:
            assert text.get_window_extent().width <= ax.bbox.width / max(1, len(ax.get_xticks()))


def test_all_panels_share_one_scale() -> None:
    figure = heat_figure(heat_data(ROWS), "title", axis="order", notes=[])
    limits = [ax.collections[0].get_clim() for ax in figure.axes[:-1]]
    assert limits == [(0.0, 1.0)] * 2
