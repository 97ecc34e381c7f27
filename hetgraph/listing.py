"""Tables for terminals of any width: names and numbers are never cut, only prose is wrapped."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.box import HEAVY_HEAD, SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.style import StyleType
from rich.table import Column, Table
from rich.text import Text

__all__ = ["Listing"]

_KEY, _SHORT = 32, 12
"""Texts up to this length stay on one line: those that name a row, and all others."""
_PROSE = 24
"""Columns of prose are at least this wide; narrower ones are hard to read."""
_LONGEST = 48
"""Words longer than this, such as paths, may be folded."""
_BAR = "━"
_SHORTEST = 4
"""Bars with less room are left out."""


class Listing(Table):
    """A table that chooses its form by the width of the terminal.

    It is a boxed table if that is wide enough, else one without lines; columns of text are wrapped
    between words. What is still too wide becomes several tables that repeat the first column
    (mostly numbers), or a block of lines per row (mostly text).

    Args:
        columns: Headings. A column without a heading may hold bars of ``━``, which shrink.
        title: Line above the table.
        right: Headings of right-aligned columns (numbers), which are never wrapped.
        prose: Headings of columns of sentences or long lists.
        keys: Number of columns at the left that name a row; several tables repeat them.
        boxed: Whether there may be lines around the cells.

    Example:
        >>> listing = Listing("name", "nodes", right=("nodes",))
        >>> listing.add_row("hgb/DBLP", "26,128")
        >>> Console(width=40).print(listing)
        ┏━━━━━━━━━━┳━━━━━━━━┓
        ┃ name     ┃  nodes ┃
        ┡━━━━━━━━━━╇━━━━━━━━┩
        │ hgb/DBLP │ 26,128 │
        └──────────┴────────┘
    """

    def __init__(
        self,
        *columns: str,
        title: str | None = None,
        right: Sequence[str] = (),
        prose: Sequence[str] = (),
        keys: int = 1,
        boxed: bool = True,
    ) -> None:
        super().__init__(title=title, title_justify="left", title_style="bold")
        self._prose, self._keys, self._boxed = frozenset(prose), keys, boxed
        for name in columns:
            self.add_column(name, justify="right" if name in right else "left")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = [
            _measured(console, column, self._prose, _KEY if index < self._keys else _SHORT)
            for index, column in enumerate(self.columns)
        ]
        rows = [(row.style, row.end_section) for row in self.rows]
        if self.title:
            yield _as_text(console, self.title, "bold")
        width = options.max_width
        boxed = _fitted(columns, width - 3 * len(columns) - 1)
        if self._boxed and boxed is not None:
            yield _drawn(columns, boxed, rows, boxed=True)
            return
        light = _fitted(columns, width - 2 * (len(columns) - 1))
        if light is not None:
            yield _drawn(columns, light, rows, boxed=False)
            return
        mostly = 2 * sum(column.right for column in columns) > len(columns) - self._keys + 1
        groups = _groups(columns, self._keys, width) if mostly else None
        if groups is None:
            yield from _blocks(columns, len(rows), width)
            return
        for number, group in enumerate(groups):
            if number:
                yield Text()
            fitted = _fitted(group, width - 2 * (len(group) - 1))
            assert fitted is not None
            yield _drawn(group, fitted, rows, boxed=False)


@dataclass(frozen=True)
class _Measured:
    """A column, and within which bounds its width may be chosen."""

    heading: Text
    cells: tuple[Text, ...]
    right: bool
    least: int
    natural: int

    @property
    def bars(self) -> bool:
        return self.least == 0

    def scaled(self, width: int) -> Iterator[Text]:
        """Yields the cells; bars as long as the width allows."""
        for cell in self.cells:
            if not self.bars or width >= self.natural:
                yield cell
            else:
                yield Text(_BAR * round(cell.cell_len * width / self.natural), style=cell.style)


def _measured(console: Console, column: Column, prose: frozenset[str], short: int) -> _Measured:
    """Returns the bounds of a column; texts of at most ``short`` characters stay on one line."""
    heading = _as_text(console, column.header)
    cells = tuple(_as_text(console, cell) for cell in column.cells)
    right = column.justify == "right"
    natural = max((_longest_line(text.plain) for text in (heading, *cells)), default=0)
    texts = [cell.plain for cell in cells]
    if not heading.plain and any(texts) and all(set(text) <= {_BAR} for text in texts):
        return _Measured(heading, cells, right, 0, natural)
    least = max(
        min(_longest_word(heading.plain), natural),
        *(
            _longest_line(text) if right or cell_len(text) <= short else _longest_word(text)
            for text in texts
        ),
        min(natural, _PROSE) if heading.plain in prose else 0,
    )
    return _Measured(heading, cells, right, max(least, 1), max(natural, 1))


def _fitted(columns: Sequence[_Measured], width: int) -> list[int] | None:
    """Returns a width per column, or None if names, numbers and words do not fit."""
    if sum(column.least for column in columns) > width:
        return None
    widths = [column.natural for column in columns]
    while sum(widths) > width:
        # Bars first, then the widest text: what is lost there is the least.
        index = max(
            (i for i, column in enumerate(columns) if widths[i] > column.least),
            key=lambda i: (columns[i].bars, widths[i]),
        )
        widths[index] -= 1
    return widths


def _groups(columns: Sequence[_Measured], keys: int, width: int) -> list[list[_Measured]] | None:
    """Returns columns for several tables, each with the keys; None if even one is too wide."""
    first = list(columns[:keys])
    groups: list[list[_Measured]] = []
    for column in columns[keys:]:
        if column.bars:
            continue
        if groups and _fitted([*groups[-1], column], width - 2 * len(groups[-1])) is not None:
            groups[-1].append(column)
        elif _fitted([*first, column], width - 2 * keys) is not None:
            groups.append([*first, column])
        else:
            return None
    return groups


def _drawn(
    columns: Sequence[_Measured],
    widths: Sequence[int],
    rows: Sequence[tuple[StyleType | None, bool]],
    *,
    boxed: bool,
) -> Table:
    # Without lines a column takes one space at its right, and SIMPLE_HEAD puts one between two.
    table = (
        Table(box=HEAVY_HEAD)
        if boxed
        else Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    )
    texts = []
    for column, width in zip(columns, widths, strict=True):
        if column.bars and width < _SHORTEST:
            continue
        justify: JustifyMethod = "right" if column.right else "left"
        table.add_column(column.heading, justify=justify, width=width, overflow="fold")
        texts.append(list(column.scaled(width)))
    for (style, ends), cells in zip(rows, zip(*texts, strict=True), strict=True):
        table.add_row(*cells, style=style, end_section=ends)
    return table


def _blocks(columns: Sequence[_Measured], count: int, width: int) -> Iterator[Text]:
    """Yields a block of lines per row: the first cell, below it the others with their headings."""
    first, *others = columns
    for row in range(count):
        yield Text(first.cells[row].plain, style="bold", overflow="fold")
        line = ""
        for column in others:
            value = " ".join(column.cells[row].plain.split())
            if column.bars or not value:
                continue
            heading = " ".join(column.heading.plain.split())
            item = f"{heading}: {value}" if heading else value
            joined = f"{line}   {item}" if line else f"  {item}"
            if line and cell_len(joined) > width:
                yield from _wrapped(line, width)
                joined = f"  {item}"
            line = joined
        if line:
            yield from _wrapped(line, width)


def _wrapped(line: str, width: int) -> Iterator[Text]:
    """Yields a line, in several if it is too long; words stay whole."""
    lines = textwrap.wrap(
        line,
        max(width, 20),
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    yield from (Text(text, overflow="fold") for text in lines)


def _as_text(console: Console, value: object, style: str = "") -> Text:
    text = value if isinstance(value, Text) else console.render_str(str(value), highlight=False)
    if style:
        text = text.copy()
        text.stylize(style)
    return text


def _longest_line(text: str) -> int:
    return max((cell_len(line) for line in text.splitlines()), default=0)


def _longest_word(text: str) -> int:
    words: Iterable[str] = text.split()
    return min(max((cell_len(word) for word in words), default=0), _LONGEST)
