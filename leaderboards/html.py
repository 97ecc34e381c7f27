"""A benchmark as one static HTML page that needs no other file; its frame is ``page.html``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from hetgraph.leaderboards.board import Board, Row
from hetgraph.leaderboards.columns import Column, comparison_columns, table_columns
from hetgraph.leaderboards.spec import Benchmark
from hetgraph.leaderboards.text import board_remarks, legend, rule_text, unit_text
from hetgraph.leaderboards.verdict import Comparison

__all__ = ["to_html"]


def to_html(benchmark: Benchmark, boards: Sequence[Board]) -> str:
    """The whole benchmark; tables sort by their headings, and read well without the script."""
    links = (f'<a href="#{_anchor(b)}">{escape(b.dataset.label)}</a>' for b in boards)
    body = [
        f"<h1>{escape(benchmark.title)}</h1>",
        f"<p>{escape(benchmark.summary)}</p>",
        f'<nav aria-label="Datasets">{" ".join(links)}</nav>',
        f"<details open><summary>Protocol</summary>{_list(benchmark.protocol)}</details>",
        f"<p>{escape(unit_text(benchmark))} {escape(legend())}</p>",
        *(_board(board) for board in boards),
        '<h2 id="verdicts">Verdicts</h2>',
        _list(rule_text(benchmark)),
        '<h2 id="sources">Sources</h2>',
        "<ol>",
        *(
            f'<li id="source-{number}">{escape(source.title)}, '
            f'<a href="{escape(source.url)}">{escape(source.url)}</a>. {escape(source.note)}</li>'
            for number, source in enumerate(benchmark.sources.values(), start=1)
        ),
        "</ol>",
    ]
    frame = (Path(__file__).resolve().parent / "page.html").read_text(encoding="utf-8")
    return frame.replace("{{title}}", escape(benchmark.title)).replace("{{body}}", "\n".join(body))


def _board(board: Board) -> str:
    columns = table_columns(board)
    label = escape(board.dataset.label)
    rows = "\n".join(_row(row, columns, board) for row in board.rows)
    parts = [
        f'<section id="{_anchor(board)}">',
        f"<h2>{label}</h2>",
        f'<div class="scroll" role="region" aria-label="{label}: results" tabindex="0">',
        f'<table class="sortable"><caption>{label}: published and our results</caption>',
        f"<thead>{_head(columns)}</thead>",
        f"<tbody>\n{rows}\n</tbody></table></div>",
        _list(board_remarks(board)),
        _comparisons(board),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _head(columns: Sequence[Column]) -> str:
    upper = []
    for group, members in groupby(columns, key=lambda column: column.group):
        span = len(list(members))
        scope = ' scope="colgroup"' if group else ""
        upper.append(f'<th colspan="{span}"{scope}>{escape(group)}</th>')
    kinds = (' class="number"' if column.numeric else "" for column in columns)
    lower = (
        f'<th scope="col"{kind}>{escape(column.title)}</th>'
        for kind, column in zip(kinds, columns, strict=True)
    )
    return f'<tr class="groups">{"".join(upper)}</tr><tr class="keys">{"".join(lower)}</tr>'


def _row(row: Row, columns: Sequence[Column], board: Board) -> str:
    verdict = row.verdicts.get(board.benchmark.main_variant.name, "")
    cells = []
    for column in columns:
        value = column.value(row)
        text = escape(value.text)
        if column.key == "model":
            cells.append(f'<th scope="row">{text}</th>')
            continue
        if column.key == "source":
            text = _source_links(value.text)
        kind = ' class="number"' if column.numeric else ""
        if column.key.startswith("verdict."):
            kind = f' class="verdict {value.text.split(" ", 1)[-1].replace(" ", "-")}"'
        sort = f' data-sort="{value.sort!r}"' if value.sort is not None else ""
        cells.append(f"<td{kind}{sort}>{text}</td>")
    kind = "ours" if row.group is not None else "published"
    return f'<tr class="{kind}" data-verdict="{verdict}">{"".join(cells)}</tr>'


def _source_links(text: str) -> str:
    numbers = (part.strip("[") for part in text.split("]") if part)
    return " ".join(f'<a href="#source-{number}">[{number}]</a>' for number in numbers)


def _comparisons(board: Board) -> str:
    columns = comparison_columns(board)
    rows = []
    for row in board.rows:
        for variant in board.benchmark.variants:
            for name in board.dataset.metrics:
                key = (variant.name, name)
                if key not in row.comparisons or key not in row.samples:
                    continue
                texts = [row.title, variant.label, board.benchmark.metrics[name].label]
                texts += [text(row, *key) for _, text in columns]
                cells = "".join(f"<td>{escape(text)}</td>" for text in texts)
                picture = _interval(row.comparisons[key], board.benchmark.scale)
                rows.append(f"<tr>{cells}<td>{picture}</td></tr>")
    if not rows:
        return ""
    headings = ["Model", "Test set", "Metric", *(heading for heading, _ in columns)]
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in headings)
    return (
        "<details open><summary>How the verdicts were reached</summary>"
        '<div class="scroll" role="region" aria-label="Tests" tabindex="0"><table><thead>'
        f'<tr>{head}<th scope="col">Interval and margin</th></tr></thead><tbody>'
        + "\n".join(rows)
        + "</tbody></table></div></details>"
    )


def _interval(comparison: Comparison, scale: float) -> str:
    """The interval of the difference over the band of the margin, as an inline picture."""
    low, high, middle = comparison.low, comparison.high, comparison.difference
    if low is None or high is None or middle is None:
        return ""
    reach = 1.1 * max(abs(low), abs(high), comparison.margin)

    def x(value: float) -> float:
        return round(80 * (1 + value / reach), 1)

    margin = comparison.margin
    words = f"Difference {middle * scale:+.2f}, from {low * scale:+.2f} to {high * scale:+.2f}, "
    words += f"margin {margin * scale:.2f}"
    band = f'x="{x(-margin)}" y="0" width="{x(margin) - x(-margin):.1f}" height="20"'
    reached = f'x1="{x(low)}" x2="{x(high)}" y1="10" y2="10"'
    return (
        f'<svg viewBox="0 0 160 20" width="160" height="20" role="img" aria-label="{words}">'
        f'<rect class="band" fill="#0b5cad" fill-opacity=".18" {band}/>'
        '<line class="zero" stroke="#5c646c" x1="80" x2="80" y1="0" y2="20"/>'
        f'<line class="range" stroke="#1c2024" stroke-width="2" {reached}/>'
        f'<circle class="range" cx="{x(middle)}" cy="10" r="3.5"/></svg>'
    )


def _anchor(board: Board) -> str:
    return "".join(c if c.isalnum() else "-" for c in board.dataset.name)


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
