"""One shop as SQLite, DuckDB, a folder of Parquet files and a folder of CSV files."""

from __future__ import annotations

import csv
import datetime
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

DDL = """
CREATE TABLE user (id INTEGER PRIMARY KEY, age INTEGER, income DOUBLE, joined DATE, city TEXT);
CREATE TABLE item (sku TEXT PRIMARY KEY, price DOUBLE, title TEXT);
CREATE TABLE "order" (
  id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES user(id), total DECIMAL(10, 2), placed DATE
);
CREATE TABLE rating (
  user_id INTEGER REFERENCES user(id), item_sku TEXT REFERENCES item(sku),
  stars INTEGER, weight DOUBLE, day DATE,
  PRIMARY KEY (user_id, item_sku)
);
CREATE TABLE line (
  order_id INTEGER REFERENCES "order"(id), item_sku TEXT REFERENCES item(sku), amount INTEGER
);
"""
TABLES = ("user", "item", "order", "rating", "line")


class Shop(NamedTuple):
    """The rows of every table, in the order of their columns."""

    columns: dict[str, tuple[str, ...]]
    rows: dict[str, list[tuple[Any, ...]]]


def _shop() -> Shop:
    day = datetime.date(2024, 1, 1)
    users = [
        (3 * i + 1, 20 + i, 1000.1 * i, day + datetime.timedelta(i), ("Köln", "Łódź")[i % 2])
        for i in range(9)
    ]
    items = [(f"s'{i}\"", 0.1 + i, f"title {i}") for i in (10, 9, 2, 1, 0, 30)]
    orders = [
        (100 + i, users[i % 9][0] if i != 4 else None, 12.5 * i, day + datetime.timedelta(2 * i))
        for i in range(12)
    ]
    ratings = [
        (user[0], item[0], (i + j) % 5 + 1, 0.5 + j, day + datetime.timedelta(i + 3 * j))
        for i, user in enumerate(users)
        for j, item in enumerate(items)
        if (i * j + i) % 3 == 0
    ]
    lines = [
        (order[0], item[0], (i + j) % 4)
        for i, order in enumerate(orders)
        for j, item in enumerate(items)
        if (i + j) % 4 == 0
    ]
    lines.append(lines[0])  # The same product twice in an order is two edges.
    return Shop(
        {
            "user": ("id", "age", "income", "joined", "city"),
            "item": ("sku", "price", "title"),
            "order": ("id", "user_id", "total", "placed"),
            "rating": ("user_id", "item_sku", "stars", "weight", "day"),
            "line": ("order_id", "item_sku", "amount"),
        },
        {"user": users, "item": items, "order": orders, "rating": ratings, "line": lines},
    )


@pytest.fixture(scope="session")
def shop() -> Shop:
    return _shop()


def write_sqlite(shop: Shop, path: Path) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(DDL)
    for name in TABLES:
        marks = ", ".join("?" for _ in shop.columns[name])
        rows = [
            tuple(str(v) if isinstance(v, datetime.date) else v for v in row)
            for row in shop.rows[name]
        ]
        connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
    connection.commit()
    connection.close()
    return path


def write_duckdb(shop: Shop, path: Path) -> Path:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect(str(path))
    connection.execute(DDL)
    for name in TABLES:
        marks = ", ".join("?" for _ in shop.columns[name])
        connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', shop.rows[name])
    connection.close()
    return path


def write_parquet(shop: Shop, folder: Path) -> Path:
    folder.mkdir()
    for name in TABLES:
        columns = list(zip(*shop.rows[name], strict=True))
        table = pa.table(dict(zip(shop.columns[name], map(list, columns), strict=True)))
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def write_csv(shop: Shop, folder: Path) -> Path:
    folder.mkdir()
    for name in TABLES:
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(shop.columns[name])
            writer.writerows(shop.rows[name])
    return folder


WRITERS: dict[str, tuple[Callable[[Shop, Path], Path], str]] = {
    "sqlite": (write_sqlite, "shop.db"),
    "duckdb": (write_duckdb, "shop.duckdb"),
    "parquet": (write_parquet, "shop"),
    "csv": (write_csv, "shop"),
}


@pytest.fixture
def stored(shop: Shop, tmp_path: Path) -> Callable[[str], Path]:
    """Writes the shop in a form and returns its path."""

    def write(form: str) -> Path:
        writer, name = WRITERS[form]
        path = tmp_path / form
        path.mkdir(exist_ok=True)
        return writer(shop, path / name)

    return write


@pytest.fixture
def sqlite(tmp_path: Path) -> Callable[..., Path]:
    """Runs SQL in a new SQLite file and returns its path."""

    def make(sql: str, name: str = "some.db") -> Path:
        connection = sqlite3.connect(tmp_path / name)
        connection.executescript(sql)
        connection.close()
        return tmp_path / name

    return make
