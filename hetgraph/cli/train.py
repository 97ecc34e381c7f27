"""`hetgraph train MODEL [DATASET]`: one run, from the files to a record and a table."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hetgraph.cli.options import add_metapath, add_root, add_set, add_task
from hetgraph.cli.parser import Commands

if TYPE_CHECKING:
    from rich.table import Table

    from hetgraph.runs.record import Record


_WIDEST = 80
"""Metrics that do not fit beside each other into so many columns are rows."""

_PROTOCOLS = {"_half": "half", "_best_epoch": "best epoch"}


def add_command(commands: Commands) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "train",
        help="train a model on a data set",
        description="Trains MODEL on DATASET and writes DIR/result.json, the settings, the log\n"
        "and the weights.",
        epilog="examples:\n"
        "  hetgraph train rphgnn\n"
        "  hetgraph train rphgnn hgb/DBLP --seed 1 --out runs/dblp\n"
        "  hetgraph train rphgnn tables:./my_folder --set train.max_epochs=50",
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="see `hetgraph models`")
    add(
        "dataset",
        metavar="DATASET",
        nargs="?",
        help="collection/name, or format:path for your own files (default: the one that FILE "
        "names, else synthetic/academic)",
    )
    add_task(parser)
    add("--seed", type=int, default=0, metavar="N", help="seed of the run (default: 0)")
    add_set(parser)
    add_metapath(parser)
    add(
        "--config",
        type=Path,
        metavar="FILE",
        help="YAML file with settings, such as the config.yaml of an earlier run",
    )
    add(
        "--no-experiment",
        action="store_true",
        help="leave the model's experiment file for DATASET out: defaults, as on a graph of yours",
    )
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the results, new or empty (default: a new folder in ./runs)",
    )
    add("--resume", action="store_true", help="continue the interrupted run in --out DIR")
    add_root(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trains and prints the result."""
    from hetgraph.heartbeat import told

    with told("starting", first=3.0):  # torch is imported, which a slow disk makes long
        from hetgraph.cli.console import pairs, stdout
        from hetgraph.runs import DEFAULT_DATASET, settings_from
        from hetgraph.runs import run as train

    assignments = [*args.assignments, *_asked(args.task)]
    settings = settings_from(args.model, args.config, assignments, args.dataset or "")
    record = train(
        args.model,
        args.dataset or settings.get("dataset") or DEFAULT_DATASET,
        seed=args.seed,
        settings=settings,
        metapaths=tuple(args.metapaths),
        experiment=not args.no_experiment,
        root=args.root,
        out=args.out,
        resume=args.resume,
    )
    console = stdout()
    console.print(_metrics(record))
    console.print(pairs(_facts(record)))
    if record.out is not None:  # Whole and on a line of its own, so that it can be copied.
        console.print(f"result: {record.out / 'result.json'}", markup=False, soft_wrap=True)
    return 0


def _asked(task: str | None) -> list[str]:
    """Returns the setting that `--task` stands for."""
    from hetgraph.tasks import families

    if not task:
        return []
    return [f"task.kind={task}" if task in families() else f"data.target={task}"]


def _metrics(record: Record) -> Table:
    """Returns a table with a row per split and a column per metric, as in the record.

    With many metrics the columns are the splits, so that every name and value is readable.
    """
    from hetgraph.cli.console import plain, table

    rows = dict(_rows(record.metrics))
    names = list(dict.fromkeys(name for values in rows.values() for name in values))
    title = f"{record.model} on {record.dataset}, seed {record.seed}"
    headings = (*names, max(rows, key=len, default=""))
    width = 1 + sum(max(len(heading), len("0.0000")) + 3 for heading in headings)
    if width > _WIDEST and len(names) > len(rows):
        shown = table("metric", *rows, title=title, right=tuple(rows))
        for name in names:
            column = (values.get(name) for values in rows.values())
            shown.add_row(plain(name), *("" if v is None else f"{v:.4f}" for v in column))
        return shown
    shown = table("split", *names, title=title, right=tuple(names))
    for split, values in rows.items():
        cells = ("" if values.get(name) is None else f"{values[name]:.4f}" for name in names)
        shown.add_row(plain(split), *cells)
    return shown


def _rows(metrics: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, dict[str, float]]]:
    """Yields rows; scores under another protocol, marked by suffixes, get rows of their own."""
    for split, values in metrics.items():
        rows: dict[str, dict[str, float]] = {split: {}}
        for name, value in values.items():
            title, bare = split, name
            while suffix := next((s for s in _PROTOCOLS if bare.endswith(s)), None):
                title, bare = f"{title}, {_PROTOCOLS[suffix]}", bare.removesuffix(suffix)
            rows.setdefault(title, {})[bare] = value
        yield from rows.items()


def _facts(record: Record) -> dict[str, object]:
    from hetgraph.metapaths.sizes import format_bytes

    phases = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in record.seconds.items())
    return {
        "seconds": f"{sum(record.seconds.values()):.1f} ({phases})",
        "peak memory": format_bytes(record.peak_memory_bytes),
        "parameters": f"{record.parameters:,}",
        "epochs": record.epochs,
    }
