"""The schema picture: types as boxes, relations as lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hetgraph.explain import style
from hetgraph.explain.schema import Link, Place, SchemaData
from hetgraph.explain.schema_arrangement import LABEL_SIZE, Area, Arrangement, Line, arrange

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_schema", "schema_figure"]


def draw_schema(ax: Axes, data: SchemaData, *, target: str = "") -> Axes:
    """Draws the schema; one unit of the axes is one inch.

    Args:
        ax: The axes to draw on.
        data: Types and links.
        target: Type to emphasise: the one that predictions are for.

    Example:
        >>> from matplotlib.figure import Figure
        >>> link = Link("author", "paper", "writes", num_edges=2, directed=True)
        >>> data = SchemaData({"author": 2, "paper": 1}, (link,))
        >>> ax = draw_schema(Figure().subplots(), data, target="author")
    """
    return _draw(ax, data, arrange(data), target)


def _draw(ax: Axes, data: SchemaData, made: Arrangement, target: str) -> Axes:
    colours = style.colours(data.num_nodes)
    for line in made.lines:
        _draw_line(ax, line, made.boxes)
    for name, box in made.boxes.items():
        bold = name == target
        ax.text(
            *box.center,
            f"{style.label(name, 22)}\n{data.num_nodes[name]:,}",
            ha="center",
            va="center",
            zorder=4,
            fontweight="bold" if bold else "normal",
            bbox={
                "boxstyle": "round,pad=0.55",
                "facecolor": _tint(colours[name]),
                "edgecolor": style.INK if bold else colours[name],
                "linewidth": 2.4 if bold else 1.4,
            },
        )
    (left, right), (low, top) = made.frame
    ax.set_xlim(left, right)
    ax.set_ylim(low, top)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax


def schema_figure(data: SchemaData, title: str, *, target: str = "") -> Figure:
    """Draws the schema, with a key if there are many relations.

    Args:
        data: Types and links.
        title: Title of the figure.
        target: Type to emphasise: the one that predictions are for.

    Example:
        >>> link = Link("author", "paper", "writes", num_edges=2, directed=True)
        >>> data = SchemaData({"author": 2, "paper": 1}, (link,))
        >>> figure = schema_figure(data, "Schema", target="author")
    """
    made = arrange(data)
    (left, right), (low, top) = made.frame
    width, height = right - left, top - low
    key = [_key_line(number, link) for number, link in enumerate(data.links, start=1)]
    key = key if made.numbered else []
    beside = style.text_width(key, LABEL_SIZE) + 0.3 if key else 0.0
    # The margins of a figure are outside of its axes, where one unit must stay one inch.
    figure = style.new_figure(
        max(width + beside + 0.1, 5.0), max(height, 0.155 * len(key)) + 0.9, title
    )
    ratios = [width, beside] if key else [width]
    axes = figure.subplots(1, len(ratios), squeeze=False, width_ratios=ratios)[0]
    _draw(axes[0], data, made, target)
    if key:
        axes[1].set_axis_off()
        axes[1].text(
            0, 1, "\n".join(key), va="top", fontsize=LABEL_SIZE, transform=axes[1].transAxes
        )
    style.caption(
        figure,
        "Numbers: nodes per type, edges per relation. A relation and its reverse are one line; "
        "an arrow marks a relation without a reverse.",
        *([f"Bold: {style.label(target)}, the target type."] if target else []),
    )
    return figure


def _key_line(number: int, link: Link) -> str:
    return (
        f"{number}  {style.label(f'{link.src} -{link.name}> {link.dst}', 70)}: {link.num_edges:,}"
    )


def _draw_line(ax: Axes, line: Line, boxes: Mapping[str, Area]) -> None:
    from matplotlib.patches import Ellipse, FancyArrowPatch

    link, (x, y) = line.link, boxes[line.link.src].center
    if link.src == link.dst:
        dx, dy = line.turn[0] - x, line.turn[1] - y
        ring = Ellipse(
            (x + dx / 2, y + dy / 2),
            math.hypot(dx, dy),
            0.5 * math.hypot(dx, dy),
            angle=math.degrees(math.atan2(dy, dx)),
            fill=False,
            edgecolor=style.GREY,
            linewidth=1.3,
            zorder=1,
        )
        ax.add_patch(ring)
    else:
        end = boxes[link.dst]
        arrow = FancyArrowPatch(
            (x, y),
            end.center,
            connectionstyle=f"arc3,rad={_bend((x, y), end.center, line.turn)}",
            arrowstyle="-|>" if link.directed else "-",
            mutation_scale=12,
            shrinkA=0,
            shrinkB=_to_border(end, line.turn) if link.directed else 0,
            color=style.GREY,
            linewidth=1.3,
            zorder=1,
        )
        ax.add_patch(arrow)
    ax.text(
        *line.label.center,
        line.text,
        ha="center",
        va="center",
        fontsize=LABEL_SIZE,
        linespacing=1.05,
        zorder=3,
        bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "linewidth": 0, "alpha": 0.9},
    )


def _bend(start: Place, end: Place, turn: Place) -> float:
    """Returns how far a control point is beside a line, as a fraction of the line's length."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    x, y = turn[0] - (start[0] + end[0]) / 2, turn[1] - (start[1] + end[1]) / 2
    return (x * dy - y * dx) / ((dx * dx + dy * dy) or 1.0)


def _to_border(box: Area, turn: Place) -> float:
    """Returns the distance in points from the centre of a box to its border, towards a point."""
    dx, dy = turn[0] - box.center[0], turn[1] - box.center[1]
    length = math.hypot(dx, dy)
    inches = min(
        box.width / 2 * length / max(abs(dx), 1e-9), box.height / 2 * length / max(abs(dy), 1e-9)
    )
    return 72 * (inches + 0.03)


def _tint(colour: str) -> tuple[float, float, float]:
    """Returns a colour mixed with three parts of white, on which black text is easy to read."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return (3 + red) / 4, (3 + green) / 4, (3 + blue) / 4
