"""A generated shop as a folder of tables, or as a database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import yaml

from hetgraph.datasets._shop_tables import TIERS, Shop
from hetgraph.optional import Package, require

__all__ = ["DUCKDB", "WRITERS"]

_PARQUET = ("item", "views")  # The other tables are CSV files.
_BUYS = ("user", "buys", "item")
_ENDS = {
    "buys": ("user_id", "item_id"),
    "views": ("user_id", "item_id"),
    "made_by": ("item_id", "brand_id"),
    "follows": ("follower_id", "followed_id"),
}
_SQLITE = {"int64": "INTEGER", "double": "REAL", "string": "TEXT", "date32[day]": "TEXT"}
DUCKDB = Package("duckdb", "hetgraph[database]")
_DUCKDB = {"int64": "BIGINT", "double": "DOUBLE", "string": "VARCHAR", "date32[day]": "DATE"}


def _write_folder(shop: Shop, folder: Path) -> None:
    """Writes Parquet and CSV files and their ``tables.yaml``."""
    files: dict[str, str] = {}
    for section in ("nodes", "edges"):
        (folder / section).mkdir()
    for node_type, table in shop.nodes.items():
        files[node_type] = _write(table, node_type, folder, f"nodes/{node_type}")
    for (src, name, dst), table in shop.edges.items():
        files[name] = _write(table, name, folder, f"edges/{src}__{name}__{dst}")
    _write_declaration(folder / "tables.yaml", shop, files, {})


def _write(table: pa.Table, name: str, folder: Path, stem: str) -> str:
    """Writes a table and returns its file, relative to the folder."""
    file = f"{stem}.{'parquet' if name in _PARQUET else 'csv'}"
    if name in _PARQUET:
        pq.write_table(table, folder / file)
    else:
        pcsv.write_csv(table, folder / file)
    return file


def _write_sqlite(shop: Shop, folder: Path) -> None:
    """Writes ``shop.db`` with primary and foreign keys, and ``shop.yaml`` beside it."""
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for name, table, statement in _tables(shop, _SQLITE):
            connection.execute(statement)
            columns = [_texts(column).to_pylist() for column in table.columns]
            marks = ", ".join("?" * len(columns))
            rows = zip(*columns, strict=True)
            connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
        connection.commit()
    _write_declaration(folder / "shop.yaml", shop, {}, _ENDS)


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns dates as texts, as SQLite has no dates."""
    return column.cast(pa.string()) if pa.types.is_temporal(column.type) else column


def _write_duckdb(shop: Shop, folder: Path) -> None:
    """Writes ``shop.duckdb`` with primary and foreign keys, and ``shop.yaml`` beside it."""
    duckdb = require(*DUCKDB)
    with closing(duckdb.connect(str(folder / "shop.duckdb"))) as connection:
        for name, table, statement in _tables(shop, _DUCKDB):
            connection.execute(statement)
            connection.register("given", table)
            connection.execute(f'INSERT INTO "{name}" SELECT * FROM given')
            connection.unregister("given")
    _write_declaration(folder / "shop.yaml", shop, {}, _ENDS)


def _tables(shop: Shop, types: Mapping[str, str]) -> Iterator[tuple[str, pa.Table, str]]:
    """Yields name, content and ``CREATE TABLE`` statement, tables with primary keys first."""
    for node_type, table in shop.nodes.items():
        columns = _columns(table, types)
        columns[0] += " PRIMARY KEY"
        yield node_type, table, f'CREATE TABLE "{node_type}" ({", ".join(columns)})'
    for (src, name, dst), table in shop.edges.items():
        renamed = table.rename_columns([*_ENDS[name], *table.column_names[2:]])
        columns = _columns(renamed, types)
        for end, node_type in zip(_ENDS[name], (src, dst), strict=True):
            columns.append(f'FOREIGN KEY ("{end}") REFERENCES "{node_type}" ("id")')
        yield name, renamed, f'CREATE TABLE "{name}" ({", ".join(columns)})'


def _columns(table: pa.Table, types: Mapping[str, str]) -> list[str]:
    return [f'"{field.name}" {types[str(field.type)]}' for field in table.schema]


def _write_declaration(
    path: Path, shop: Shop, files: Mapping[str, str], ends: Mapping[str, tuple[str, str]]
) -> None:
    """Writes what the columns mean.

    Args:
        path: The file.
        shop: The shop.
        files: Files by table; tables of a database are named by themselves.
        ends: Names of the columns of ids by relation, if not ``src`` and ``dst``.
    """
    options: dict[str, dict[str, Any]] = {
        "user": {"features": {"age": {"fill": "median"}, "city": "onehot", "joined": "date"}},
        "item": {"features": {"price": {}, "stock": {}, "category": "onehot"}, "text": "title"},
        "buys": {"time": "time", "features": ["amount"]},
        "views": {"time": "time", "features": ["seconds"]},
    }
    nodes = {
        node_type: {"file": files.get(node_type, node_type), **options.get(node_type, {})}
        for node_type in shop.nodes
    }
    edges = []
    for src, name, dst in shop.edges:
        entry = {"type": [src, name, dst], "file": files.get(name, name)}
        entry |= dict(zip(("src", "dst"), ends.get(name, ()), strict=False))
        edges.append(entry | options.get(name, {}))
    spec = {
        "name": "shop",
        "nodes": nodes,
        "edges": edges,
        "labels": {
            "tier": {
                "node_type": "user",
                "column": "tier",
                "classes": [*TIERS],
                "split": "stratified",
            },
            "churn": {
                "node_type": "user",
                "column": "churn",
                "classes": ["no", "yes"],
                "split": "stratified",
            },
            "tags": {"node_type": "item", "column": "tags", "separator": "|"},
        },
        "values": {"sales": {"node_type": "item", "column": "sales"}},
        "edge_values": {"rating": {"edge": [*_BUYS], "column": "rating", "split": "time"}},
        "links": {"buys": {"edge": [*_BUYS], "split": "time", "valid": 0.1, "test": 0.1}},
        "target": "tier",
    }
    text = yaml.safe_dump(spec, sort_keys=False, allow_unicode=True, default_flow_style=None)
    path.write_text(text, encoding="utf-8")


WRITERS: dict[str, Callable[[Shop, Path], None]] = {
    "tables": _write_folder,
    "sqlite": _write_sqlite,
    "duckdb": _write_duckdb,
}
"""Writers into an empty folder by form."""
