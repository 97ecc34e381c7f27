"""Entry point of the `hetgraph` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from hetgraph.cli import (
    check,
    datasets,
    explain,
    failures,
    metapath,
    models,
    predict,
    train,
    tune,
)
from hetgraph.cli.parser import Parser
from hetgraph.cli.plugins import add_plugins
from hetgraph.version import __version__

_COMMANDS = (train, predict, tune, check, datasets, models, metapath, explain)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: The words after the program's name; None means `sys.argv[1:]`.

    Returns:
        The exit code: 0 success, 1 internal fault, 2 the user's mistake, 130 Ctrl-C.

    Example:
        >>> main(["models", "--halp"])
        2
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    try:
        args = _parser().parse_args([word for word in words if word != "--debug"])
        code: int = args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output left (`hetgraph datasets | head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failures.OK
    except (Exception, KeyboardInterrupt) as error:
        return failures.report(error, debug=debug)
    return code


def _parser() -> Parser:
    parser = Parser(
        prog="hetgraph",
        description="Learning on heterogeneous graphs: data, training, leaderboards.",
        epilog="`hetgraph COMMAND --help` explains one command. "
        "With --debug anywhere, an error shows its traceback.",
    )
    parser.add_argument("--version", action="version", version=f"hetgraph {__version__}")
    parser.set_defaults(run=lambda _: _help(parser))
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=Parser)
    for module in _COMMANDS:
        module.add_command(commands)
    if notes := add_plugins(commands):
        parser.notes = notes
        parser.epilog = "\n".join([str(parser.epilog), *notes])
    return parser


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return failures.OK
