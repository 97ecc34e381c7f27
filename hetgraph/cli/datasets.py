"""`hetgraph datasets`: what there is, what is in it, fetching it, and generating files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hetgraph.cli.options import add_root
from hetgraph.cli.parser import Commands

if TYPE_CHECKING:
    from hetgraph.catalog.manifest import Manifest

_FORMS = ("tables", "sqlite", "duckdb")


def add_command(commands: Commands) -> None:
    """Adds the command's parser and those of `info`, `fetch` and `make`."""
    parser = commands.add_parser(
        "datasets",
        help="list the data sets, describe, fetch or generate one",
        description="Lists the data sets, and which of them are on this machine.",
    )
    add_root(parser)
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(metavar="ACTION", title="actions", parser_class=type(parser))
    for name, run, text in (
        ("info", _info, "show graph, licence and citation of a data set"),
        ("fetch", _fetch, "download and verify the files of a data set"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("name", metavar="NAME", help="collection/name, such as hgb/DBLP")
        add_root(action, nested=True)
        action.set_defaults(run=run)
    _add_make(actions.add_parser("make", help="write generated files to try everything with"))


def _add_make(action: argparse.ArgumentParser) -> None:
    action.add_argument("name", metavar="NAME", help="what to generate: shop")
    action.add_argument("folder", metavar="FOLDER", type=Path, help="a new or empty folder")
    action.add_argument("--users", type=int, metavar="N", help="number of users")
    action.add_argument("--items", type=int, metavar="N", help="number of items")
    action.add_argument("--seed", type=int, metavar="S", help="random seed (default: 0)")
    action.add_argument(
        "--clean", action="store_true", help="no missing cells, repeated rows or missing edges"
    )
    action.add_argument(
        "--as",
        dest="form",
        choices=_FORMS,
        metavar="FORM",
        help=f"{', '.join(_FORMS)} (default: {_FORMS[0]})",
    )
    action.set_defaults(run=_make)


def _list(args: argparse.Namespace) -> int:
    from hetgraph.catalog.fetch import data_root
    from hetgraph.catalog.loading import dataset_info, dataset_names
    from hetgraph.cli.console import plain, stdout, table

    root = data_root(args.root)
    numbers = ("nodes", "edges", "classes")
    listing = table("data set", "task", *numbers, "files", right=numbers)
    for manifest in map(dataset_info, dataset_names()):
        counts = (_count(manifest, "nodes"), _count(manifest, "edges"))
        classes = str(manifest.statistics.get("classes", ""))
        files = ", ".join(filter(None, (_size(manifest), _state(manifest, root))))
        listing.add_row(*map(plain, (manifest.full_name, manifest.task, *counts, classes, files)))
    console = stdout()
    console.print(listing)
    console.print(f"folder: {root}", markup=False, soft_wrap=True)
    return 0


def _info(args: argparse.Namespace) -> int:
    from hetgraph.catalog.fetch import data_root
    from hetgraph.catalog.loading import dataset_info, load_dataset
    from hetgraph.cli.console import pairs, stdout

    manifest = dataset_info(args.name)
    root = data_root(args.root)
    state = _state(manifest, root)
    console = stdout()
    if state in ("generated", "present"):
        console.print(load_dataset(manifest.full_name, root).graph.summary())
    facts = {
        "what it is": manifest.description,
        "task": manifest.task,
        "files": f"{state}: {root / manifest.full_name}" if manifest.files else state,
        "download": _size(manifest),
        "meta-paths": "\n".join(f"{name}: {text}" for name, text in manifest.metapaths.items()),
        "licence": manifest.licence,
        "cite": manifest.citation,
    }
    shown = {key: value for key, value in facts.items() if value}
    console.print(pairs(shown, title=manifest.full_name))
    if state in ("missing", "incomplete"):
        console.print(f"To get it: hetgraph datasets fetch {manifest.full_name}", markup=False)
    return 0


def _fetch(args: argparse.Namespace) -> int:
    from hetgraph.catalog.loading import dataset_info, fetch_dataset
    from hetgraph.cli.console import stdout

    manifest = dataset_info(args.name)
    folder = fetch_dataset(args.name, args.root)
    state = f"verified in {folder}" if manifest.files else "generated, nothing to fetch"
    stdout().print(f"{manifest.full_name}: {state}", markup=False, soft_wrap=True)
    return 0


def _make(args: argparse.Namespace) -> int:
    from hetgraph.catalog.own_files import make_files
    from hetgraph.cli.console import stdout

    given = {key: getattr(args, key) for key in ("users", "items", "seed", "form")}
    options = {key: value for key, value in given.items() if value is not None}
    folder = make_files(
        args.name, args.folder, **options, **({"clean": True} if args.clean else {})
    )
    source = next((f"{args.form}:{path}" for path in folder.glob("*.d*b")), f"tables:{folder}")
    stdout().print(f"{folder}: written; use it as {source}", markup=False, soft_wrap=True)
    return 0


def _count(manifest: Manifest, what: str) -> str:
    """Returns the published number of nodes or edges."""
    published = manifest.statistics
    total = published.get(f"num_{what}") or sum(published.get(what, {}).values())
    return f"{total:,}" if total else ""


def _size(manifest: Manifest) -> str:
    from hetgraph.metapaths.sizes import format_bytes

    return format_bytes(manifest.total_bytes) if manifest.files else ""


def _state(manifest: Manifest, root: Path) -> str:
    """Tells by file sizes whether the files are on this machine; loading verifies the contents."""
    if not manifest.files:
        return "generated"
    folder = root / manifest.full_name
    paths = [(entry.path(folder), entry.bytes) for entry in manifest.files]
    present = [path.is_file() and path.stat().st_size == size for path, size in paths]
    return "present" if all(present) else "incomplete" if any(present) else "missing"
