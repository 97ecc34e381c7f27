"""A benchmark as a Markdown file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hetgraph.leaderboards.board import Board
from hetgraph.leaderboards.columns import comparison_columns, table_columns
from hetgraph.leaderboards.spec import Benchmark
from hetgraph.leaderboards.text import board_remarks, legend, rule_text, unit_text

__all__ = ["to_markdown"]


def to_markdown(benchmark: Benchmark, boards: Sequence[Board]) -> str:
    """The whole benchmark; the same records give the same text."""
    lines = [
        f"# {benchmark.title}",
        "",
        benchmark.summary,
        "",
        f"Written by `hetgraph leaderboard show {benchmark.name}`; do not edit.",
        "",
        "## Protocol",
        "",
        *_bullets(benchmark.protocol),
        "",
        unit_text(benchmark),
        "",
    ]
    for board in boards:
        lines += _board(board)
    lines += ["## Verdicts", "", legend(), "", *_bullets(rule_text(benchmark)), ""]
    lines += ["## Sources", ""]
    for number, source in enumerate(benchmark.sources.values(), start=1):
        note = f" {source.note}" if source.note else ""
        lines.append(f"- [{number}] {source.title}, <{source.url}>.{note}")
    return "\n".join(lines) + "\n"


def _board(board: Board) -> list[str]:
    columns = table_columns(board)
    rows = [[column.value(row).text for column in columns] for row in board.rows]
    for cells, row in zip(rows, board.rows, strict=True):
        if row.group is not None:
            cells[0] = f"**{_escape(cells[0])}**"
    lines = [f"## {board.dataset.label}", ""]
    headings = [column.heading for column in columns]
    lines += _table(headings, rows, [column.numeric for column in columns])
    lines += ["", *_bullets(board_remarks(board)), ""]
    details = _comparisons(board)
    if details:
        lines += [f"### {board.dataset.label}: how the verdicts were reached", "", *details, ""]
    return lines


def _comparisons(board: Board) -> list[str]:
    columns = comparison_columns(board)
    rows = []
    for row in board.rows:
        for variant in board.benchmark.variants:
            for name in board.dataset.metrics:
                key = (variant.name, name)
                if key in row.comparisons and key in row.samples:
                    label = board.benchmark.metrics[name].label
                    cells = [text(row, *key) for _, text in columns]
                    rows.append([row.title, variant.label, label, *cells])
    headings = ["Model", "Test set", "Metric", *(heading for heading, _ in columns)]
    numeric = [False] * 3 + [True] * (len(columns) - 1) + [False]
    return _table(headings, rows, numeric) if rows else []


def _table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]
) -> list[str]:
    rule = ["---:" if right else ":---" for right in numeric]
    body = [[cell if cell.startswith("**") else _escape(cell) for cell in row] for row in rows]
    return ["| " + " | ".join(cells) + " |" for cells in (map(_escape, headings), rule, *body)]


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*")


def _bullets(lines: Iterable[str]) -> list[str]:
    return [f"- {line}" for line in lines]
