"""What a declaration of tables says is to be predicted: classes with splits, numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hetgraph.catalog.dataset import NodeLabels, NodeValues, Split
from hetgraph.errors import ConfigError, suggest
from hetgraph.io.declare import NodeTable
from hetgraph.io.labels import random_split, read_labels, read_split
from hetgraph.io.sources import Source
from hetgraph.io.values import read_values

__all__ = ["DECLARATION", "read_node_values", "read_targets", "section"]

DECLARATION = "tables.yaml"


def read_targets(
    nodes: Mapping[str, Any], spec: Mapping[str, Any]
) -> tuple[NodeLabels | None, dict[str, Split]]:
    """Returns the classes and the splits of a declaration; drawn 60/20/20 where it has none.

    Raises:
        ConfigError: If the declaration is wrong.
        DataError: If a column does not fit.
    """
    if not spec.get("labels"):
        return None, {}
    where = f"{DECLARATION}: labels"
    options = section(spec["labels"], where, ("node_type", "column", "classes", "separator"))
    node_type, source = _target(nodes, options, where)
    labels = read_labels(
        source,
        node_type,
        options["column"],
        classes=options.get("classes") or (),
        separator=options.get("separator"),
    )
    declared = spec.get("splits") or {}
    columns = section(declared, f"{DECLARATION}: splits")
    splits = {name: read_split(source, str(column)) for name, column in columns.items()}
    return labels, splits or {"random-60-20-20": random_split(labels)}


def read_node_values(nodes: Mapping[str, Any], spec: Mapping[str, Any]) -> NodeValues | None:
    """Returns the numbers that are to be predicted, if a declaration has some.

    Raises:
        ConfigError: If the declaration is wrong.
        DataError: If the column does not fit.
    """
    if not spec.get("values"):
        return None
    where = f"{DECLARATION}: values"
    options = section(spec["values"], where, ("node_type", "column"))
    node_type, source = _target(nodes, options, where)
    return read_values(source, node_type, str(options["column"]))


def section(value: Any, where: str, keys: Any = ()) -> dict[str, Any]:
    """Returns a mapping of the declaration, with texts as keys; ``keys`` are those allowed."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} is {value!r}; expected names with values.")
    for key in value:
        if keys and key not in keys:
            raise ConfigError(f"{where} has an unknown entry {key!r}.{suggest(str(key), keys)}")
    return {str(key): one for key, one in value.items()}


def _target(nodes: Mapping[str, Any], options: Mapping[str, Any], where: str) -> tuple[str, Source]:
    """The type that is declared, and its table."""
    node_type = str(options.get("node_type"))
    table = nodes.get(node_type)
    if not isinstance(table, NodeTable):
        tables = [key for key, value in nodes.items() if isinstance(value, NodeTable)]
        raise ConfigError(
            f"{where}: node_type {node_type!r} has no table.{suggest(node_type, tables)}"
        )
    if "column" not in options:
        more = ", or a list of 0/1 columns" if where.endswith("labels") else ""
        raise ConfigError(f"{where} has no column; add column: <name>{more}.")
    source: Source = table.table
    return node_type, source
