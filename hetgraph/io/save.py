"""A data set as a folder of tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import yaml

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.graph import HeteroGraph
from hetgraph.errors import ConfigError
from hetgraph.features.standins import COMPUTED
from hetgraph.files import OutputError, atomic_dir
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.export import to_tables
from hetgraph.io.folder import DECLARATION
from hetgraph.io.hyperedges import hyperedge_table
from hetgraph.io.save_targets import WrittenTargets

__all__ = ["save_tables"]

_SIGNATURE = "# Written by hetgraph.io.save_tables, which may replace this folder.\n"
_NODE_OPTIONS = ("id", "features", "sparse", "sparse_dim", "category", "text", "dtype")
_EDGE_OPTIONS = ("weight", "time", "features", "dtype")


def save_tables(
    data: HeteroGraph | Dataset,
    folder: str | Path,
    *,
    format: Literal["parquet", "csv"] = "parquet",
) -> None:
    """Writes a graph or a data set as tables that :func:`load_tables` reads back.

    Node targets become columns of the node tables; edge targets and held-out links become separate
    tables in ``targets/``. What tables cannot represent, such as held-out links of several
    relations in one target, is skipped with a warning. Stand-ins for features are declared and made
    again when the tables are read.

    Args:
        data: The graph, or the data set with targets, splits, hypergraphs and meta-paths.
        folder: The output folder; it is replaced if this function wrote it.
        format: ``"parquet"``, or ``"csv"``, in which a vector becomes one column per value.

    Raises:
        ConfigError: If the format is unknown or cannot hold the features.
        DataError: If a hyperedge has no members.
        OutputError: If the folder cannot be written.

    Example:
        >>> from hetgraph.io import load_tables
        >>> graph = HeteroGraph(num_nodes={"paper": 3}, relations={}, name="papers")
        >>> save_tables(graph, "papers", format="csv")
        >>> load_tables("papers").graph.num_nodes["paper"]
        3
    """
    if format not in ("parquet", "csv"):
        raise ConfigError(f"format {format!r} is unknown; expected 'parquet' or 'csv'.")
    _refuse_foreign(Path(folder))
    dataset = data if isinstance(data, Dataset) else Dataset(data.name, data)
    graph, standins = _without_standins(dataset.graph)
    tables = to_tables(graph)
    spec: dict[str, Any] = {"name": dataset.graph.name, "nodes": {}, "edges": []}
    used: set[str] = set()
    written = WrittenTargets(dataset, lists=format == "parquet")
    with atomic_dir(folder, marker=DECLARATION) as temporary:
        for node_type, node in tables.nodes.items():
            table, options = _flat(node, format), _options(node, _NODE_OPTIONS)
            table = written.add_columns(table, node_type)
            file = f"nodes/{_file_name(node_type, used)}.{format}"
            _write(table, temporary / file)
            _rename_features(options, table)
            spec["nodes"][node_type] = {"file": file, **options}
        for edge_type, edge in tables.edges.items():
            table, options = _flat(edge, format), _options(edge, _EDGE_OPTIONS)
            file = f"edges/{_file_name('__'.join(edge_type), used)}.{format}"
            _write(table, temporary / file)
            _rename_features(options, table)
            spec["edges"].append({"type": list(edge_type), "file": file, **options})
        for name, table in written.tables():
            file = f"targets/{_file_name(name, used)}.{format}"
            _write(table, temporary / file)
            written.place(name, file)
        for name, hypergraph in dataset.hypergraphs.items():
            file = f"hyperedges/{_file_name(name, used)}.{format}"
            _write(hyperedge_table(hypergraph, dataset.graph), temporary / file)
            known = {"file": file, "node_type": "node_type", "type": "type"}
            spec.setdefault("hyperedges", {})[name] = known
        spec["reverses"] = [[list(a), list(b)] for a, b in tables.reverses]
        spec["add_reverses"] = False
        spec |= written.declaration() | _declare_rest(dataset)
        if standins:
            spec["standins"] = standins
        text = yaml.safe_dump(spec, sort_keys=False, allow_unicode=True)
        (temporary / DECLARATION).write_text(_SIGNATURE + text, encoding="utf-8")


def _without_standins(graph: HeteroGraph) -> tuple[HeteroGraph, dict[str, str]]:
    """Returns the graph without stand-ins, and their declaration.

    As plain features they would not be made anew where a task hides edges. A declaration has no
    seed, so those that were drawn with another one than 0 stay features.
    """
    declared = {
        node_type: f"{standin.kind}:{standin.dim}" if standin.dim else standin.kind
        for node_type, standin in graph.standins.items()
        if not standin.seed and standin.kind != COMPUTED
    }
    features = {key: value for key, value in graph.features.items() if key not in declared}
    left = {key: value for key, value in graph.standins.items() if key not in declared}
    return graph.replace(features=features, standins=left), declared


def _refuse_foreign(folder: Path) -> None:
    """Refuses to replace a folder with a ``tables.yaml`` of the user."""
    path = folder / DECLARATION
    if path.is_file() and not path.read_text("utf-8", "replace").startswith(_SIGNATURE):
        raise OutputError(
            f"the folder {folder} is not replaced: its {DECLARATION} was not written by "
            "save_tables; choose another folder."
        )


def _options(table: NodeTable | EdgeTable, names: tuple[str, ...]) -> dict[str, Any]:
    """Returns the options that differ from the defaults."""
    default = type(table)(None)
    values = {name: getattr(table, name) for name in names}
    return {name: value for name, value in values.items() if value != getattr(default, name)}


def _flat(table: NodeTable | EdgeTable, format: str) -> pa.Table:
    """Returns the Arrow table; for CSV with one column per value of a vector."""
    data: pa.Table = table.table
    if format == "parquet":
        return data
    columns: dict[str, Any] = {}
    for name in data.column_names:
        column = data[name].combine_chunks()
        if pa.types.is_map(column.type):
            raise ConfigError("CSV cannot hold sparse features; use format='parquet'.")
        if pa.types.is_fixed_size_list(column.type):
            dim = column.type.list_size
            values = column.flatten()
            columns |= {f"{name}{i}": values[i::dim] for i in range(dim)}
        else:
            columns[name] = column
    return pa.table(columns)


def _rename_features(options: dict[str, Any], table: pa.Table) -> None:
    if options.get("features") and "features" not in table.column_names:
        names = [name for name in table.column_names if re.fullmatch(r"features\d+", name)]
        options["features"] = {name: {"encode": "number", "scale": "none"} for name in names}


def _declare_rest(dataset: Dataset) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if dataset.task:
        spec["task"] = dataset.task
    if dataset.metapaths:
        spec["metapaths"] = dict(dataset.metapaths)
    if dataset.info:
        spec["info"] = _plain(dataset.info)
    return spec


def _plain(value: Any) -> Any:
    """Returns a value that YAML represents without tags."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _file_name(name: str, used: set[str]) -> str:
    """Returns an unused file name that is valid on every file system."""
    safe = unique = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:60]
    while unique.lower() in used:
        unique = f"{safe}-{len(used)}"
    used.add(unique.lower())
    return unique


def _write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="zstd")
    else:
        pcsv.write_csv(table, path)
