"""Fixed texts of the tables of a benchmark."""

from __future__ import annotations

from hetgraph.leaderboards.board import Board
from hetgraph.leaderboards.columns import MARKS
from hetgraph.leaderboards.format import number
from hetgraph.leaderboards.spec import Benchmark

__all__ = ["board_remarks", "legend", "rule_text", "unit_text"]


def unit_text(benchmark: Benchmark) -> str:
    """What the numbers in the cells mean."""
    unit = "Percent, mean ± standard deviation" if benchmark.unit == "percent" else "Mean ± std"
    return (
        f"{unit} over runs. OOM: the source reports out of memory. "
        "?: not known; empty: not reported."
    )


def rule_text(benchmark: Benchmark) -> list[str]:
    """How a verdict is reached."""
    rule = benchmark.rule
    confidence = f"{100 * (1 - 2 * rule.alpha):.0f} %"
    paired = benchmark.paired
    lines = [
        "Reproduced: two one-sided Welch tests (TOST) show that our mean and the published one "
        f"differ by less than the margin, each at level {rule.alpha:g}; the {confidence} interval "
        "of the difference then lies within the margin.",
        "Better, worse: not reproduced, and Welch's two-sided test finds a difference at "
        f"level {rule.alpha:g}. Undecided: neither, or fewer than {rule.min_runs} of our runs.",
        "With several metrics, the verdict is the first of these that any of them has: worse, "
        "undecided, not run, reproduced, better.",
        "A published row is compared in the columns of the test set that it used, and in all "
        "columns if that is not known.",
        f"If a source does not state its number of runs, {rule.assumed_runs} are assumed unless "
        "the row says otherwise.",
        f"Margins: {rule.margin_reason}",
    ]
    if paired is not None:
        once = " (runs of the same task count once, as their mean)" if paired.period else ""
        lines.append(
            f"vs. {paired.against}: mean and standard error of the paired differences from that row"
            f"{once}, with the p-value of a two-sided paired t-test, not corrected for multiple "
            "rows."
        )
    return lines


def legend() -> str:
    """The signs of the verdicts."""
    return "   ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items())


def board_remarks(board: Board) -> list[str]:
    """Remarks below a dataset's table: margins, published rows, our records, older code."""
    scale = board.benchmark.scale
    margins = ", ".join(
        f"{board.benchmark.metrics[name].label} ± {number(board.dataset.margins[name], scale)}"
        for name in board.dataset.metrics
    )
    remarks = [f"Margins: {margins}."]
    if board.dataset.note:
        remarks.append(board.dataset.note)
    remarks += [
        f"{row.title} (published): {row.published.notes}"
        for row in board.rows
        if row.published is not None and row.published.notes
    ]
    remarks += [f"Our runs of {note}" for note in board.notes]
    if any(row.group is not None and row.group.older for row in board.rows):
        remarks.append(
            "† Our runs in this row are of older code: the method, its task or code that methods "
            "share has changed since, or was not recorded."
        )
    return remarks
