"""The facts about a run that are shown before it starts: a panel on a terminal, else lines."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

__all__ = ["show_start"]


def show_start(console: Console, title: str, rows: Iterable[tuple[str, str]]) -> None:
    r"""Prints the facts; names in them are shown as they are.

    Args:
        console: Where to print.
        title: Which run it is.
        rows: Label and text of each fact.

    Example:
        >>> from io import StringIO
        >>> output = StringIO()
        >>> show_start(Console(file=output), "rgcn on hgb/DBLP", [("view", "whole graph")])
        >>> output.getvalue()
        'rgcn on hgb/DBLP\nview: whole graph\n'
    """
    if not console.is_terminal:
        for line in (title, *(f"{label}: {text}" for label, text in rows)):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, text in rows:
        facts.add_row(Text(label), Text(text))
    console.print(Panel(facts, title=Text(title), title_align="left", expand=False))
