"""`hetgraph campus-size`: a command of a package that the library does not know."""

from __future__ import annotations

import argparse
import sys

from hetgraph.cli.options import add_root
from hetgraph.cli.parser import Commands


def add_command(commands: Commands) -> None:
    parser = commands.add_parser("campus-size", help="count the nodes of a data set")
    parser.add_argument("dataset", metavar="DATASET")
    add_root(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import hetgraph

    graph = hetgraph.load_dataset(args.dataset, args.root).graph
    sys.stdout.write(f"{sum(graph.num_nodes.values())} nodes\n")
    return 0
