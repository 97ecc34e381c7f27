"""`hetgraph explain RUN_DIR`: what a trained model relied on, as a table and as pictures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from hetgraph.cli.options import add_root
from hetgraph.cli.parser import Commands

if TYPE_CHECKING:
    from rich.table import Table

    from hetgraph.explain import Explanation
    from hetgraph.methods import RelevanceRow

_BAR, _LEAST_BAR, _LEAST_NAME = 24, 8, 12
"""Columns of the longest bar, of the shortest one, and of a name at least."""
_MAX_CLASSES = 8


def add_command(commands: Commands) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "explain",
        help="show which relations and meta-paths a trained model relied on",
        description="Prints the relevance of every relation to the model in RUN_DIR, writes it to\n"
        "RUN_DIR/relevance.csv and draws pictures into RUN_DIR/explain.",
        epilog="examples:\n"
        "  hetgraph explain runs/dblp\n"
        "  hetgraph explain runs/dblp --by-class --format pdf",
    )
    add = parser.add_argument
    add("folder", metavar="RUN_DIR", type=Path, help="folder written by `hetgraph train --out`")
    add("--by-class", action="store_true", help="also show the weights per class")
    add(
        "--format",
        nargs="+",
        default=["png", "svg"],
        metavar="KIND",
        dest="formats",
        help="kinds of picture files: png, svg, pdf (default: png svg)",
    )
    add_root(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the table and the paths of the files."""
    import sys

    from hetgraph.cli.console import stdout
    from hetgraph.explain import explain
    from hetgraph.optional import is_installed

    if args.formats and not is_installed("matplotlib"):
        sys.stderr.write("note: there will be no pictures: pip install 'hetgraph[plot]'\n")
    made = explain(args.folder, args.root, by_class=args.by_class, formats=args.formats)
    console = stdout()
    if made.rows:
        console.print(f"{made.model} on {made.dataset}", markup=False, style="bold")
    for table in _tables(made, console.width):
        console.print(table)
    for note in (*_more_classes(made.rows), *made.notes):
        console.print(note, markup=False)
    for line in _written(made.files):
        console.print(line, markup=False, soft_wrap=True)
    return 0


def _written(files: Sequence[Path]) -> list[str]:
    """Returns one line for the table and one for all pictures."""
    tables = [path for path in files if path.suffix == ".csv"]
    pictures = [path for path in files if path.suffix != ".csv"]
    lines = [f"written to {path}" for path in tables]
    if pictures:
        names = ", ".join(dict.fromkeys(path.stem for path in pictures))
        kinds = ", ".join(dict.fromkeys(path.suffix[1:] for path in pictures))
        lines.append(f"pictures in {pictures[0].parent}: {names} ({kinds})")
    return lines


def _tables(made: Explanation, width: int) -> Iterator[Table]:
    """Yields a table for each node type that messages reach, the most relevant first.

    Args:
        made: What is shown.
        width: Columns of the terminal; names have several lines where they are longer.
    """
    from hetgraph.explain.table import largest_first, split_classes

    everyone, of_class = split_classes(made.rows)
    largest = max((abs(row.weight) for row in everyone), default=0.0)
    by_type: dict[str, list[RelevanceRow]] = {}
    for row in largest_first(everyone):
        by_type.setdefault(row.node_type, []).append(row)
    for node_type, rows in by_type.items():
        single = [row for row in of_class if row.node_type == node_type]
        yield _table(made, rows, single, largest or 1.0, width)


def _table(
    made: Explanation,
    rows: Sequence[RelevanceRow],
    of_class: Sequence[RelevanceRow],
    largest: float,
    width: int,
) -> Table:
    """Returns the table of one node type: a bar for each weight, or a line for each class.

    Args:
        made: What is shown.
        rows: Rows for all nodes.
        of_class: Rows for single classes; if there are any, they take the place of bars.
        largest: Weight of the longest bar.
        width: Columns of the terminal.
    """
    from hetgraph.cli.console import plain, table

    lines = [line for row in rows for line in _lines(made, row, of_class)]
    heads = ["relation", "order", "class", "weight", "±"]
    used = [at for at in range(5) if any(cells[at] for cells, _ in lines)]
    sizes = {at: max(len(heads[at]), *(len(cells[at]) for cells, _ in lines)) for at in used}
    free = width - sum(size + 3 for at, size in sizes.items() if at) - 4
    bar = 0 if of_class else min(_BAR, max(_LEAST_BAR, free - sizes[0] - 3))
    room = max(_LEAST_NAME, free - (bar + 3 if bar else 0))
    shown = table(
        *(heads[at] for at in used),
        *([""] if bar else []),
        title=f"messages to {rows[0].node_type}",
        right=("order", "weight", "±"),
    )
    for column in shown.columns:
        column.overflow = "fold"  # Whatever the width, no name is cut.
    for (relation, *cells), weight in lines:
        if relation and of_class:
            shown.add_section()
        texts = ["\n".join(wrap(relation, room)), *cells]
        drawn = ["━" * round(bar * abs(weight) / largest)] if bar else []
        shown.add_row(*(plain(texts[at]) for at in used), *drawn)
    return shown


def _lines(
    made: Explanation, row: RelevanceRow, of_class: Sequence[RelevanceRow]
) -> Iterator[tuple[tuple[str, str, str, str, str], float]]:
    """Yields cells and weight of a row for all nodes, then those of its classes."""
    single = [
        other for other in of_class if (other.relation, other.order) == (row.relation, row.order)
    ]
    of_all = "all nodes" if of_class else ""
    first = (row.relation, str(row.order), of_all, f"{row.weight:.4f}", _std(row))
    yield first, row.weight
    for other in sorted(single, key=lambda other: other.label or 0)[:_MAX_CLASSES]:
        cells = ("", "", _class(made, other.label), f"{other.weight:.4f}", _std(other))
        yield cells, other.weight


def _std(row: RelevanceRow) -> str:
    return f"{row.std:.4f}" if row.std else ""


def _class(made: Explanation, label: int | None) -> str:
    from hetgraph.explain.table import class_name

    return "" if label is None else class_name(made.class_names, label)


def _more_classes(rows: Sequence[RelevanceRow]) -> list[str]:
    """Returns a line about the classes that the tables leave out, if there are any."""
    labels = {row.label for row in rows} - {None}
    more = len(labels) - _MAX_CLASSES
    return [f"{more} more classes are in relevance.csv"] if more > 0 else []
