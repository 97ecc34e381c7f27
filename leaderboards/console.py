"""A benchmark on the terminal: per dataset the ranking, the cost of our runs and the tests."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hetgraph.leaderboards.board import Board, Row
from hetgraph.leaderboards.columns import Column, comparison_columns, table_columns, used
from hetgraph.leaderboards.spec import Benchmark
from hetgraph.leaderboards.text import board_remarks, unit_text
from hetgraph.listing import Listing

__all__ = ["print_boards"]

_STYLES = {"reproduced": "green", "better": "bold green", "worse": "bold red", "not run": "dim"}


def print_boards(console: Console, benchmark: Benchmark, boards: Sequence[Board]) -> None:
    """Prints every board."""
    console.print(Text(benchmark.title, style="bold"))
    console.print(Text(unit_text(benchmark), style="dim"))
    for board in boards:
        console.print()
        console.print(_ranking(board))
        if any(row.group is not None for row in board.rows):
            console.print(_runs(board))
            console.print(_tests(board))
        for remark in board_remarks(board):
            console.print(Text(f"- {remark}", style="dim"))


def _ranking(board: Board) -> Table:
    main = board.benchmark.main_variant.name
    first, last = ("model", "labels", "test", "published."), ("paired", "runs", f"verdict.{main}")
    prefixes = (*first, f"{main}.", *last)
    return _table(board.dataset.label, _chosen(board, prefixes), board.rows)


def _runs(board: Board) -> Table:
    main = board.benchmark.main_variant.name
    others = [v.name for v in board.benchmark.variants if v.name != main]
    extra = [key for name in others for key in (f"{name}.", f"verdict.{name}")]
    prefixes = ("model", *extra, "prepare", "fit", "memory", "parameters")
    rows = [row for row in board.rows if row.group is not None]
    columns = used(_chosen(board, prefixes), rows)
    return _table(f"{board.dataset.label}: our runs", columns, rows)


def _tests(board: Board) -> Table:
    """How the verdicts of the main variant were reached."""
    variant = board.benchmark.main_variant.name
    columns = comparison_columns(board)
    numbers = [heading for heading, _ in columns if heading != "Verdict"]
    headings = ("Model", "Metric", *numbers, "Verdict")
    table = Listing(*headings, title=escape(f"{board.dataset.label}: tests"), right=numbers, keys=2)
    for row in board.rows:
        for name in board.dataset.metrics:
            if row.is_compared(variant, name):
                texts = [text(row, variant, name) for _, text in columns]
                label = board.benchmark.metrics[name].label
                table.add_row(*(Text(text) for text in (row.title, label, *texts)))
    return table


def _chosen(board: Board, prefixes: Sequence[str]) -> list[Column]:
    return [column for column in table_columns(board) if column.key.startswith(tuple(prefixes))]


def _table(title: str, columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    table = Listing(title=escape(title))
    for column in columns:
        heading = f"{column.group} {column.title}".strip()
        table.add_column(Text(heading), justify="right" if column.numeric else "left")
    for row in rows:
        cells = (_styled(column.value(row).text) for column in columns)
        table.add_row(*cells, style="bold" if row.group is not None else None)
    return table


def _styled(text: str) -> Text:
    text = text.replace(" ± ", "±")
    return Text(text, style=_STYLES.get(text.split(" ", 1)[-1], ""))
