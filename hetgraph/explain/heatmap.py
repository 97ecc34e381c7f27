"""Heat maps of relevance: relations by order, and relations by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hetgraph.explain import style
from hetgraph.explain.table import class_name, split_classes
from hetgraph.methods import RelevanceRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Heat", "class_heat_data", "draw_heat", "heat_data", "heat_figure"]

MAX_ROWS = 40
"""Maximum number of relations in a panel; the table has all of them."""

MAX_FIGURE_ROWS = 160

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Heat:
    """The data of one panel.

    Args:
        title: Heading of the panel.
        relations: Names of the rows.
        columns: Names of the columns.
        weight: ``[num_relations, num_columns]`` weights, NaN where the model has none.
        std: ``[num_relations, num_columns]`` standard deviations, NaN where there is no weight.
    """

    title: str
    relations: tuple[str, ...]
    columns: tuple[str, ...]
    weight: Matrix
    std: Matrix

    def largest(self, limit: int) -> Heat:
        """Returns the panel with at most ``limit`` rows: those with the largest weights."""
        total = len(self.relations)
        if total <= limit:
            return self
        order = np.argsort(-np.nanmax(np.abs(self.weight), axis=1), kind="stable")
        kept = np.sort(order[:limit])
        return replace(
            self,
            title=f"{self.title}: the {limit} largest of {total} relations",
            relations=tuple(self.relations[row] for row in kept),
            weight=self.weight[kept],
            std=self.std[kept],
        )


def heat_data(rows: Iterable[RelevanceRow]) -> tuple[Heat, ...]:
    """Returns a panel per node type, with relations as rows and orders as columns.

    Rows for single classes are ignored. Relations are sorted by their lowest order, then by
    decreasing mean weight.

    Example:
        >>> rows = [
        ...     RelevanceRow("author", "writes", order=0, weight=0.7),
        ...     RelevanceRow("author", "cites", order=1, weight=0.3),
        ... ]
        >>> (panel,) = heat_data(rows)
        >>> panel.relations, panel.columns
        (('writes', 'cites'), ('0', '1'))
        >>> panel.weight.tolist()
        [[0.7, nan], [nan, 0.3]]
    """
    everyone, _ = split_classes(rows)
    by_type: dict[str, list[RelevanceRow]] = {}
    for row in everyone:
        by_type.setdefault(row.node_type, []).append(row)
    return tuple(_by_order(node_type, own) for node_type, own in by_type.items())


def class_heat_data(rows: Iterable[RelevanceRow], names: Sequence[str] = ()) -> tuple[Heat, ...]:
    """Returns a panel per node type and order, with one column per class.

    Args:
        rows: Rows of any kind; the first column of a panel is for all nodes.
        names: Names of the classes.

    Example:
        >>> rows = [
        ...     RelevanceRow("author", "writes", order=0, weight=0.7),
        ...     RelevanceRow("author", "writes", order=0, weight=0.9, label=1),
        ... ]
        >>> (panel,) = class_heat_data(rows, names=("databases", "vision"))
        >>> panel.columns, panel.weight.tolist()
        (('all nodes', 'vision'), [[0.7, 0.9]])
    """
    everyone, of_class = split_classes(rows)
    labels = sorted({row.label for row in of_class if row.label is not None})
    columns: dict[int | None, str] = {None: "all nodes"}
    columns |= {label: class_name(names, label) for label in labels}
    panels: dict[tuple[str, int], list[RelevanceRow]] = {}
    for row in of_class:
        panels.setdefault((row.node_type, row.order), [])
    for row in (*everyone, *of_class):
        if (row.node_type, row.order) in panels:
            panels[row.node_type, row.order].append(row)
    return tuple(
        _table(f"{node_type}, order {order}", own, columns, [row.label for row in own])
        for (node_type, order), own in panels.items()
    )


def draw_heat(ax: Axes, heat: Heat, *, limits: tuple[float, float] | None = None) -> Any:
    """Draws one panel with its numbers.

    Args:
        ax: The axes to draw on.
        heat: The data.
        limits: Weights at the ends of the colour scale; ``None`` uses the range of the panel.

    Returns:
        The coloured mesh, for a colour bar.

    Example:
        >>> from matplotlib.figure import Figure
        >>> (panel,) = heat_data([RelevanceRow("author", "writes", order=0, weight=0.7)])
        >>> mesh = draw_heat(Figure().subplots(), panel)
    """
    import matplotlib

    low, high = limits or _limits([heat])
    colour_map = matplotlib.colormaps[style.COLOUR_MAP].with_extremes(bad="#F2F2F2")
    largest = max(abs(low), abs(high))
    num_rows, num_columns = heat.weight.shape
    edges = np.arange(num_columns + 1) - 0.5, np.arange(num_rows + 1) - 0.5
    mesh = ax.pcolormesh(
        *edges, heat.weight, cmap=colour_map, vmin=low, vmax=high, edgecolors="white", linewidth=1
    )
    for (row, column), weight in np.ndenumerate(heat.weight):
        if math.isfinite(weight):
            dark = sum(colour_map((weight - low) / (high - low))[:3]) < 1.5
            text = style.number(weight, largest)
            if (std := heat.std[row, column]) > 0:
                text += f" ±{style.number(float(std), 10 * largest)}"
            ax.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=7.5,
                color="white" if dark else "black",
            )
    ax.set_yticks(range(num_rows), style.labels(heat.relations, style.LONGEST), fontsize=8)
    ax.set_xticks(range(num_columns), style.labels(heat.columns, 26), fontsize=8)
    ax.set_ylim(num_rows - 0.5, -0.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(style.label(heat.title, 80))
    return mesh


def heat_figure(panels: Sequence[Heat], title: str, *, axis: str, notes: Sequence[str]) -> Figure:
    """Draws the panels below each other with one colour scale.

    Args:
        panels: At least one panel.
        title: Title of the figure.
        axis: Label of the columns.
        notes: Sentences below the figure.

    Example:
        >>> panels = heat_data([RelevanceRow("author", "writes", order=0, weight=0.7)])
        >>> figure = heat_figure(panels, "Relevance", axis="order", notes=())
    """
    limit = max(6, min(MAX_ROWS, MAX_FIGURE_ROWS // len(panels)))
    panels = [panel.largest(limit) for panel in panels]
    rows = [len(panel.relations) for panel in panels]
    columns = max(len(panel.columns) for panel in panels)
    names = [name for panel in panels for name in style.labels(panel.relations, style.LONGEST)]
    heads = [name for panel in panels for name in style.labels(panel.columns, 26)]
    column = max(1.05, style.text_width(heads, 8) + 0.15)
    width = max(6.0, 1.4 + style.text_width(names, 8) + column * columns)
    figure = style.new_figure(width, 1.3 + sum(0.28 * n + 0.55 for n in rows), title)
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=rows)
    limits = _limits(panels)
    for ax, panel in zip(axes[:, 0], panels, strict=True):
        mesh = draw_heat(ax, panel, limits=limits)
    ax.set_xlabel(axis)
    place: dict[str, Any] = {"aspect": 30, "pad": 0.02, "fraction": 0.03, "anchor": (0.0, 1.0)}
    bar = figure.colorbar(mesh, ax=axes, label="mean weight", **place)
    bar.outline.set_visible(False)
    if any(np.nansum(panel.std) > 0 for panel in panels):
        notes = ("±: standard deviation over nodes, heads or filters.", *notes)
    style.caption(figure, *notes)
    return figure


def _by_order(node_type: str, rows: Sequence[RelevanceRow]) -> Heat:
    columns = {order: str(order) for order in sorted({row.order for row in rows})}
    return _table(node_type, rows, columns, [row.order for row in rows])


def _table(
    title: str, rows: Sequence[RelevanceRow], columns: dict[Any, str], keys: Sequence[Any]
) -> Heat:
    """Arranges the rows in a matrix; ``keys`` holds the column of each row."""
    at = {key: number for number, key in enumerate(columns)}
    names = _sorted_names(rows)
    weight = np.full((len(names), len(columns)), np.nan)
    std = weight.copy()
    for row, key in zip(rows, keys, strict=True):
        weight[names[row.relation], at[key]] = row.weight
        std[names[row.relation], at[key]] = row.std
    return Heat(title, tuple(names), tuple(columns.values()), weight, std)


def _sorted_names(rows: Iterable[RelevanceRow]) -> dict[str, int]:
    """Returns the position of each relation: low orders first, then large weights."""
    by_relation: dict[str, list[RelevanceRow]] = {}
    for row in rows:
        by_relation.setdefault(row.relation, []).append(row)

    def place(name: str) -> tuple[int, float]:
        own = by_relation[name]
        return min(row.order for row in own), -sum(row.weight for row in own) / len(own)

    return {name: number for number, name in enumerate(sorted(by_relation, key=place))}


def _limits(panels: Iterable[Heat]) -> tuple[float, float]:
    weights = np.concatenate([panel.weight.ravel() for panel in panels])
    weights = weights[np.isfinite(weights)]
    low, high = min(0.0, float(weights.min())), max(0.0, float(weights.max()))
    return (low, high) if high > low else (low, low + 1.0)
