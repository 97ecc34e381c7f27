"""A benchmark as a Markdown file and as one static HTML page, from the files in ``templates``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from hetgraph.leaderboards.board import Board, Row
from hetgraph.leaderboards.columns import Column, Value, comparison_columns, table_columns
from hetgraph.leaderboards.spec import Benchmark
from hetgraph.leaderboards.text import board_remarks, legend, rule_text, unit_text
from hetgraph.leaderboards.verdict import Comparison

__all__ = ["to_html", "to_markdown"]


def to_markdown(benchmark: Benchmark, boards: Sequence[Board]) -> str:
    """The whole benchmark as Markdown; the same records give the same text."""
    return _render("benchmark.md", benchmark, boards)


def to_html(benchmark: Benchmark, boards: Sequence[Board]) -> str:
    """The whole benchmark as a page that loads no other file; its tables sort by their headings."""
    return _render("page.html", benchmark, boards)


def _render(name: str, benchmark: Benchmark, boards: Sequence[Board]) -> str:
    return (
        _environment()
        .get_template(name)
        .render(
            benchmark=benchmark,
            boards=[_Tables(board) for board in boards],
            sources=list(benchmark.sources.values()),
            unit=unit_text(benchmark),
            rule=rule_text(benchmark),
            legend=legend(),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _markdown_cell
    return environment


def _markdown_cell(text: str) -> str:
    """Text without a meaning in a Markdown table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*")


class _Tables:
    """What the templates show of one dataset."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.label = board.dataset.label
        self.anchor = "".join(c if c.isalnum() else "-" for c in board.dataset.name)
        self.columns = table_columns(board)
        self.groups = [
            (group, len(list(members)))
            for group, members in groupby(self.columns, key=lambda column: column.group)
        ]
        self.remarks = board_remarks(board)

    @property
    def rows(self) -> list[tuple[Row, list[tuple[Column, Value]]]]:
        """Each row with its cells."""
        return [
            (row, [(column, column.value(row)) for column in self.columns])
            for row in self.board.rows
        ]

    @property
    def comparison_headings(self) -> list[str]:
        """Headings of the table that explains each verdict."""
        return ["Model", "Test set", "Metric", *(title for title, _ in self._comparison_columns)]

    @property
    def comparisons(self) -> list[tuple[list[str], Mapping[str, Any] | None]]:
        """Rows of that table, and the picture beside each."""
        benchmark = self.board.benchmark
        return [
            (
                [row.title, variant.label, benchmark.metrics[metric].label]
                + [text(row, variant.name, metric) for _, text in self._comparison_columns],
                _picture(row.comparisons[variant.name, metric], benchmark.scale),
            )
            for row in self.board.rows
            for variant in benchmark.variants
            for metric in self.board.dataset.metrics
            if row.is_compared(variant.name, metric)
        ]

    @property
    def _comparison_columns(self) -> list[Any]:
        return comparison_columns(self.board)


def _picture(comparison: Comparison, scale: float) -> Mapping[str, Any] | None:
    """Positions and words of the picture; None where there is no interval."""
    low, high, middle = comparison.low, comparison.high, comparison.difference
    margin = comparison.margin
    if low is None or high is None or middle is None:
        return None
    reach = 1.1 * max(abs(low), abs(high), margin)

    def x(value: float) -> float:
        return round(80 * (1 + value / reach), 1)

    return {
        "words": (
            f"Difference {middle * scale:+.2f}, from {low * scale:+.2f} to {high * scale:+.2f}, "
            f"margin {margin * scale:.2f}"
        ),
        "band": (x(-margin), f"{x(margin) - x(-margin):.1f}"),
        "range": (x(low), x(high)),
        "middle": x(middle),
    }
