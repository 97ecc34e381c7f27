"""A search in one figure: the value of each trial, and how much each setting mattered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hetgraph.explain import style
from hetgraph.runs.tuning import Tuning, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_importance", "draw_trials", "save_tuning_figure", "tuning_figure"]

_MARKS = {"complete": ("o", style.PALETTE[0]), "pruned": ("v", style.PALETTE[1])}
_MAX_ROWS = 12


def draw_trials(ax: Axes, tuning: Tuning) -> Axes:
    """Draws the value of each trial and the best value so far.

    Trials without a value, which diverged or failed, are crosses at the lower end.

    Args:
        ax: The axes to draw on.
        tuning: The search.
    """
    from matplotlib.ticker import MaxNLocator

    for outcome, (mark, colour) in _MARKS.items():
        drawn = [t for t in tuning.trials if t.outcome == outcome and t.value is not None]
        if drawn:
            values = [tuning.shown(trial.value) or 0.0 for trial in drawn]
            name = f"{outcome} ({len(drawn)})"
            ax.scatter([t.number for t in drawn], values, marker=mark, color=colour, label=name)
    lost = [t.number for t in tuning.trials if t.outcome not in _MARKS]
    if lost:
        edge = [0.02 if not tuning.is_error else 0.98] * len(lost)
        name = f"diverged or failed ({len(lost)})"
        place = ax.get_xaxis_transform()
        ax.scatter(lost, edge, marker="x", color=style.PALETTE[4], transform=place, label=name)
    steps = _best_so_far(tuning)
    numbers, best = [number for number, _ in steps], [tuning.shown(v) or 0.0 for _, v in steps]
    ax.plot(numbers, best, color=style.GREY, drawstyle="steps-post", label="best so far")
    ax.set_title("Trials")
    ax.set_xlabel("trial")
    ax.set_ylabel(f"validation {style.label(tuning.monitor)}")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="best")
    return ax


def draw_importance(ax: Axes, tuning: Tuning) -> Axes:
    """Draws a bar for each searched setting, the most important at the top.

    Args:
        ax: The axes to draw on.
        tuning: The search.
    """
    shown = list(tuning.importance.items())[:_MAX_ROWS]
    names = style.labels(
        [f"{name} = {value_text(tuning.best.values.get(name), 3)}" for name, _ in shown]
    )
    places = range(len(shown))
    ax.barh(list(places), [share for _, share in shown], color=style.PALETTE[0])
    ax.set_yticks(list(places), style.labels(names))
    ax.invert_yaxis()
    ax.set_xlabel("importance (fraction)")
    ax.set_title("What mattered, and the best values")
    if not shown:
        ax.set_axis_off()
        ax.text(0, 0.5, "too few complete trials to tell", transform=ax.transAxes, va="center")
    return ax


def tuning_figure(tuning: Tuning) -> Figure:
    """Draws both panels beside each other.

    Args:
        tuning: The search.

    Example:
        >>> import matplotlib
        >>> from hetgraph.runs.tuning import Trial
        >>> trials = (Trial(1, "complete", {"train.lr": 0.1}, 0.8, {"micro_f1": 0.8}),)
        >>> figure = tuning_figure(
        ...     Tuning("mlp", "toy", {}, "micro_f1", 0.8, trials, {"train.lr": 0.1}, {})
        ... )
        >>> [ax.get_xlabel() for ax in figure.axes]
        ['trial', 'importance (fraction)']
    """
    height = max(3.6, 1.4 + 0.28 * min(len(tuning.importance), _MAX_ROWS))
    figure = style.new_figure(9.6, height, f"Tuning: {tuning.model} on {tuning.dataset}")
    left, right = figure.subplots(1, 2)
    draw_trials(left, tuning)
    draw_importance(right, tuning)
    complete = sum(trial.outcome == "complete" for trial in tuning.trials)
    style.caption(
        figure,
        f"All values are of the validation split. Importance (PED-ANOVA) from {complete} complete "
        "trials; few trials tell little.",
    )
    return figure


def save_tuning_figure(
    tuning: Tuning, folder: Path, formats: Sequence[str] = ("png",)
) -> list[Path]:
    """Writes ``tuning.png`` (or other formats) into a folder.

    Raises:
        ConfigError: If matplotlib is not installed.
        OutputError: If a file cannot be written.

    Returns:
        The paths of the files.
    """
    with style.look():
        return style.save(tuning_figure(tuning), folder, "tuning", formats)


def _best_so_far(tuning: Tuning) -> list[tuple[int, float]]:
    """Returns the best value of complete trials up to each trial, from the first complete one."""
    steps: list[tuple[int, float]] = []
    for trial in tuning.trials:
        if trial.outcome == "complete" and trial.value is not None:
            best = max(steps[-1][1], trial.value) if steps else trial.value
            steps.append((trial.number, best))
        elif steps:
            steps.append((trial.number, steps[-1][1]))
    return steps
