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
from hetgraph.files import OutputError, atomic_dir
from hetgraph.io.declare import EdgeTable, NodeTable
from hetgraph.io.export import to_tables
from hetgraph.io.folder import DECLARATION
from hetgraph.io.hyperedges import hyperedge_table
from hetgraph.io.labels import label_column, split_column
from hetgraph.io.values import value_column

__all__ = ["save_tables"]

_SEPARATOR = "|"
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

    Args:
        data: The graph, or the data set with labels, splits, values, hypergraphs and meta-paths.
            Held-out links are not written: their declaration has no place for them yet.
        folder: Where to write; a folder that this function wrote before is replaced.
        format: ``"parquet"``, or ``"csv"`` for people and other programs: there, a vector becomes
            one column for each value.

    Raises:
        ConfigError: If the format is unknown or cannot hold the features.
        DataError: If a hyperedge has no member.
        OutputError: If the folder cannot be written.
    """
    if format not in ("parquet", "csv"):
        raise ConfigError(f"format {format!r} is unknown; expected 'parquet' or 'csv'.")
    _refuse_foreign(Path(folder))
    dataset = data if isinstance(data, Dataset) else Dataset(data.name, data)
    tables = to_tables(dataset.graph)
    spec: dict[str, Any] = {"name": dataset.graph.name, "nodes": {}, "edges": []}
    used: set[str] = set()
    with atomic_dir(folder, marker=DECLARATION) as temporary:
        for node_type, node in tables.nodes.items():
            table, options = _flat(node, format), _options(node, _NODE_OPTIONS)
            table = _with_targets(table, node_type, dataset, format)
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
        for name, hypergraph in dataset.hypergraphs.items():
            file = f"hyperedges/{_file_name(name, used)}.{format}"
            _write(hyperedge_table(hypergraph, dataset.graph), temporary / file)
            known = {"file": file, "node_type": "node_type", "type": "type"}
            spec.setdefault("hyperedges", {})[name] = known
        spec["reverses"] = [[list(a), list(b)] for a, b in tables.reverses]
        spec["add_reverses"] = False
        spec |= _declare_targets(dataset, format)
        text = yaml.safe_dump(spec, sort_keys=False, allow_unicode=True)
        (temporary / DECLARATION).write_text(_SIGNATURE + text, encoding="utf-8")


def _refuse_foreign(folder: Path) -> None:
    """Tables that a person declared are never replaced."""
    path = folder / DECLARATION
    if path.is_file() and not path.read_text("utf-8", "replace").startswith(_SIGNATURE):
        raise OutputError(
            f"will not replace the folder {folder}: its {DECLARATION} was not written by "
            "save_tables; choose another folder."
        )


def _options(table: NodeTable | EdgeTable, names: tuple[str, ...]) -> dict[str, Any]:
    """Returns the declarations that differ from the defaults."""
    default = type(table)(None)
    values = {name: getattr(table, name) for name in names}
    return {name: value for name, value in values.items() if value != getattr(default, name)}


def _flat(table: NodeTable | EdgeTable, format: str) -> pa.Table:
    """Returns the Arrow table, for CSV with one column for each value of a vector."""
    data: pa.Table = table.table
    if format == "parquet":
        return data
    columns: dict[str, Any] = {}
    for name in data.column_names:
        column = data[name].combine_chunks()
        if pa.types.is_map(column.type):
            raise ConfigError("CSV cannot hold sparse features; use format='parquet'.")
        if pa.types.is_fixed_size_list(column.type):
            width = column.type.list_size
            values = column.flatten()
            columns |= {f"{name}{i}": values[i::width] for i in range(width)}
        else:
            columns[name] = column
    return pa.table(columns)


def _rename_features(options: dict[str, Any], table: pa.Table) -> None:
    if options.get("features") and "features" not in table.column_names:
        names = [name for name in table.column_names if re.fullmatch(r"features\d+", name)]
        options["features"] = names


def _with_targets(table: pa.Table, node_type: str, dataset: Dataset, format: str) -> pa.Table:
    labels, values = dataset.labels, dataset.values
    rows = dataset.graph.num_nodes[node_type]
    if values is not None and values.node_type == node_type:
        table = table.append_column("value", value_column(values, rows))
    if labels is None or labels.node_type != node_type:
        return table
    separator = _SEPARATOR if format == "csv" else None
    table = table.append_column("label", label_column(labels, rows, separator=separator))
    for name, split in dataset.splits.items():
        table = table.append_column(f"split {name}", split_column(split, rows))
    return table


def _declare_targets(dataset: Dataset, format: str) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    labels = dataset.labels
    if labels is not None:
        classes: list[Any] = list(labels.class_names) or list(range(labels.num_classes))
        spec["labels"] = {"node_type": labels.node_type, "column": "label", "classes": classes}
        if labels.multi_label and format == "csv":
            spec["labels"]["separator"] = _SEPARATOR
        if dataset.splits:
            spec["splits"] = {name: f"split {name}" for name in dataset.splits}
    if dataset.values is not None:
        spec["values"] = {"node_type": dataset.values.node_type, "column": "value"}
    if dataset.task:
        spec["task"] = dataset.task
    if dataset.metapaths:
        spec["metapaths"] = dict(dataset.metapaths)
    if dataset.info:
        spec["info"] = _plain(dataset.info)
    return spec


def _plain(value: Any) -> Any:
    """Returns what YAML can hold without tags."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _file_name(name: str, used: set[str]) -> str:
    """Returns an unused name that every file system takes; the declaration has the true one."""
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
