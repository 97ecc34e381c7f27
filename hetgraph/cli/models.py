"""`hetgraph models`: the available models, their cards and citations."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.resources
import inspect
import sys
from collections.abc import Iterator
from typing import Any

from hetgraph.cli.parser import Commands


def add_command(commands: Commands) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "models",
        help="list the models, or show the card of one",
        description="Lists the models; with NAME, shows its card and its settings.",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="for example: rphgnn")
    parser.add_argument(
        "--matrix", action="store_true", help="show which model is offered for which task"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Lists every model or shows one."""
    if args.matrix:
        return _matrix()
    return _list() if args.name is None else _show(args.name)


def _matrix() -> int:
    from hetgraph.cli.console import plain, stdout, table
    from hetgraph.methods import offers
    from hetgraph.methods.matrix import matrix_lines, matrix_table

    console = stdout()
    if not sys.stdout.isatty():  # Markdown, for a file
        console.print("\n".join(matrix_lines(offers())), markup=False, soft_wrap=True)
        return 0
    made = matrix_table(offers())
    listing = table("model", "reads", *made.families, right=made.families, prose=("reads",))
    for model, reads, marks in made.rows:
        listing.add_row(plain(model), plain(reads), *marks)
    console.print(listing)
    for line in made.notes:
        console.print(line, markup=False)
    return 0


def _list() -> int:
    from hetgraph.cli.console import plain, stdout, table
    from hetgraph.registry import models

    prose = ("what it is", "tasks", "cite")
    listing = table("model", *prose, prose=prose)
    for name in models.names():
        model = models.get(name)
        summary = (inspect.getdoc(model) or "").split("\n\n", 1)[0].replace("\n", " ")
        listing.add_row(plain(name), plain(summary), plain(_families(model)), plain(model.citation))
    stdout().print(listing)
    return 0


def _show(name: str) -> int:
    from hetgraph.cli.console import MarkdownText, pairs, stdout
    from hetgraph.registry import models

    model = models.get(name)
    console = stdout()
    if card := _card(model.__module__):
        console.print(MarkdownText(card))
    facts = {"tasks": _families(model), "cite": model.citation}
    console.print(pairs(facts, title=f"model {name}"))
    settings = dict(_defaults("model", model.Config))
    settings |= {f"train.{key}": value for key, value in model.train_defaults.items()}
    console.print(pairs(settings, title="settings (--set KEY=VALUE) and their defaults"))
    return 0


def _defaults(prefix: str, config: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yields the settings of a class and their defaults; those of a section one by one."""
    for field in dataclasses.fields(config):
        name, value = f"{prefix}.{field.name}", _default(field)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            yield from _defaults(name, type(value))
        else:
            yield name, value


def _families(model: Any) -> str:
    """The families of tasks that a model is offered for."""
    from hetgraph.tasks import families

    return ", ".join(family for family in families() if not model.refuses(family))


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return "(required)" if field.default is dataclasses.MISSING else field.default


def _card(module: str) -> str | None:
    """Returns the README.md of the package that defines a model, if it has one."""
    package = sys.modules[module].__package__
    card = importlib.resources.files(package) / "README.md" if package else None
    return card.read_text(encoding="utf-8") if card and card.is_file() else None
