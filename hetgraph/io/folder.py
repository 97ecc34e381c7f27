"""A folder of tables as a data set.

The layout, with files ending in ``.parquet``, ``.csv`` or ``.tsv``::

    nodes/<type>.parquet                        one row a node
    edges/<source>__<name>__<destination>.csv   one row an edge
    hyperedges/<name>.csv                       one row a node in a hyperedge (optional)
    tables.yaml                                 what the columns mean (optional)

Without ``tables.yaml`` columns are known by their names: in node tables ``id``, ``features`` (a
number or list of numbers), ``text``, ``category``, ``label``, ``split`` and ``value``, a number to
be predicted; in edge tables ``src``, ``dst``, ``weight``, ``time`` and ``features``; in tables of
hyperedges ``hyperedge``, ``node``, ``node_type`` and ``type``. With it, only what it declares is
read::

    name: my-graph
    nodes:
      paper: {file: nodes/paper.csv, id: key, features: [year, pages], text: title}
      author: nodes/author.csv        # ids in column "id", no features
      venue: null                     # ids gathered from the edges
    edges:
      - {type: [author, writes, paper], file: edges/writes.csv, src: who, dst: what, weight: share}
    reverses: [[[author, writes, paper], [paper, written_by, author]]]
    add_reverses: true                # the default: every other relation gets rev_<name>
    labels: {node_type: paper, column: topic}   # classes: [...], separator: "|"
    splits: {default: split}          # columns with train, valid, test; without: 60/20/20
    values: {node_type: paper, column: citations}
    hyperedges:
      venues: {file: hyperedges/venues.csv, hyperedge: issue, node: paper, node_type: null}
    metapaths: {PAP: paper-author-paper}
    task: node-importance             # the default if there are values and no labels
    info: {license: CC0}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.hyperedges import HyperedgeTable, read_hyperedges
from hetgraph.io.sources import as_source
from hetgraph.io.tables import from_tables
from hetgraph.io.targets import DECLARATION, read_node_values, read_targets, section

__all__ = ["DECLARATION", "load_tables", "table_files", "tables_task"]

_SECTIONS = ("nodes", "edges", "hyperedges")
_ENDINGS = (".parquet", ".pq", ".csv", ".tsv")
_KEYS = (
    "name",
    "nodes",
    "edges",
    "reverses",
    "add_reverses",
    "labels",
    "splits",
    "values",
    "hyperedges",
    "metapaths",
    "task",
    "info",
)


def load_tables(folder: str | Path) -> Dataset:
    """Reads a folder of tables; the layout stands at the top of this module.

    Raises:
        FileFormatError: If the folder has no tables, or a file cannot be read.
        ConfigError: If ``tables.yaml`` has an unknown or wrong entry, with a suggestion.
        DataError: If a table does not fit: see :func:`from_tables`.
    """
    folder = Path(folder)
    spec = _read(folder)
    nodes = {key: _node_table(folder, key, value) for key, value in spec["nodes"].items()}
    edges = dict(_edge_table(folder, value) for value in spec["edges"])
    graph = from_tables(
        nodes,
        edges,
        reverses=[_pair(value) for value in spec.get("reverses") or ()],
        add_reverses=bool(spec.get("add_reverses", True)),
        name=str(spec.get("name") or folder.resolve().name),
    )
    labels, splits = read_targets(nodes, spec)
    tables = (spec.get("hyperedges") or {}).items()
    info = json.loads(json.dumps(spec.get("info") or {}, default=str))
    return Dataset(
        name=graph.name,
        graph=graph,
        labels=labels,
        splits=splits,
        values=read_node_values(nodes, spec),
        hypergraphs={
            str(key): read_hyperedges(_hyperedge_table(folder, key, value), graph, str(key))
            for key, value in tables
        },
        metapaths={str(key): str(path) for key, path in (spec.get("metapaths") or {}).items()},
        task=_task(spec),
        info=info,
    )


def tables_task(folder: str | Path) -> str:
    """Returns the family of the task of a folder, from declaration and names of columns alone.

    Raises:
        UserError: As :func:`load_tables`.
    """
    return _task(_read(Path(folder)))


def table_files(folder: str | Path) -> list[Path]:
    """Returns the files that :func:`load_tables` reads; none if some lie outside the folder."""
    folder = Path(folder)
    if not (folder / DECLARATION).is_file():
        return sorted(file for section in _SECTIONS for file in _tables_in(folder, section))
    spec = _declared(folder)
    hyperedges = (spec.get("hyperedges") or {}).values()
    values = [*spec["nodes"].values(), *spec["edges"], *hyperedges]
    names = [value.get("file") if isinstance(value, Mapping) else value for value in values]
    files = sorted({folder / str(name) for name in names if name})
    inside = all(folder in file.parents and ".." not in file.parts for file in files)
    return [folder / DECLARATION, *(file for file in files if file.is_file())] if inside else []


# ------------------------------------------------------------------------- declarations


def _read(folder: Path) -> dict[str, Any]:
    return _declared(folder) if (folder / DECLARATION).is_file() else _by_convention(folder)


def _task(spec: Mapping[str, Any]) -> str:
    """What is declared, or what the targets are good for."""
    given = "node-importance" if spec.get("values") and not spec.get("labels") else ""
    return str(spec.get("task") or given)


def _declared(folder: Path) -> dict[str, Any]:
    path = folder / DECLARATION
    try:
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{path} is not valid YAML: {reason}.") from error
    spec = section(spec, path.name, _KEYS)
    spec["nodes"] = section(spec.get("nodes"), f"{path.name}: nodes")
    edges = spec.get("edges") or []
    if not isinstance(edges, list):
        raise ConfigError(
            f"{path.name}: edges is no list; write one entry "
            "- {type: [source, name, destination], file: ...} for each edge type."
        )
    spec["edges"] = edges
    return spec


def _by_convention(folder: Path) -> dict[str, Any]:
    """Returns what a ``tables.yaml`` would say, from the names of files and columns."""
    if not folder.is_dir():
        raise FileFormatError(f"{folder} is not a folder; expected nodes/ and edges/ inside.")
    node_files, edge_files = _tables_in(folder, "nodes"), _tables_in(folder, "edges")
    if not node_files and not edge_files:
        raise FileFormatError(
            f"{folder} has no tables: expected {DECLARATION}, or nodes/<type>.parquet and "
            "edges/<source>__<name>__<destination>.parquet (or .csv, .tsv)."
        )
    nodes: dict[str, Any] = {}
    targets: dict[str, dict[str, str]] = {"labels": {}, "splits": {}, "values": {}}
    for path in node_files:
        names = as_source(path, f"table {path.stem!r}").names
        known = {key: key for key in ("text", "category") if key in names}
        features = {"features": ["features"]} if "features" in names else {}
        identifier = "id" if "id" in names else None
        nodes[path.stem] = {"file": str(path), "id": identifier, **known, **features}
        for target, column in (("labels", "label"), ("values", "value")):
            if column in names and targets[target]:
                raise ConfigError(
                    f"{folder}: both {targets[target]['node_type']!r} and {path.stem!r} have a "
                    f"column {column!r}; declare the target in {DECLARATION}."
                )
            if column in names:
                targets[target] = {"node_type": path.stem, "column": column}
        if "label" in names and "split" in names:
            targets["splits"] = {"default": "split"}
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
        edges.append({"type": triple, "file": str(path), **known, **features})
        nodes |= {key: None for key in (triple[0], triple[2]) if key not in nodes}
    hyperedges: dict[str, Any] = {}
    for path in _tables_in(folder, "hyperedges"):
        names = as_source(path, f"hyperedges {path.stem!r}").names
        known = {key: key for key in ("node_type", "type") if key in names}
        hyperedges[path.stem] = {"file": str(path), **known}
    return {"nodes": nodes, "edges": edges, "hyperedges": hyperedges, **targets}


def _tables_in(folder: Path, section: str) -> list[Path]:
    found = (folder / section).iterdir() if (folder / section).is_dir() else ()
    return sorted(path for path in found if path.suffix.lower() in _ENDINGS)


def _node_table(folder: Path, node_type: str, value: Any) -> NodeTable | int | None:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        value = {"file": value}
    where = f"{DECLARATION}: nodes: {node_type}"
    keys = ["file", *(one.name for one in fields(NodeTable) if one.name != "table")]
    options = section(value, where, keys)
    source = as_source(_path(folder, options, where), f"table {node_type!r}")
    return NodeTable(source, **_lists(options))


def _edge_table(folder: Path, value: Any) -> tuple[EdgeType, EdgeTable]:
    where = f"{DECLARATION}: edges"
    keys = ["type", "file", *(one.name for one in fields(EdgeTable) if one.name != "table")]
    options = section(value, where, keys)
    triple = _triple(options.pop("type", None), where)
    source = as_source(_path(folder, options, f"{where}: {triple}"), f"table ({triple})")
    return triple, EdgeTable(source, **_lists(options))


def _hyperedge_table(folder: Path, name: Any, value: Any) -> HyperedgeTable:
    where = f"{DECLARATION}: hyperedges: {name}"
    keys = ["file", *(one.name for one in fields(HyperedgeTable) if one.name != "table")]
    options = section({"file": value} if isinstance(value, str) else value, where, keys)
    source = as_source(_path(folder, options, where), f"hyperedges {name!r}")
    return HyperedgeTable(source, **options)


def _path(folder: Path, options: dict[str, Any], where: str) -> Path:
    if "file" not in options:
        raise ConfigError(f"{where} has no file; add file: <path inside the folder>.")
    return folder / str(options.pop("file"))


def _lists(options: dict[str, Any]) -> dict[str, Any]:
    """One feature column may be written without a list."""
    if isinstance(options.get("features"), str):
        options["features"] = [options["features"]]
    return options


def _triple(value: Any, where: str) -> EdgeType:
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise ConfigError(f"{where}: type is {value!r}; expected [source, name, destination].")
    return EdgeType(*map(str, value))


def _pair(value: Any) -> tuple[EdgeType, EdgeType]:
    where = f"{DECLARATION}: reverses"
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ConfigError(f"{where} has {value!r}; expected a pair of edge types.")
    return _triple(value[0], where), _triple(value[1], where)
