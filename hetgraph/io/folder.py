"""A folder of tables as a data set.

The layout, with files ending in ``.parquet``, ``.csv`` or ``.tsv``::

    nodes/<type>.parquet                        one row a node
    edges/<source>__<name>__<destination>.csv   one row an edge
    tables.yaml                                 what the columns mean (optional)

Without ``tables.yaml`` columns are known by their names: in node tables ``id``, ``features`` (a
number or list of numbers), ``text``, ``category``, ``label`` and ``split``; in edge tables
``src``, ``dst``, ``weight``, ``time`` and ``features``. With it, only what it declares is read::

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
    metapaths: {PAP: paper-author-paper}
    info: {license: CC0}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from hetgraph.data.dataset import Dataset, NodeLabels, Split
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, FileFormatError, suggest
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.labels import random_split, read_labels, read_split
from hetgraph.io.sources import Source, as_source
from hetgraph.io.tables import from_tables

__all__ = ["DECLARATION", "load_tables", "table_files"]

DECLARATION = "tables.yaml"
_ENDINGS = (".parquet", ".pq", ".csv", ".tsv")
_KEYS = (
    "name",
    "nodes",
    "edges",
    "reverses",
    "add_reverses",
    "labels",
    "splits",
    "metapaths",
    "info",
)
_LABEL_KEYS = ("node_type", "column", "classes", "separator")


def load_tables(folder: str | Path) -> Dataset:
    """Reads a folder of tables; the layout stands at the top of this module.

    Raises:
        FileFormatError: If the folder has no tables, or a file cannot be read.
        ConfigError: If ``tables.yaml`` has an unknown or wrong entry, with a suggestion.
        DataError: If a table does not fit: see :func:`from_tables`.
    """
    folder = Path(folder)
    spec = _declared(folder) if (folder / DECLARATION).is_file() else _by_convention(folder)
    nodes = {key: _node_table(folder, key, value) for key, value in spec["nodes"].items()}
    edges = dict(_edge_table(folder, value) for value in spec["edges"])
    graph = from_tables(
        nodes,
        edges,
        reverses=[_pair(value) for value in spec.get("reverses") or ()],
        add_reverses=bool(spec.get("add_reverses", True)),
        name=str(spec.get("name") or folder.resolve().name),
    )
    labels, splits = _targets(nodes, spec)
    info = json.loads(json.dumps(spec.get("info") or {}, default=str))
    return Dataset(
        name=graph.name,
        graph=graph,
        labels=labels,
        splits=splits,
        metapaths={str(key): str(path) for key, path in (spec.get("metapaths") or {}).items()},
        info=info,
    )


def table_files(folder: str | Path) -> list[Path]:
    """Returns the files that :func:`load_tables` reads; none if some lie outside the folder."""
    folder = Path(folder)
    if not (folder / DECLARATION).is_file():
        return sorted(_tables_in(folder, "nodes") + _tables_in(folder, "edges"))
    spec = _declared(folder)
    values = [*spec["nodes"].values(), *spec["edges"]]
    names = [value.get("file") if isinstance(value, Mapping) else value for value in values]
    files = sorted({folder / str(name) for name in names if name})
    inside = all(folder in file.parents and ".." not in file.parts for file in files)
    return [folder / DECLARATION, *(file for file in files if file.is_file())] if inside else []


# ------------------------------------------------------------------------- declarations


def _declared(folder: Path) -> dict[str, Any]:
    path = folder / DECLARATION
    try:
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{path} is not valid YAML: {reason}.") from error
    spec = _section(spec, path.name, _KEYS)
    spec["nodes"] = _section(spec.get("nodes"), f"{path.name}: nodes")
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
    labels: dict[str, str] = {}
    splits: dict[str, str] = {}
    for path in node_files:
        names = as_source(path, f"table {path.stem!r}").names
        known = {key: key for key in ("text", "category") if key in names}
        features = {"features": ["features"]} if "features" in names else {}
        identifier = "id" if "id" in names else None
        nodes[path.stem] = {"file": str(path), "id": identifier, **known, **features}
        if "label" in names and labels:
            raise ConfigError(
                f"{folder}: both {labels['node_type']!r} and {path.stem!r} have a column 'label'; "
                f"declare the target in {DECLARATION}."
            )
        if "label" in names:
            labels = {"node_type": path.stem, "column": "label"}
            splits = {"default": "split"} if "split" in names else {}
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
    return {"nodes": nodes, "edges": edges, "labels": labels, "splits": splits}


def _tables_in(folder: Path, part: str) -> list[Path]:
    found = (folder / part).iterdir() if (folder / part).is_dir() else ()
    return sorted(path for path in found if path.suffix.lower() in _ENDINGS)


def _node_table(folder: Path, node_type: str, value: Any) -> NodeTable | int | None:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        value = {"file": value}
    where = f"{DECLARATION}: nodes: {node_type}"
    keys = ["file", *(one.name for one in fields(NodeTable) if one.name != "table")]
    options = _section(value, where, keys)
    source = as_source(_path(folder, options, where), f"table {node_type!r}")
    return NodeTable(source, **_lists(options))


def _edge_table(folder: Path, value: Any) -> tuple[EdgeType, EdgeTable]:
    where = f"{DECLARATION}: edges"
    keys = ["type", "file", *(one.name for one in fields(EdgeTable) if one.name != "table")]
    options = _section(value, where, keys)
    triple = _triple(options.pop("type", None), where)
    source = as_source(_path(folder, options, f"{where}: {triple}"), f"table ({triple})")
    return triple, EdgeTable(source, **_lists(options))


def _path(folder: Path, options: dict[str, Any], where: str) -> Path:
    if "file" not in options:
        raise ConfigError(f"{where} has no file; add file: <path inside the folder>.")
    return folder / str(options.pop("file"))


def _lists(options: dict[str, Any]) -> dict[str, Any]:
    """One feature column may be written without a list."""
    if isinstance(options.get("features"), str):
        options["features"] = [options["features"]]
    return options


def _section(value: Any, where: str, keys: Any = ()) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} is {value!r}; expected names with values.")
    for key in value:
        if keys and key not in keys:
            raise ConfigError(f"{where} has an unknown entry {key!r}.{suggest(str(key), keys)}")
    return {str(key): one for key, one in value.items()}


def _triple(value: Any, where: str) -> EdgeType:
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise ConfigError(f"{where}: type is {value!r}; expected [source, name, destination].")
    return EdgeType(*map(str, value))


def _pair(value: Any) -> tuple[EdgeType, EdgeType]:
    where = f"{DECLARATION}: reverses"
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ConfigError(f"{where} has {value!r}; expected a pair of edge types.")
    return _triple(value[0], where), _triple(value[1], where)


# ------------------------------------------------------------------------ labels, splits


def _targets(
    nodes: Mapping[str, Any], spec: Mapping[str, Any]
) -> tuple[NodeLabels | None, dict[str, Split]]:
    if not spec.get("labels"):
        return None, {}
    where = f"{DECLARATION}: labels"
    options = _section(spec["labels"], where, _LABEL_KEYS)
    node_type = str(options.get("node_type"))
    table = nodes.get(node_type)
    if not isinstance(table, NodeTable):
        tables = [key for key, value in nodes.items() if isinstance(value, NodeTable)]
        raise ConfigError(
            f"{where}: node_type {node_type!r} has no table.{suggest(node_type, tables)}"
        )
    if "column" not in options:
        raise ConfigError(f"{where} has no column; add column: <name>, or a list of 0/1 columns.")
    source: Source = table.table
    labels = read_labels(
        source,
        node_type,
        options["column"],
        classes=options.get("classes") or (),
        separator=options.get("separator"),
    )
    declared = spec.get("splits") or {}
    columns = _section(declared, f"{DECLARATION}: splits")
    splits = {name: read_split(source, str(column)) for name, column in columns.items()}
    return labels, splits or {"random-60-20-20": random_split(labels)}
