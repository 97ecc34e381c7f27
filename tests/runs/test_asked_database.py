"""A model of a database that was cut at times is asked about the database as it is now."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest

import hetgraph

DECLARED = """
nodes:
  user: {file: user, id: id, features: [age]}
  item: {file: item, id: id}
edges:
  - {type: [user, buys, item], file: buys, src: user_id, dst: item_id, time: day}
labels: {tier: {node_type: user, column: tier}}
values: {spent: {query: 'SELECT user_id, day, total FROM spent', node_type: user}}
"""


def write(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE user (id INTEGER PRIMARY KEY, age INTEGER, tier TEXT);
        CREATE TABLE item (id INTEGER PRIMARY KEY);
        CREATE TABLE buys (user_id INTEGER, item_id INTEGER, day DATE);
        CREATE TABLE spent (user_id INTEGER, day DATE, total DOUBLE);
        """
    )
    users = [(i, 20 + i, "ab"[i % 2]) for i in range(20)]
    buys = [(i % 20, i * 7 % 5, f"2024-0{i % 6 + 1}-10") for i in range(60)]
    spent = [(i, f"2024-0{month}-15", float(i % 7)) for i in range(20) for month in (3, 4, 5)]
    connection.executemany("INSERT INTO user VALUES (?, ?, ?)", users)
    connection.executemany("INSERT INTO item VALUES (?)", [(i,) for i in range(5)])
    connection.executemany("INSERT INTO buys VALUES (?, ?, ?)", buys)
    connection.executemany("INSERT INTO spent VALUES (?, ?, ?)", spent)
    connection.commit()
    connection.close()
    path.with_suffix(".yaml").write_text(DECLARED, encoding="utf-8")


def test_another_target_than_the_default_one_says_how_the_graph_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "shop.db"
    write(path)
    settings = {"train": {"max_epochs": 1}}
    hetgraph.fit(
        "rgcn",
        f"sqlite:{path}",
        target="spent",
        settings=settings,
        out=tmp_path / "run",
        progress=False,
    )
    connection = sqlite3.connect(path)
    connection.executescript(
        "DROP TABLE spent; INSERT INTO user VALUES (99, NULL, NULL);"
        "INSERT INTO buys VALUES (99, 3, '2031-01-01');"
    )
    connection.close()
    fitted = hetgraph.load(tmp_path / "run")
    answers = fitted.predict(graph=fitted.source(f"sqlite:{path}"))
    assert answers.column("id").to_pylist() == [*range(20), 99]
    assert all(math.isfinite(value) for value in answers.column("value").to_pylist())
