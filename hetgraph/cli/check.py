"""`hetgraph check SOURCE`: what is wrong with a data set, and what would be read of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from hetgraph.cli.options import add_root
from hetgraph.cli.parser import Commands


def add_command(commands: Commands) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "check",
        help="report everything that is wrong with your own data, and what would be read",
        description="Reads SOURCE without training: lists every mistake - table, column, row,\n"
        "value and how to mend it - or, if there is none, what would be read of each table.",
        epilog="examples:\n"
        "  hetgraph check tables:./shop\n"
        "  hetgraph check tables:./shop --task buys\n"
        "  hetgraph check tables:./shop --fix ./shop/tables.yaml",
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", help="format:path of your own files, or collection/name")
    add("--task", metavar="NAME", default="", help="the declared target that is asked for")
    add("--json", action="store_true", help="write the report as JSON")
    add(
        "--fix",
        type=Path,
        metavar="FILE",
        help="write a declaration to start from: what each column may be; FILE must be new",
    )
    add_root(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the report; a mistake gives exit code 2."""
    import json
    import sys

    from hetgraph.catalog.own_files import inspect_source, propose_source
    from hetgraph.cli.failures import MISTAKE, OK

    if args.fix is not None:
        propose_source(args.source, args.fix)
        sys.stdout.write(f"written: {args.fix}; read it through, then check again\n")
        return OK
    report = inspect_source(args.source, args.root, target=args.task)
    if args.json:
        sys.stdout.write(json.dumps(report.to_dict(), indent=1, ensure_ascii=False) + "\n")
    else:
        for line in report.lines():
            sys.stdout.write(f"{line}\n")
    for problem in report.problems:
        sys.stderr.write(f"hetgraph: error: {' '.join(problem.split())}\n")
    if report.problems:
        count = len(report.problems)
        sys.stderr.write(f"hetgraph: {count} problem{'s' if count > 1 else ''} in {args.source}\n")
        return MISTAKE
    return OK
