"""A folder of tables as a data set.

The layout, with files ending in ``.parquet``, ``.csv`` or ``.tsv``::

    nodes/<type>.parquet                        one row per node
    edges/<source>__<name>__<destination>.csv   one row per edge
    hyperedges/<name>.csv                       one row per membership (optional)
    tables.yaml                                 the meaning of the columns (optional)

Without ``tables.yaml`` columns are recognised by their names: in node tables ``id``, ``features``
(numbers or lists of numbers), ``text``, ``category``, ``label``, ``split`` and ``value`` (a number
to be predicted); in edge tables ``src``, ``dst``, ``weight``, ``time`` and ``features``; in
hyperedge tables ``hyperedge``, ``node``, ``node_type`` and ``type``. With it, only what it declares
is read::

    name: my-graph
    nodes:
      paper: {file: nodes/paper.csv, id: key, features: [year, pages], text: title}
      author: nodes/author.csv        # ids in column "id", no features
      venue: null                     # ids collected from the edges
    edges:
      - {type: [author, writes, paper], file: edges/writes.csv, src: who, dst: what, weight: times}
    reverses: [[[author, writes, paper], [paper, written_by, author]]]
    add_reverses: true                # default: other relations get a reverse rev_<name>
    labels: {node_type: paper, column: topic}   # classes: [...], separator: "|"
    splits: {default: split}          # columns of the words train, valid and test in the table
                                      # of the default target; labels without: 60/20/20
    values: {node_type: paper, column: citations}
    edge_labels: {edge: [author, writes, paper], column: role}    # classes: [...]
    edge_values: {edge: [author, reads, paper], column: stars, file: stars.csv, src: who, dst: what}
    links: {edge: [author, writes, paper], column: used_for, file: held_out.csv}
    hyperedges:
      venues: {file: hyperedges/venues.csv, hyperedge: issue, node: paper, node_type: null}
    metapaths: {PAP: paper-author-paper}
    task: node-importance             # default: the task family of the default target
    info: {license: CC0}

Every kind of target of :mod:`hetgraph.catalog.targets` may be declared under its name, once or
several times by name: ``links: {small: {edge: ...}, large: {edge: ...}}``. An edge target is a
column of the relation's table or, with ``file``, of a separate table, whose edges need not be in
the graph. Splits and task are those of the default target: the one named by ``target: <name>``,
otherwise the first node target, or the first edge target, in the order of their kinds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.targets.base import Target
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.io.declaration import check_declaration, read_declaration
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.hyperedges import HyperedgeTable, read_hyperedges
from hetgraph.io.sources import as_source
from hetgraph.io.tables import from_tables
from hetgraph.io.targets import DECLARATION, Tables, declared_targets, read_targets
from hetgraph.registry import targets

__all__ = ["DECLARATION", "load_tables", "table_files", "tables_task"]

_SECTIONS = ("nodes", "edges", "hyperedges")
_ENDINGS = (".parquet", ".pq", ".csv", ".tsv")


def load_tables(folder: str | Path) -> Dataset:
    r"""Reads a folder of tables; see the top of :mod:`hetgraph.io.folder` for the layout.

    Raises:
        FileFormatError: If the folder has no tables, or a file cannot be read.
        ConfigError: If ``tables.yaml`` has an unknown key or an invalid value.
        DataError: If a table is invalid, as in :func:`from_tables`.

    Example:
        >>> Path("shop/nodes").mkdir(parents=True)
        >>> _ = Path("shop/nodes/user.csv").write_text("id,features\nann,20\nbob,70\n")
        >>> load_tables("shop").graph.features["user"].tolist()
        [[20.0], [70.0]]
    """
    folder = Path(folder)
    spec = _read(folder)
    nodes = {key: _node_table(folder, key, entry) for key, entry in spec["nodes"].items()}
    edges = dict(_edge_table(folder, entry) for entry in spec["edges"])
    graph = from_tables(
        nodes,
        edges,
        reverses=spec.get("reverses", ()),
        add_reverses=spec.get("add_reverses", True),
        name=str(spec.get("name") or folder.resolve().name),
    )
    read, splits = read_targets(Tables(folder, nodes, edges, graph), spec)
    hyperedges = spec.get("hyperedges", {}).items()
    return Dataset(
        name=graph.name,
        graph=graph,
        targets=read,
        splits=splits,
        hypergraphs={
            key: read_hyperedges(_hyperedge_table(folder, key, entry), graph, key)
            for key, entry in hyperedges
        },
        metapaths=spec.get("metapaths", {}),
        task=_task(spec),
        info=json.loads(json.dumps(spec.get("info", {}), default=str)),
    )


def tables_task(folder: str | Path) -> str:
    """Returns the task family of a folder, from its declaration or column names alone.

    Raises:
        UserError: As :func:`load_tables`.
    """
    return _task(_read(Path(folder)))


def table_files(folder: str | Path) -> list[Path]:
    """Returns the files that :func:`load_tables` reads; none if some are outside the folder."""
    folder = Path(folder)
    if not (folder / DECLARATION).is_file():
        return sorted(file for section in _SECTIONS for file in _tables_in(folder, section))
    spec = read_declaration(folder / DECLARATION)
    entries = [*spec["nodes"].values(), *spec["edges"], *spec.get("hyperedges", {}).values()]
    names = [entry if isinstance(entry, str) else getattr(entry, "file", "") for entry in entries]
    names += [str(declared.options.get("file", "")) for declared in declared_targets(spec)]
    files = sorted({folder / name for name in names if name})
    inside = all(folder in file.parents and ".." not in file.parts for file in files)
    return [folder / DECLARATION, *(file for file in files if file.is_file())] if inside else []


# ------------------------------------------------------------------------- declarations


def _read(folder: Path) -> dict[str, Any]:
    path = folder / DECLARATION
    if path.is_file():
        return read_declaration(path)
    return check_declaration(_by_convention(folder), folder)


def _task(spec: Mapping[str, Any]) -> str:
    """Returns the declared task family, or that of the first target."""
    default = next((declared.kind.task for declared in declared_targets(spec)), "")
    return str(spec.get("task") or default)


def _by_convention(folder: Path) -> dict[str, Any]:
    """Returns the declaration that follows from the names of files and columns."""
    if not folder.is_dir():
        raise FileFormatError(f"{folder} is not a folder; expected nodes/ and edges/ inside.")
    node_files, edge_files = _tables_in(folder, "nodes"), _tables_in(folder, "edges")
    if not node_files and not edge_files:
        raise FileFormatError(
            f"{folder} has no tables: expected {DECLARATION}, or nodes/<type>.parquet and "
            "edges/<source>__<name>__<destination>.parquet (or .csv, .tsv)."
        )
    nodes: dict[str, Any] = {}
    with_split: set[str] = set()
    declared: dict[str, dict[str, str]] = {}
    kinds: list[type[Target]] = [targets.get(kind) for kind in targets]
    for path in node_files:
        names = as_source(path, f"table {path.stem!r}").names
        known = {key: key for key in ("text", "category") if key in names}
        features = {"features": ["features"]} if "features" in names else {}
        identifier = "id" if "id" in names else None
        nodes[path.stem] = {
            "file": str(path.relative_to(folder)),
            "id": identifier,
            **known,
            **features,
        }
        for kind in kinds:
            if kind.over != "nodes" or kind.column not in names:
                continue
            if kind.kind in declared:
                raise ConfigError(
                    f"{folder}: both {declared[kind.kind]['node_type']!r} and {path.stem!r} have a "
                    f"column {kind.column!r}; declare the target in {DECLARATION}."
                )
            declared[kind.kind] = {"node_type": path.stem, "column": kind.column}
        with_split |= {path.stem} if "split" in names else set()
    edges = []
    for path in edge_files:
        triple = path.stem.split("__")
        if len(triple) != 3:
            raise FileFormatError(
                f"{path}: the name must be <source>__<name>__<destination>{path.suffix}; rename it "
                f"or declare it in {DECLARATION}."
            )
        names = as_source(path, f"table {path.stem!r}").names
        known = {key: key for key in ("weight", "time") if key in names}
        features = {"features": ["features"]} if "features" in names else {}
        file = str(path.relative_to(folder))
        edges.append({"type": triple, "file": file, **known, **features})
        nodes |= {key: None for key in (triple[0], triple[2]) if key not in nodes}
    hyperedges: dict[str, Any] = {}
    for path in _tables_in(folder, "hyperedges"):
        names = as_source(path, f"hyperedges {path.stem!r}").names
        known = {key: key for key in ("node_type", "type") if key in names}
        hyperedges[path.stem] = {"file": str(path.relative_to(folder)), **known}
    first = next((target.options for target in declared_targets(declared)), {"node_type": ""})
    splits = {"default": "split"} if first["node_type"] in with_split else {}
    return {
        "nodes": nodes,
        "edges": edges,
        "hyperedges": hyperedges,
        "splits": splits,
        **declared,
    }


def _tables_in(folder: Path, section: str) -> list[Path]:
    paths = (folder / section).iterdir() if (folder / section).is_dir() else ()
    return sorted(path for path in paths if path.suffix.lower() in _ENDINGS)


def _node_table(folder: Path, node_type: str, entry: Any) -> NodeTable | int | None:
    if entry is None or isinstance(entry, int):
        return entry
    return NodeTable(**_table(folder, entry, f"table {node_type!r}"))


def _edge_table(folder: Path, entry: Any) -> tuple[EdgeType, EdgeTable]:
    key = EdgeType(*entry.type)
    options = _table(folder, entry, f"table ({key})")
    del options["type"]
    return key, EdgeTable(**options)


def _hyperedge_table(folder: Path, name: str, entry: Any) -> HyperedgeTable:
    return HyperedgeTable(**_table(folder, entry, f"hyperedges {name!r}"))


def _table(folder: Path, entry: Any, label: str) -> dict[str, Any]:
    """Returns the fields of a declared table; a text stands for its file alone."""
    options: dict[str, Any] = (
        {"file": entry} if isinstance(entry, str) else msgspec.structs.asdict(entry)
    )
    if isinstance(options.get("features"), str):
        options["features"] = [options["features"]]
    return {"table": as_source(folder / options.pop("file"), label), **options}
