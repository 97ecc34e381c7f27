"""`hetgraph leaderboard new|run|show BENCHMARK`: our runs beside the published numbers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hetgraph.cli import failures
from hetgraph.cli.options import add_root, add_set
from hetgraph.cli.parser import Commands, Parser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hetgraph.leaderboards.runner import Failure


def add_command(commands: Commands) -> None:
    """Adds the command's parser and those of `new`, `run` and `show`."""
    parser = commands.add_parser(
        "leaderboard",
        help="run models on a benchmark, show the table with verdicts",
        description="Lists the benchmarks.",
    )
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(metavar="ACTION", title="actions", parser_class=Parser)
    _add_run(actions.add_parser("run", help="run a model on every data set of a benchmark"))
    _add_new(actions.add_parser("new", help="write a benchmark file of your own to start from"))
    _add_show(
        actions.add_parser(
            "show", help="print the tables of a benchmark and write them as Markdown and HTML"
        )
    )


def _add_common(parser: Parser) -> None:
    parser.add_argument("benchmark", metavar="BENCHMARK", help="name, or a YAML file of your own")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="folder of the records (default: leaderboards/results)",
    )


def _add_run(parser: Parser) -> None:
    _add_common(parser)
    add = parser.add_argument
    add(
        "--model",
        metavar="M",
        help="a model and its further rows (default: all models with a published row, all rows)",
    )
    add("--seeds", type=int, default=5, metavar="N", help="number of seeds (default: 5)")
    add(
        "--dataset",
        action="append",
        metavar="D",
        dest="datasets",
        help="only this data set; may be repeated",
    )
    add_set(parser)
    add("--out", type=Path, metavar="DIR", help="folder of the runs (default: runs/leaderboards)")
    add("--rerun", action="store_true", help="run again what is recorded already")
    add(
        "--keep-older",
        action="store_true",
        help="skip also what is recorded by older code (default: run it again)",
    )
    add_root(parser)
    parser.set_defaults(run=_run)


def _add_new(parser: Parser) -> None:
    add = parser.add_argument
    add("name", metavar="NAME", type=Path, help="name of the benchmark; NAME.yaml must be new")
    for option, what in (
        ("dataset", "collection/name, or format:path for your own files; may be repeated"),
        ("model", "a model to compare; may be repeated (default: a few simple ones)"),
    ):
        add(f"--{option}", action="append", default=[], metavar="X", dest=f"{option}s", help=what)
    add("--task", default="", metavar="NAME", help="a target that your tables declare, or a family")
    parser.set_defaults(run=_new)


def _add_show(parser: Parser) -> None:
    _add_common(parser)
    parser.add_argument("--no-write", action="store_true", help="only print, write no files")
    parser.set_defaults(run=_show)


def _list(args: argparse.Namespace) -> int:
    from hetgraph.cli.console import plain, stdout, table
    from hetgraph.leaderboards import available, load_benchmark

    prose = ("what it compares", "data sets")
    listing = table("benchmark", *prose, prose=prose)
    for name in available():
        benchmark = load_benchmark(name)
        listing.add_row(*map(plain, (name, benchmark.summary, ", ".join(benchmark.datasets))))
    stdout().print(listing)
    return failures.OK


def _new(args: argparse.Namespace) -> int:
    from hetgraph.cli.console import stdout
    from hetgraph.leaderboards.new import write_benchmark

    path = write_benchmark(args.name, args.datasets, args.models, task=args.task)
    console = stdout()
    for line in (f"written: {path}; edit it, then", f"hetgraph leaderboard run {path} --seeds 5"):
        console.print(line, markup=False, soft_wrap=True)
    return failures.OK


def _run(args: argparse.Namespace) -> int:
    from hetgraph.cli.console import stdout
    from hetgraph.errors import ConfigError
    from hetgraph.leaderboards.runner import run_benchmark
    from hetgraph.runs import settings_from

    if args.assignments and args.model is None:
        raise ConfigError("--set needs --model, since settings belong to one model.")
    settings = settings_from(args.model, None, args.assignments) if args.assignments else {}
    report = run_benchmark(
        args.benchmark,
        args.model,
        args.seeds,
        args.datasets,
        settings=settings,
        root=args.root,
        results=args.results,
        out=args.out,
        rerun=args.rerun,
        keep_older=args.keep_older,
        console=stdout(),
    )
    return _exit_code(report.failures)


def _show(args: argparse.Namespace) -> int:
    from hetgraph.cli.console import stdout
    from hetgraph.leaderboards.render import show

    show(args.benchmark, stdout(), results=args.results, write=not args.no_write)
    return failures.OK


def _exit_code(failed: Sequence[Failure]) -> int:
    """Writes each failure to stderr and returns the exit code."""
    import sys

    for failure in failed:
        seed = "" if failure.seed is None else f", seed {failure.seed}"
        where = f"{failure.model} on {failure.dataset}{seed}"
        sys.stderr.write(f"{failure.traceback}hetgraph: error: {where}: {failure.message}\n")
    if any(failure.traceback for failure in failed):
        return failures.FAULT
    return failures.MISTAKE if failed else failures.OK
