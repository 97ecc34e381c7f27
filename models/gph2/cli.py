"""`hetgraph experts`: pre-trained encoders of single graphs, reused on other graphs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hetgraph.cli.options import add_root, add_set
from hetgraph.cli.parser import Commands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from hetgraph.models.gph2.store import ExpertCard


def add_command(commands: Commands) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "experts",
        help="list pre-trained experts, or train the expert of a graph",
        description="Lists the experts in the cache folder; with MODEL and DATASET, trains the\n"
        "expert of DATASET first, unless it exists.",
        epilog="examples:\n"
        "  hetgraph experts\n"
        "  hetgraph experts gph2 planetoid/Cora\n"
        "  hetgraph experts gph2 heco:./my_folder --set model.expert.epochs=300",
    )
    add = parser.add_argument
    add("model", metavar="MODEL", nargs="?", help="a model that has experts, such as gph2")
    add("dataset", metavar="DATASET", nargs="?", help="collection/name, or format:path")
    add_set(parser, "model.expert.epochs=300")
    add_root(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trains the requested expert, if any, and lists all."""
    from hetgraph.cli.console import stdout
    from hetgraph.errors import ConfigError
    from hetgraph.models.gph2.store import list_experts

    if args.model is not None:
        if args.dataset is None:
            raise ConfigError(
                f"which graph? Write hetgraph experts {args.model} DATASET, or no word to list."
            )
        _train(args)
    console, experts = stdout(), list_experts()
    if experts:
        console.print(_table(experts))
    else:
        console.print("There is no expert yet; `hetgraph experts gph2 DATASET` trains one.")
    return 0


def _train(args: argparse.Namespace) -> None:
    from hetgraph.catalog.loading import load_dataset
    from hetgraph.registry import models
    from hetgraph.runs.experiment import user_settings
    from hetgraph.settings import config_from_dict

    model = models.get(args.model)
    settings = user_settings(model, None, args.assignments)
    config = config_from_dict(model.Config, settings.get("model", {}), "model")
    model.pretrain(load_dataset(args.dataset, args.root), config)


def _table(experts: Mapping[Path, ExpertCard]) -> Table:
    from hetgraph.cli.console import plain, table

    right = ("nodes", "epochs", "best", "loss", "seconds")
    shown = table("graph", "kind", "target", "views", *right, "folder", right=right)
    for folder, card in experts.items():
        shown.add_row(
            plain(card.source),
            "one node type" if card.homogeneous else "several node types",
            plain(card.target),
            plain(", ".join(card.views)),
            f"{card.num_nodes:,}",
            str(card.epochs),
            "" if card.best_epoch is None else str(card.best_epoch),
            f"{card.loss:.4f}",
            f"{card.seconds:.0f}",
            plain(folder.name),
        )
    return shown
