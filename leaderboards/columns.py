"""The columns of a dataset's table, shared by console, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hetgraph.cli.console import p_text
from hetgraph.leaderboards.board import Board, Row
from hetgraph.leaderboards.format import (
    cell_text,
    count_text,
    memory_text,
    number,
    sample_text,
    seconds_text,
)
from hetgraph.leaderboards.spec import Variant
from hetgraph.leaderboards.verdict import Sample

__all__ = ["MARKS", "Column", "Value", "comparison_columns", "table_columns", "used"]

MARKS = {"reproduced": "✓", "better": "▲", "worse": "▼", "undecided": "~", "not run": "·"}
"""The sign of each verdict."""

_LABELS = {"free": "no", "used": "yes", "unknown": "?"}
_TESTS = {"full": "full", "half": "half", "unknown": "?"}


@dataclass(frozen=True)
class Value:
    """What a cell shows, and the number by which it sorts."""

    text: str
    sort: float | None = None


@dataclass(frozen=True)
class Column:
    """One column; ``group`` is the heading above several."""

    key: str
    group: str
    title: str
    value: Callable[[Row], Value]
    numeric: bool = True

    @property
    def heading(self) -> str:
        """Both headings on one line."""
        return f"{self.group}: {self.title}" if self.group else self.title


def table_columns(board: Board) -> list[Column]:
    """All columns of a board in order, without empty ones."""
    columns = [
        Column("model", "", "Model", lambda row: Value(row.marked_title), numeric=False),
        Column("labels", "", "Labels used", _flag(_LABELS, "labels"), numeric=False),
        Column("test", "", "Test set", _flag(_TESTS, "test"), numeric=False),
        *_published_columns(board),
    ]
    for variant in board.benchmark.variants:
        columns += _our_columns(board, variant)
    columns += _paired_columns(board)
    columns += [
        Column("runs", "Ours", "Runs", _runs),
        Column("prepare", "Ours", "Prepare", _seconds("prepare")),
        Column("fit", "Ours", "Fit", _seconds("fit")),
        Column("memory", "Ours", "Peak memory", _memory),
        Column("parameters", "", "Parameters", _parameters),
        Column("source", "", "Source", _sources(board), numeric=False),
    ]
    return used(columns, board.rows)


def used(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    """The columns that show something in at least one row."""
    return [column for column in columns if any(column.value(row).text for row in rows)]


def comparison_columns(board: Board) -> list[tuple[str, Callable[[Row, str, str], str]]]:
    """Headings and cell texts of the table that explains each verdict (row, variant, metric)."""
    scale = board.benchmark.scale

    def interval(row: Row, variant: str, metric: str) -> str:
        comparison = row.comparisons[variant, metric]
        if comparison.low is None or comparison.high is None:
            return comparison.reason
        ends = (comparison.low, comparison.high)
        low, high = (number(end, scale, signed=True) for end in ends)
        return f"[{low}, {high}]"

    def difference(row: Row, variant: str, metric: str) -> str:
        value = row.comparisons[variant, metric].difference
        return "" if value is None else number(value, scale, signed=True)

    def published_runs(row: Row, variant: str, metric: str) -> str:
        if row.published is None:
            return ""
        return f"{row.published.runs}{' (assumed)' if row.published.runs_assumed else ''}"

    confidence = f"{100 * (1 - 2 * board.benchmark.rule.alpha):.0f} % interval"
    margins = board.dataset.margins
    return [
        ("Runs", lambda row, v, m: str(row.samples[v, m].n)),
        ("Published runs", published_runs),
        ("Difference", difference),
        (confidence, interval),
        ("Margin", lambda row, v, m: f"± {number(margins[m], scale)}"),
        ("p (not equal)", lambda row, v, m: p_text(row.comparisons[v, m].p_equivalence)),
        ("p (no difference)", lambda row, v, m: p_text(row.comparisons[v, m].p_difference)),
        ("Verdict", lambda row, v, m: verdict_text(row.comparisons[v, m].verdict)),
    ]


def verdict_text(verdict: str) -> str:
    """Sign and word."""
    return f"{MARKS[verdict]} {verdict}"


def _published_columns(board: Board) -> list[Column]:
    def column(name: str) -> Column:
        def value(row: Row) -> Value:
            cells = row.published.results[board.dataset.name] if row.published else {}
            cell = cells.get(name)
            return Value(cell_text(cell, board.benchmark.scale), cell.mean if cell else None)

        label = board.benchmark.metrics[name].label
        return Column(f"published.{name}", "Published", label, value)

    return [column(name) for name in board.dataset.metrics]


def _our_columns(board: Board, variant: Variant) -> list[Column]:
    single = len(board.benchmark.variants) == 1
    group = "Ours" if single else f"Ours, {variant.label}"

    def column(name: str) -> Column:
        def value(row: Row) -> Value:
            sample = row.samples.get((variant.name, name))
            text = sample_text(sample, board.benchmark.scale)
            return Value(text, sample.mean if sample else None)

        label = board.benchmark.metrics[name].label
        return Column(f"{variant.name}.{name}", group, label, value)

    return [
        *(column(name) for name in board.dataset.metrics),
        Column(
            f"verdict.{variant.name}", group, "Verdict", _verdict(board, variant), numeric=False
        ),
    ]


def _paired_columns(board: Board) -> list[Column]:
    if board.benchmark.paired is None:
        return []
    group = f"vs. {board.benchmark.paired.against}"
    name, scale = board.rank_by, board.benchmark.scale

    def value(row: Row) -> Value:
        test = row.paired.get(name)
        if test is None:
            return Value("")
        difference = Sample(test.difference, test.error, test.pairs)
        p = p_text(test.p)
        text = sample_text(difference, scale, signed=True)
        return Value(f"{text}, p {p if p.startswith('<') else f'= {p}'}", test.difference)

    return [Column("paired", group, board.benchmark.metrics[name].label, value)]


def _verdict(board: Board, variant: Variant) -> Callable[[Row], Value]:
    main = variant == board.benchmark.main_variant

    def value(row: Row) -> Value:
        verdict = row.verdicts.get(variant.name)
        if verdict is None or (verdict == "not run" and not main):
            return Value("")
        reason = row.published.not_run if row.published and verdict == "not run" else ""
        return Value(verdict_text(verdict) + (f" ({reason})" if reason else ""))

    return value


def _flag(words: dict[str, str], name: str) -> Callable[[Row], Value]:
    def value(row: Row) -> Value:
        return Value(words[getattr(row.published, name)] if row.published else "")

    return value


def _sources(board: Board) -> Callable[[Row], Value]:
    order = list(board.benchmark.sources)

    def value(row: Row) -> Value:
        if row.published is None:
            return Value("")
        cells = row.published.results[board.dataset.name].values()
        keys = sorted({order.index(cell.source) + 1 for cell in cells})
        return Value("".join(f"[{key}]" for key in keys))

    return value


def _seconds(phase: str) -> Callable[[Row], Value]:
    def value(row: Row) -> Value:
        seconds = row.group.mean_seconds(phase) if row.group else None
        return Value(seconds_text(seconds), seconds)

    return value


def _runs(row: Row) -> Value:
    return _count(len(row.group.seeds) if row.group else None)


def _memory(row: Row) -> Value:
    size = row.group.peak_memory_bytes if row.group else None
    return Value(memory_text(size), size)


def _parameters(row: Row) -> Value:
    if row.group is not None:
        return _count(row.group.parameters)
    return _count(row.published.parameters if row.published else None)


def _count(count: int | None) -> Value:
    return Value(count_text(count), count)
