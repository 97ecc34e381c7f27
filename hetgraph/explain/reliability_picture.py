"""The reliability diagram: how often predictions of each confidence are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hetgraph.errors import FileFormatError
from hetgraph.explain import style
from hetgraph.metrics import Reliability
from hetgraph.runs.record import Record
from hetgraph.tasks import Calibration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_counts", "draw_reliability", "reliability_data", "reliability_figure"]

_BOTH, _TOO_HIGH, _TOO_LOW = style.PALETTE[5], style.PALETTE[4], style.PALETTE[2]
_HEADINGS = {"before": "as trained", "after": "at temperature"}
_Z = 1.96


def reliability_data(record: Record) -> Calibration | None:
    """Returns the calibration that a record holds; ``None`` if there is nothing to draw.

    Args:
        record: The record of a run.

    Raises:
        FileFormatError: If the record's entry cannot be read.

    Example:
        >>> record = Record("rgcn", "hgb/DBLP", {}, 0, "", {}, {}, {}, 0, 0, 0)
        >>> reliability_data(record) is None
        True
    """
    entry = record.extra.get("calibration")
    if entry is None:
        return None
    try:
        made = Calibration.from_dict(entry)
    except (KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(
            f"the calibration in the record of {record.model} on {record.dataset} cannot be read "
            f"({type(error).__name__}: {error}); run it again."
        ) from error
    return made if made.reliability else None


def draw_reliability(ax: Axes, bins: Reliability, *, multi_label: bool = False) -> Axes:
    """Draws accuracy by confidence, the distance of both, and the 95 % interval of the accuracy.

    Args:
        ax: The axes to draw on.
        bins: Confidence and accuracy in bins.
        multi_label: Whether the accuracy is the fraction of positives.

    Example:
        >>> from matplotlib.figure import Figure
        >>> bins = Reliability((0, 4), (None, 0.9), (None, 0.75))
        >>> ax = draw_reliability(Figure().subplots(), bins)
    """
    width = 1 / len(bins.count)
    ax.plot([0, 1], [0, 1], color=style.GREY, linestyle="--", linewidth=0.9, zorder=2)
    for at, count in enumerate(bins.count):
        confidence, accuracy = bins.confidence[at], bins.accuracy[at]
        if confidence is None or accuracy is None:
            continue
        low, high = sorted((confidence, accuracy))
        place: dict[str, Any] = {"width": width, "align": "edge", "edgecolor": "white", "zorder": 1}
        ax.bar(at * width, low, color=_BOTH, **place)
        colour = _TOO_HIGH if confidence > accuracy else _TOO_LOW
        ax.bar(at * width, high - low, bottom=low, color=colour, **place)
        middle = [(at + 0.5) * width] * 2
        ax.plot(middle, _interval(accuracy, count), color=style.INK, linewidth=0.8, zorder=3)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_ylabel("fraction of positives" if multi_label else "accuracy")
    return ax


def draw_counts(ax: Axes, bins: Reliability, *, multi_label: bool = False) -> Axes:
    """Draws which fraction of the predictions has each confidence.

    Args:
        ax: The axes to draw on.
        bins: Confidence and accuracy in bins.
        multi_label: Whether the confidence is the probability of a label.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = draw_counts(Figure().subplots(), Reliability((1, 3), (0.4, 0.9), (0.0, 1.0)))
    """
    width, total = 1 / len(bins.count), sum(bins.count)
    left = [at * width for at in range(len(bins.count))]
    heights = [count / total for count in bins.count]
    ax.bar(left, heights, width, align="edge", color=style.GREY, edgecolor="white")
    ax.set_xlim(0, 1)
    ax.set_xlabel("probability of a label" if multi_label else "confidence")
    ax.set_ylabel("fraction")
    return ax


def reliability_figure(data: Calibration, title: str) -> Figure:
    """Draws the diagram as trained and, where a temperature was fitted, with it.

    Args:
        data: The calibration of a run.
        title: Title of the figure.

    Example:
        >>> bins = Reliability((0, 4), (None, 0.9), (None, 0.75))
        >>> scores = {"test": {"ece": 0.15, "nll": 0.6, "brier": 0.4}}
        >>> both = {"before": bins, "after": bins}
        >>> data = Calibration(1.0, 0, False, scores, scores, "test", both)
        >>> figure = reliability_figure(data, "Reliability: rgcn on hgb/DBLP")
    """
    shown = ("before", "after") if data.fitted_on else ("before",)
    figure = style.new_figure(3.5 * len(shown) + 1.9, 4.9, title)
    axes = figure.subplots(
        2, len(shown), squeeze=False, height_ratios=(4, 1), sharex=True, sharey="row"
    )
    for column, when in enumerate(shown):
        bins, upper, lower = data.reliability[when], *axes[:, column]
        draw_reliability(upper, bins, multi_label=data.multi_label)
        draw_counts(lower, bins, multi_label=data.multi_label)
        heading = _HEADINGS[when] + (f" {data.temperature:.3g}" if when == "after" else "")
        upper.set_title(f"{heading}: ECE {bins.error:.3f}")
        if column:
            upper.set_ylabel("")
            lower.set_ylabel("")
    figure.legend(handles=_legend(data.multi_label), loc="outside right upper", handlelength=1.4)
    style.caption(figure, *_sentences(data))
    return figure


def _legend(multi_label: bool) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    what = "probability" if multi_label else "confidence"
    return [
        Patch(color=_TOO_HIGH, label=f"{what} too high"),
        Patch(color=_TOO_LOW, label=f"{what} too low"),
        Line2D([], [], color=style.INK, linewidth=0.8, label="95 % interval"),
        Line2D([], [], color=style.GREY, linewidth=0.9, linestyle="--", label="calibrated"),
    ]


def _sentences(data: Calibration) -> list[str]:
    """Returns what the figure is of, and what the record notes."""
    split = "validation" if data.split == "valid" else data.split
    total = sum(data.reliability["before"].count)
    what = "labels of the" if data.multi_label else "predictions for the"
    sentence = f"ECE: expected calibration error, of {total:,} {what} {split} split."
    if data.fitted_on:
        rows = f"{data.fitted_on:,} validation predictions"
        sentence += f" Temperature {data.temperature:.3g}, fitted on {rows}."
    return [sentence, *(f"{note[0].upper()}{note[1:]}" for note in data.notes)]


def _interval(accuracy: float, count: int) -> tuple[float, float]:
    """Returns the 95 % interval of a fraction of ``count`` (Wilson, 1927)."""
    shrink = 1 + _Z**2 / count
    centre = (accuracy + _Z**2 / (2 * count)) / shrink
    half = _Z / shrink * (accuracy * (1 - accuracy) / count + (_Z / (2 * count)) ** 2) ** 0.5
    return centre - half, centre + half
