"""`hetgraph explain RUN_DIR`: what a trained model relied on, as a table and a CSV file."""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hetgraph.cli.parser import Commands
from hetgraph.errors import ConfigError, FileFormatError

if TYPE_CHECKING:
    from rich.table import Table

    from hetgraph.model import RelevanceRow

_COLUMNS = ("node_type", "relation", "order", "weight", "spread")
_BAR = 24


def add_command(commands: Commands) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "explain",
        help="show which relations and meta-paths a trained model relied on",
        description="Prints the relevance of every relation to the model in RUN_DIR and writes it "
        "to RUN_DIR/relevance.csv.",
    )
    parser.add_argument(
        "folder", metavar="RUN_DIR", type=Path, help="folder written by `hetgraph train --out`"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints and writes the relevance table of one run."""
    from hetgraph.cli.console import stdout
    from hetgraph.files import atomic_path
    from hetgraph.model import Model

    record = _read_record(args.folder)
    rows = Model.load(args.folder / "model").relevance()
    if not rows:
        raise ConfigError(f"the model {record['model']!r} has no relevance to report.")
    target = args.folder / "relevance.csv"
    with atomic_path(target) as path:
        path.write_text(_csv(rows), encoding="utf-8")
    console = stdout()
    console.print(_table(rows, title=f"{record['model']} on {record['dataset']}"))
    console.print(f"written to {target}", markup=False)
    return 0


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / "result.json"
    if not path.is_file():
        raise ConfigError(
            f"{folder} holds no result.json; expected the folder of a finished run, "
            "as written by `hetgraph train --out DIR`."
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FileFormatError(f"{path} is not valid JSON ({error}); train again.") from error
    if not isinstance(record, dict) or not {"model", "dataset"} <= record.keys():
        raise FileFormatError(f"{path} names no model and dataset; train again.")
    return record


def _csv(rows: list[RelevanceRow]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([getattr(row, column) for column in _COLUMNS] for row in rows)
    return text.getvalue()


def _table(rows: list[RelevanceRow], title: str) -> Table:
    """The rows grouped by node type, the most relevant first, with a bar a glance can compare."""
    from hetgraph.cli.console import plain, table

    made = table(
        "node type", "relation", "order", "weight", "±", "", title=title, right=("order", "weight")
    )
    largest = max(abs(row.weight) for row in rows) or 1.0
    previous = None
    for row in sorted(rows, key=lambda row: (row.node_type, -row.weight)):
        if previous not in (None, row.node_type):
            made.add_section()
        made.add_row(
            plain(row.node_type if row.node_type != previous else ""),
            plain(row.relation),
            str(row.order),
            f"{row.weight:.4f}",
            f"{row.spread:.4f}" if row.spread else "",
            "━" * round(_BAR * abs(row.weight) / largest),
        )
        previous = row.node_type
    return made
