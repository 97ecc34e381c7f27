"""Small pieces of HTML for notebooks; every text is escaped, as names come from users' data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

__all__ = ["card", "facts", "table"]

_MOST = 30
"""Rows that a table shows."""


def card(title: str, *parts: str) -> str:
    """Returns a block with a title.

    Args:
        title: Text of the title.
        parts: HTML, as from :func:`table` and :func:`facts`.

    Example:
        >>> card("a <b>", facts({"nodes": 3}))[:38]
        '<div><p><strong>a &lt;b&gt;</strong></'
    """
    return f"<div><p><strong>{escape(title)}</strong></p>{''.join(parts)}</div>"


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()
) -> str:
    """Returns a table; of many rows the first ones, and how many more there are.

    Args:
        columns: Headings.
        rows: Cells, shown as their text.
        right: Headings of right-aligned columns (numbers).

    Example:
        >>> table(["type", "nodes"], [["<user>", 3]], right=["nodes"]).count("&lt;user&gt;")
        1
    """
    numbers = set(right)
    aligned = [f' style="text-align:{"right" if name in numbers else "left"}"' for name in columns]
    listed = list(rows)
    lines = [_row("th", columns, aligned)]
    lines += [_row("td", row, aligned) for row in listed[:_MOST]]
    rest = len(listed) - _MOST
    more = f"<p>and {rest:,} more</p>" if rest > 0 else ""
    return f"<table>{''.join(lines)}</table>{more}"


def facts(values: Mapping[str, object]) -> str:
    """Returns a table of names and values; empty values are left out."""
    aligned = [' style="text-align:left"'] * 2
    rows = [(name, value) for name, value in values.items() if value not in ("", None)]
    return f"<table>{''.join(_row('td', row, aligned) for row in rows)}</table>"


def _row(tag: str, cells: Iterable[object], aligned: Sequence[str]) -> str:
    made = (
        f"<{tag}{style}>{escape(str(cell))}</{tag}>"
        for cell, style in zip(cells, aligned, strict=True)
    )
    return f"<tr>{''.join(made)}</tr>"
