"""The figure of the relation flow, drawn with plain paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hetgraph.explain import style
from hetgraph.explain.flow import SEVERAL, Band, Flow, FlowLayout, flow_layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path

__all__ = ["draw_flow", "flow_figure"]

MAX_BANDS = 40
"""Maximum number of bands in a panel; the table has all of them."""

LINE = 0.19
"""Inches between two lines of text."""

LEFT, MIDDLE, RIGHT, BLOCK = 0.0, 0.5, 1.0, 0.022

LEVEL = 0.18
"""Half the length of the level section in the middle of a band, which holds its label."""


def draw_flow(ax: Axes, layout: FlowLayout, colours: Mapping[str, str]) -> Axes:
    """Draws one panel.

    Args:
        ax: The axes to draw on.
        layout: The bands.
        colours: Colour by node type; a band has the colour of its source.

    Example:
        >>> from matplotlib.figure import Figure
        >>> layout = flow_layout([Flow(0, "author", "writes", "paper", 0.7)])
        >>> ax = draw_flow(Figure().subplots(), layout, style.colours(["author", "paper"]))
    """
    from matplotlib.patches import PathPatch, Rectangle

    for band in layout.bands:
        patch = PathPatch(
            _outline(band), facecolor=colours[band.flow.source], alpha=0.55, linewidth=0
        )
        ax.add_patch(patch)
    for blocks, x, side in ((layout.sources, LEFT, "right"), (layout.targets, RIGHT, "left")):
        for block in blocks:
            low = block.center - block.size / 2
            corner = x - BLOCK / 2, low
            ax.add_patch(Rectangle(corner, BLOCK, block.size, color=colours[block.name]))
            shift = -BLOCK if side == "right" else BLOCK
            ax.text(x + shift, block.center, style.label(block.name, 24), ha=side, va="center")
    names = style.labels([block.name for block in layout.relations], style.LONGEST)
    largest = max(band.flow.weight for band in layout.bands)
    for name, block, band in zip(names, layout.relations, layout.bands, strict=True):
        ax.text(
            MIDDLE,
            block.center,
            f"{name}  {style.number(band.flow.weight, largest)}",
            ha="center",
            va="center",
            fontsize=7.5,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.75, "lw": 0},
        )
    ax.set_xlim(LEFT - 2 * BLOCK, RIGHT + 2 * BLOCK)
    ax.set_ylim(0, layout.height)
    ax.set_axis_off()
    return ax


def flow_figure(
    flows: Sequence[Flow], title: str, *, types: Sequence[str], notes: Sequence[str]
) -> Figure:
    """Draws one panel per order, below each other.

    Args:
        flows: At least one band.
        title: Title of the figure.
        types: Node types of the graph; their order determines colours and positions.
        notes: Sentences below the figure.

    Example:
        >>> flows = [Flow(0, "author", "writes", "paper", 0.7)]
        >>> figure = flow_figure(flows, "Relation flow", types=["author", "paper"], notes=())
    """
    orders = sorted({flow.order for flow in flows})
    own = [[flow for flow in flows if flow.order == order] for order in orders]
    shown = [sorted(bands, key=lambda flow: -flow.weight)[:MAX_BANDS] for bands in own]
    layouts = [flow_layout(bands, types) for bands in shown]
    heights = [layout.height * LINE for layout in layouts]
    names = [
        name
        for bands in shown
        for name in style.labels([flow.relation for flow in bands], style.LONGEST)
    ]
    width = max(8.5, 4.8 + style.text_width(names, 7.5))
    figure = style.new_figure(width, 0.9 + sum(heights) + 0.35 * len(orders), title)
    axes = figure.subplots(len(orders), 1, squeeze=False, height_ratios=heights)[:, 0]
    known = dict.fromkeys((*types, *(flow.source for flow in flows)))
    colours = style.colours(name for name in known if name != SEVERAL) | {SEVERAL: style.GREY}
    colours |= {flow.node_type: colours.get(flow.node_type, style.GREY) for flow in flows}
    for ax, order, bands, kept, layout in zip(axes, orders, own, shown, layouts, strict=True):
        draw_flow(ax, layout, colours)
        fewer = len(kept) < len(bands)
        extent = f": the {len(kept)} largest of {len(bands)} relations" if fewer else ""
        ax.set_title(f"order {order}{extent}")
    style.caption(
        figure,
        "Messages pass from left to right. Width and number: mean weight; each order has its own "
        "scale.",
        *notes,
    )
    return figure


def _outline(band: Band) -> Path:
    """Returns the closed outline: to the right along the lower edge, back along the upper one."""
    from matplotlib.path import Path

    lower = _edge(band.left, band.middle, band.right)
    upper = _edge(band.left + band.size, band.middle + band.size, band.right + band.size)
    edge = [*[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3]
    codes = [Path.MOVETO, *edge, Path.LINETO, *edge, Path.CLOSEPOLY]
    return Path([*lower, *reversed(upper), lower[0]], codes)


def _edge(left: float, middle: float, right: float) -> list[tuple[float, float]]:
    """Returns a Bézier curve, a level line and a Bézier curve: two times four points."""
    first, last = MIDDLE - LEVEL, MIDDLE + LEVEL
    x1, x2 = (LEFT + first) / 2, (last + RIGHT) / 2
    rise = [(LEFT, left), (x1, left), (x1, middle), (first, middle)]
    return [*rise, (last, middle), (x2, middle), (x2, right), (RIGHT, right)]
