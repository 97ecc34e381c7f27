"""`hetgraph explain RUN_DIR`: what a trained model relied on, as a table and as pictures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hetgraph.cli.options import add_root
from hetgraph.cli.parser import Commands

if TYPE_CHECKING:
    from rich.table import Table

    from hetgraph.explain import Explanation
    from hetgraph.methods import RelevanceRow

_BAR = 24
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
    from hetgraph.cli.console import stdout
    from hetgraph.explain import explain

    made = explain(args.folder, args.root, by_class=args.by_class, formats=args.formats)
    console = stdout()
    if made.rows:
        console.print(_table(made))
    for note in made.notes:
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


def _table(made: Explanation) -> Table:
    """Returns the rows grouped by node type, the most relevant first, with a bar.

    Weights per class, if any, replace the bar.
    """
    from hetgraph.cli.console import plain, table
    from hetgraph.explain.table import class_name, largest_first, split_classes

    everyone, of_class = split_classes(made.rows)
    labels = sorted({row.label for row in of_class if row.label is not None})
    names = [class_name(made.class_names, label) for label in labels[:_MAX_CLASSES]]
    shown = table(
        *("node type", "relation", "order", "weight", "±", *(names or [""])),
        title=f"{made.model} on {made.dataset}",
        right=("order", "weight", *names),
    )
    single = {(row.node_type, row.relation, row.order, row.label): row for row in of_class}
    largest = max((abs(row.weight) for row in everyone), default=0.0) or 1.0
    previous = None
    for row in largest_first(everyone):
        if previous not in (None, row.node_type):
            shown.add_section()
        key = (row.node_type, row.relation, row.order)
        cells = [_weight(single.get((*key, label))) for label in labels[:_MAX_CLASSES]]
        shown.add_row(
            plain(row.node_type if row.node_type != previous else ""),
            plain(row.relation),
            str(row.order),
            f"{row.weight:.4f}",
            f"{row.std:.4f}" if row.std else "",
            *(cells or ["━" * round(_BAR * abs(row.weight) / largest)]),
        )
        previous = row.node_type
    return shown


def _weight(row: RelevanceRow | None) -> str:
    return "" if row is None else f"{row.weight:.4f}"
