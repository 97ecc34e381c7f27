"""`hetgraph predict RUN_DIR [SOURCE]`: what a trained model says of nodes or pairs, as a file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hetgraph.cli.options import add_root
from hetgraph.cli.parser import Commands

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 10
"""Rows that are printed where no file is asked for."""


def add_command(commands: Commands) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "predict",
        help="ask a trained model about nodes or pairs of a graph",
        description="Writes what the model in RUN_DIR says of nodes, with your ids: classes and\n"
        "probabilities, numbers, or the best candidates of each source of links.\n"
        "SOURCE may have other nodes and edges than the training data, but not other types.",
        epilog="examples:\n"
        "  hetgraph predict runs/churn --nodes all --out p.parquet\n"
        "  hetgraph predict runs/churn tables:./shop_of_today --nodes new.txt --out p.csv\n"
        "  hetgraph predict runs/buys --nodes ann bob --top 5\n"
        "  hetgraph predict runs/buys --pairs pairs.csv --out scores.jsonl",
    )
    add = parser.add_argument
    add("folder", metavar="RUN_DIR", type=Path, help="folder written by `hetgraph train --out`")
    add(
        "source",
        metavar="SOURCE",
        nargs="?",
        help="collection/name, or format:path for your own files (default: that of the run)",
    )
    add(
        "--nodes",
        nargs="+",
        default=None,
        metavar="ID",
        help="ids, `all`, or a file with an id a line or a column `id` (default: all)",
    )
    add(
        "--pairs",
        type=Path,
        metavar="FILE",
        help="a table with the columns `src` and `dst` (and `relation`) to be scored",
    )
    add("--relation", metavar="NAME", help="the relation, where the model knows several")
    add(
        "--top",
        type=int,
        default=10,
        metavar="N",
        help="candidates of each source of links (default: 10)",
    )
    add(
        "--embeddings",
        action="store_true",
        help="add the vectors of the nodes; of links, write these instead of candidates",
    )
    add(
        "--out",
        type=Path,
        metavar="FILE",
        help="FILE.parquet, .csv or .jsonl (default: the first rows are printed)",
    )
    add(
        "--batch-rows",
        type=int,
        metavar="N",
        help="rows that are written at a time; the file is the same",
    )
    add_root(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes or prints the answers."""
    from hetgraph.cli.console import stderr, stdout
    from hetgraph.io.answers import check_answers_path
    from hetgraph.runs import load

    if args.out is not None:
        check_answers_path(args.out)  # before the model is asked
    fitted = load(args.folder, args.root)
    dataset = fitted.source(args.source) if args.source else None
    nodes, pairs, relations = _asked(args)
    notes = stderr()
    for note in fitted.moved(dataset).notes:
        notes.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    batches = fitted.batches(
        nodes,
        graph=dataset,
        pairs=pairs,
        relation=relations if relations is not None else args.relation,
        top=args.top,
        embeddings=args.embeddings,
        rows=args.batch_rows,
    )
    if args.out is None:
        stdout().print(_preview(batches))
        return 0
    count = _written(batches, args.out)
    stdout().print(
        f"{count:,} row{'' if count == 1 else 's'} in {args.out}", markup=False, soft_wrap=True
    )
    return 0


def _asked(args: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Returns ids of nodes or `all`, pairs, and the relation of each pair."""
    from hetgraph.errors import ConfigError
    from hetgraph.io.lookup import read_ids, read_pairs

    if args.pairs is not None:
        if args.nodes is not None:
            raise ConfigError("--nodes and --pairs are both given; choose one of them.")
        src, dst, relations = read_pairs(args.pairs)
        return "all", (src, dst), relations
    words: Sequence[str] = args.nodes or ["all"]
    if len(words) == 1:
        if words[0] == "all":
            return "all", None, None
        if Path(words[0]).is_file():
            return read_ids(Path(words[0])), None, None
    return list(words), None, None


def _written(batches: Iterator[pa.RecordBatch], path: Path) -> int:
    from hetgraph.io.answers import answers_writer

    first = next(batches)
    count = int(first.num_rows)
    with answers_writer(path, first.schema) as writer:
        writer.write(first)
        for batch in batches:
            writer.write(batch)
            count += batch.num_rows
    return count


def _preview(batches: Iterator[pa.RecordBatch]) -> Any:
    """Returns a table of the first rows; many classes are left to the file."""
    from hetgraph.cli.console import plain, table

    rows: list[dict[str, Any]] = []
    for batch in batches:
        rows += batch.slice(0, _SHOWN - len(rows)).to_pylist()
        if len(rows) >= _SHOWN:
            break
    if not rows:
        return "no rows"
    names = [*rows[0]]
    narrow = [name for name in names if not name.startswith("p_")] if len(names) > 6 else names
    less = "" if len(narrow) == len(names) else " with the probability of each class"
    shown = table(*narrow, title=f"the first rows; --out FILE writes all{less}")
    for row in rows:
        shown.add_row(*(plain(_cell(row[name])) for name in narrow))
    return shown


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, list):
        shown = ", ".join(_cell(item) for item in value[:3])
        return f"{shown}, ..." if len(value) > 3 else shown
    return "" if value is None else str(value)
