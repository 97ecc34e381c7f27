"""`hetgraph bench [NAME]`: speed and memory relative to peers, measured within one run."""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
from types import ModuleType

from hetgraph.cli.parser import Commands
from hetgraph.errors import ConfigError, suggest


def add_command(commands: Commands) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "bench",
        help="measure kernels and whole runs relative to peers",
        description="Runs a benchmark and prints ratios; without NAME, lists the benchmarks.",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="for example: kernels")
    parser.add_argument("--quick", action="store_true", help="smaller inputs, fewer repetitions")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs one benchmark or lists them all."""
    from hetgraph.cli.console import plain, stdout, table

    names = _names()
    console = stdout()
    if args.name is None:
        listing = table("benchmark", "measures", prose=("measures",))
        for name in names:
            summary = (inspect.getdoc(_load(name)) or "").split("\n", 1)[0]
            listing.add_row(plain(name), plain(summary))
        console.print(listing)
    elif args.name not in names:
        raise ConfigError(f"unknown benchmark {args.name!r}.{suggest(args.name, names)}")
    else:
        _load(args.name).run(console, quick=args.quick)
    return 0


def _names() -> list[str]:
    """Returns the modules of this folder that measure: all but this one and helpers (`_name`)."""
    folder = importlib.import_module("hetgraph.benchmarks")
    names = (module.name for module in pkgutil.iter_modules(folder.__path__))
    return sorted(name for name in names if name != "cli" and not name.startswith("_"))


def _load(name: str) -> ModuleType:
    return importlib.import_module(f"hetgraph.benchmarks.{name}")
