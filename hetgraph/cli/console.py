"""Output of results: one console, and tables that stay readable in a pipe."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, MarkdownElement, TableElement
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hetgraph.listing import Listing

_NUMBER = re.compile(r"[-+±<~]?\s*[\d.,]+")
_PIPE = 120
"""Columns where nobody tells how many there are."""


def stdout() -> Console:
    """Returns a console on stdout; without a terminal $COLUMNS or 120 columns wide."""
    given = os.environ.get("COLUMNS", "")
    width = None if sys.stdout.isatty() else int(given) if given.isdecimal() else _PIPE
    return Console(width=width, highlight=False, soft_wrap=False)


def stderr() -> Console:
    """Returns a console on stderr, for notes beside the result."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def table(
    *columns: str,
    title: str | None = None,
    right: Sequence[str] = (),
    prose: Sequence[str] = (),
) -> Listing:
    """Returns an empty table, which keeps names and numbers whole in a terminal of any width.

    Args:
        columns: Headings; the first column names the row.
        title: Line above it.
        right: Headings of right-aligned columns (numbers).
        prose: Headings of columns of sentences or long lists.
    """
    return Listing(*columns, title=title and escape(title), right=right, prose=prose)


class _MarkdownTable(TableElement):
    """A table of a Markdown text that keeps names and numbers whole."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        listing = Listing(boxed=False)
        rows = [] if self.body is None else [row.cells for row in self.body.rows]
        header = self.header.row if self.header is not None else None
        for index, cell in enumerate(header.cells if header is not None else ()):
            texts = [cells[index].content.plain for cells in rows if cells[index].content.plain]
            number = bool(texts) and all(_NUMBER.match(text) for text in texts)
            listing.add_column(cell.content, justify="right" if number else "left")
        for cells in rows:
            listing.add_row(*(cell.content for cell in cells))
        yield listing


class MarkdownText(Markdown):
    """A Markdown text, such as the card of a model, for a terminal of any width."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "table_open": _MarkdownTable,
    }


def plain(value: object) -> Text:
    """Returns text that is shown verbatim: names may contain what rich reads as markup."""
    return Text(str(value))


def pairs(values: Mapping[str, object], title: str | None = None) -> Table:
    """Returns a two-column table of names and values, without headings."""
    heading = title and escape(title)
    made = Table(title=heading, title_justify="left", title_style="bold", show_header=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for key, value in values.items():
        made.add_row(plain(key), plain(value))
    return made


def p_text(value: float | None) -> str:
    """Returns a p-value with three decimals; empty if there is none."""
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
