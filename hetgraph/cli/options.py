"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_root(parser: argparse.ArgumentParser, *, nested: bool = False) -> None:
    """Adds `--root DIR`, the folder of the data sets.

    Args:
        parser: A command's or an action's parser.
        nested: Whether the parser belongs to an action of a command that has the option, too; the
            default of the action must then not override the option before the action.
    """
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        default=argparse.SUPPRESS if nested else None,
        help="folder of the data sets (default: HETGRAPH_DATA, else the user's cache folder)",
    )


def add_set(parser: argparse.ArgumentParser, example: str = "train.lr=0.01") -> None:
    """Adds `--set KEY=VALUE`, collected in ``assignments``."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="assignments",
        help=f"one setting, such as {example}; may be repeated",
    )


def add_task(parser: argparse.ArgumentParser) -> None:
    """Adds `--task NAME`, a target or a family."""
    parser.add_argument(
        "--task",
        metavar="NAME",
        help="what to predict: a target that your tables declare, or a family such as "
        "link-prediction (default: the data set's own)",
    )


def add_metapath(parser: argparse.ArgumentParser) -> None:
    """Adds `--metapath P`, collected in ``metapaths``."""
    parser.add_argument(
        "--metapath",
        action="append",
        default=[],
        metavar="P",
        dest="metapaths",
        help="a meta-path by name or as text, such as author-paper-author; may be repeated",
    )
