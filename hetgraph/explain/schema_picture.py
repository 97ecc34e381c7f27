"""The schema picture: types as boxes, relations as lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hetgraph.explain import style
from hetgraph.explain.schema import Link, Place, SchemaData, schema_layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_schema", "schema_figure"]

MAX_NAMED = 8
"""Maximum number of links named on their lines; more links get numbers and a key."""

BEND = 0.34
"""Distance between parallel lines in inches."""


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
    places = _places(data)
    colours = style.colours(data.num_nodes)
    numbered = len(data.links) > MAX_NAMED
    for number, link in enumerate(data.links, start=1):
        text = str(number) if numbered else f"{style.label(link.name, 30)}\n{link.num_edges:,}"
        _draw_link(ax, link, data, places, text)
    for name, (x, y) in places.items():
        bold = name == target
        ax.text(
            x,
            y,
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
    (left, right), (low, top) = _frame(data)
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
    (left, right), (low, top) = _frame(data)
    width, height = right - left, top - low
    lines = [
        f"{number}  {style.label(f'{link.src} -{link.name}> {link.dst}', 70)}: {link.num_edges:,}"
        for number, link in enumerate(data.links, start=1)
    ]
    key = lines if len(lines) > MAX_NAMED else []
    figure = style.new_figure(
        width + (5.0 if key else 0.0), max(height, 0.155 * len(key)) + 0.8, title
    )
    ratios = [width, 5.0] if key else [width]
    axes = figure.subplots(1, len(ratios), squeeze=False, width_ratios=ratios)[0]
    draw_schema(axes[0], data, target=target)
    if key:
        axes[1].set_axis_off()
        axes[1].text(0, 1, "\n".join(key), va="top", fontsize=7.5, transform=axes[1].transAxes)
    style.caption(
        figure,
        "Numbers: nodes per type, edges per relation. A relation and its reverse are one line; "
        "an arrow marks a relation without a reverse.",
        *([f"Bold: {style.label(target)}, the target type."] if target else []),
    )
    return figure


def _places(data: SchemaData) -> dict[str, Place]:
    """Returns the positions in inches, on an ellipse with space for every box."""
    num_types = len(data.num_nodes)
    high = 0.45 if num_types == 2 else max(1.9, 0.3 * num_types)
    wide = 1.35 * max(1.9, 0.3 * num_types)
    return {name: (x * wide, y * high) for name, (x, y) in schema_layout(data).items()}


def _frame(data: SchemaData) -> tuple[Place, Place]:
    """Returns the limits of both axes in inches: boxes, loops and a margin."""
    places = _places(data)
    xs, ys = zip(*places.values(), strict=True)
    for link in data.links:
        if link.src == link.dst:
            x, y = _loop_end(link, data, places)
            xs, ys = (*xs, x), (*ys, y)
    return (min(xs) - 1.1, max(xs) + 1.1), (min(ys) - 0.5, max(ys) + 0.5)


def _draw_link(ax: Axes, link: Link, data: SchemaData, places: dict[str, Place], text: str) -> None:
    parallel = data.between(link)
    step = parallel.index(link) - (len(parallel) - 1) / 2
    if link.src == link.dst:
        label_at = _draw_loop(ax, link, data, places)
    else:
        # Many lines meet in the middle of the figure, where labels would overlap.
        label_at = _draw_line(ax, link, places, step, 0.4 if text.isdigit() else 0.5)
    ax.text(
        *label_at,
        text,
        ha="center",
        va="center",
        fontsize=7.5,
        linespacing=1.05,
        zorder=3,
        bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "linewidth": 0, "alpha": 0.9},
    )


def _draw_line(ax: Axes, link: Link, places: dict[str, Place], step: float, along: float) -> Place:
    """Draws a line between two types, ``step`` bends to the side; returns the label's position."""
    from matplotlib.patches import FancyArrowPatch

    (x0, y0), (x1, y1) = places[link.src], places[link.dst]
    # The side is defined from the same end in both directions, so that the lines do not overlap.
    bend = BEND * step * (1 if link.src == link.ends[0] else -1)
    length = math.hypot(x1 - x0, y1 - y0)
    # The middle of a quadratic curve is half-way to its control point.
    control = (
        (x0 + x1) / 2 + 2 * bend * (y1 - y0) / length,
        (y0 + y1) / 2 - 2 * bend * (x1 - x0) / length,
    )
    line = FancyArrowPatch(
        (x0, y0),
        (x1, y1),
        connectionstyle=f"arc3,rad={2 * bend / length}",
        arrowstyle="-|>" if link.directed else "-",
        mutation_scale=12,
        shrinkA=0,
        shrinkB=_to_border(link.dst, control[0] - x1, control[1] - y1) if link.directed else 0,
        color=style.GREY,
        linewidth=1.3,
        zorder=1,
    )
    ax.add_patch(line)
    start, turn, end = (1 - along) ** 2, 2 * along * (1 - along), along**2
    return (
        start * x0 + turn * control[0] + end * x1,
        start * y0 + turn * control[1] + end * y1,
    )


def _to_border(name: str, dx: float, dy: float) -> float:
    """Returns the distance in points from the centre of a type's box to its border."""
    half_width, half_height = 0.2 + 0.042 * len(style.label(name, 22)), 0.31
    length = math.hypot(dx, dy)
    inches = min(
        half_width * length / max(abs(dx), 1e-9), half_height * length / max(abs(dy), 1e-9)
    )
    return 72 * inches


def _draw_loop(ax: Axes, link: Link, data: SchemaData, places: dict[str, Place]) -> Place:
    """Draws a relation from a type to itself as a ring beside its box; returns its far end."""
    from matplotlib.patches import Ellipse

    start, end = places[link.src], _loop_end(link, data, places)
    dx, dy = end[0] - start[0], end[1] - start[1]
    ring = Ellipse(
        (start[0] + dx / 2, start[1] + dy / 2),
        math.hypot(dx, dy),
        0.5 * math.hypot(dx, dy),
        angle=math.degrees(math.atan2(dy, dx)),
        fill=False,
        edgecolor=style.GREY,
        linewidth=1.3,
        zorder=1,
    )
    ax.add_patch(ring)
    return end


def _loop_end(link: Link, data: SchemaData, places: dict[str, Place]) -> Place:
    """Returns the far end of a loop, in the widest gap between the other lines of its type."""
    x, y = places[link.src]
    near = {end for other in data.links if link.src in other.ends for end in other.ends}
    near -= {link.src}
    angles = sorted(math.atan2(places[name][1] - y, places[name][0] - x) for name in near)
    if angles:
        following = (*angles[1:], angles[0] + 2 * math.pi)
        gap, first = max((end - start, start) for start, end in zip(angles, following, strict=True))
        angle = first + gap / 2
    else:
        angle = math.pi / 2
    # Boxes and labels are wider than high, so a loop to the side must reach further.
    reach = 0.95 + 0.45 * data.between(link).index(link) + 0.5 * abs(math.cos(angle))
    return x + reach * math.cos(angle), y + reach * math.sin(angle)


def _tint(colour: str) -> tuple[float, float, float]:
    """Returns a colour mixed with three parts of white, on which black text is easy to read."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return (3 + red) / 4, (3 + green) / 4, (3 + blue) / 4
