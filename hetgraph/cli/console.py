"""How results are shown: one console, tables that stay readable in a pipe, sizes for people."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text


def stdout() -> Console:
    """Returns a console on stdout; 120 columns wide where there is no terminal to fit."""
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "120"))
    return Console(width=width, highlight=False, soft_wrap=False)


def table(*columns: str, title: str | None = None, right: tuple[str, ...] = ()) -> Table:
    """Returns an empty table.

    Args:
        columns: Headings.
        title: Line above it.
        right: Headings of the columns to align to the right (numbers).
    """
    made = Table(title=title, title_justify="left", title_style="bold")
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left")
    return made


def plain(value: object) -> Text:
    """Returns text shown as it is: names may hold what the table would read as markup."""
    return Text(str(value))


def pairs(values: Mapping[str, object], title: str | None = None) -> Table:
    """Returns a two-column table without headings, for facts about one thing."""
    made = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    for key, value in values.items():
        made.add_row(plain(key), plain(value))
    return made
