"""Output of results: one console, and tables that stay readable in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text


def stdout() -> Console:
    """Returns a console on stdout; 120 columns wide without a terminal."""
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "120"))
    return Console(width=width, highlight=False, soft_wrap=False)


def table(*columns: str, title: str | None = None, right: tuple[str, ...] = ()) -> Table:
    """Returns an empty table.

    Args:
        columns: Headings.
        title: Line above it.
        right: Headings of right-aligned columns (numbers).
    """
    made = Table(title=title, title_justify="left", title_style="bold")
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left")
    return made


def plain(value: object) -> Text:
    """Returns text that is shown verbatim: names may contain what rich reads as markup."""
    return Text(str(value))


def pairs(values: Mapping[str, object], title: str | None = None) -> Table:
    """Returns a two-column table of names and values, without headings."""
    made = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    for key, value in values.items():
        made.add_row(plain(key), plain(value))
    return made


def p_text(value: float | None) -> str:
    """Returns a p-value with three decimals; empty if there is none."""
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
