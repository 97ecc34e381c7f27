"""Sentences that every rendering of a benchmark shows."""

from __future__ import annotations

from hetgraph.leaderboards.board import Board
from hetgraph.leaderboards.columns import MARKS
from hetgraph.leaderboards.format import number
from hetgraph.leaderboards.spec import Benchmark

__all__ = ["board_remarks", "legend", "rule_text", "unit_text"]


def unit_text(benchmark: Benchmark) -> str:
    """What the numbers are."""
    unit = "Percent, mean ± standard deviation" if benchmark.unit == "percent" else "Mean ± std"
    return (
        f"{unit} over runs. OOM: the source reports out of memory. "
        "?: not established; empty: not reported."
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
        "Better, worse: not shown to be equal, and Welch's two-sided test finds a difference at "
        f"level {rule.alpha:g}. Undecided: neither, or fewer than {rule.min_runs} of our runs.",
        "Over several metrics the first of these counts that any of them has: worse, undecided, "
        "not run, reproduced, better.",
        "A published row is compared in the columns of the test set that it used, and in all of "
        "them where that is not established.",
        f"Where a source does not say how many runs it averages, {rule.assumed_runs} are assumed "
        "unless the row says otherwise.",
        f"Margins: {rule.margin_reason}",
    ]
    if paired is not None:
        once = ", several runs of one task counting once by their mean" if paired.period else ""
        lines.append(
            f"Less {paired.against}: mean and standard error of the differences from that row, "
            f"task by task{once}, with the two-sided paired t-test; several rows are not corrected "
            "for."
        )
    return lines


def legend() -> str:
    """The signs of the verdicts."""
    return "   ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items())


def board_remarks(board: Board) -> list[str]:
    """Remarks below a dataset's table: margins, published rows, our records."""
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
    return remarks + [f"Our runs of {note}" for note in board.notes]
