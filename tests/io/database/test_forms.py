"""The same shop in every form gives the same graph."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml

from hetgraph import load_dataset
from hetgraph.io import database_proposal, from_database, load_tables

Stored = Callable[[str], Path]
FORMS = ("sqlite", "duckdb", "parquet")


def test_the_shop_is_the_same_graph_in_every_form(stored: Stored, shop: Any) -> None:
    paths = {form: stored(form) for form in FORMS}
    graphs = {form: from_database(path).graph for form, path in paths.items()}
    declaration: dict[str, Any] = dict(database_proposal(paths["sqlite"]).declaration)
    for ending, folder in (("csv", stored("csv")), ("parquet", paths["parquet"])):
        entries = [*declaration["nodes"].values(), *declaration["edges"]]
        for entry in entries:
            entry["file"] = f"{entry['file'].partition('.')[0]}.{ending}"
        (folder / "tables.yaml").write_text(yaml.safe_dump(declaration), encoding="utf-8")
        graphs[f"a folder of {ending}"] = load_tables(folder).graph
    assert len({graph.content_hash for graph in graphs.values()}) == 1
    graph = graphs["sqlite"]
    assert graph.ids["item"].to_pylist() == [row[0] for row in shop.rows["item"]]
    assert graph.ids["user"].to_pylist() == [row[0] for row in shop.rows["user"]]
    prices = torch.tensor([row[1] for row in shop.rows["item"]])
    features = graph.features["item"]
    assert isinstance(features, torch.Tensor)
    assert torch.equal(features.flatten().argsort(), prices.argsort())
    assert graph.relation(("order", "user", "user")).num_edges == 11  # one order has no user
    assert graph.relation("line").num_edges == len(shop.rows["line"])
    rating = graph.relation("rating")
    assert rating.weight is not None
    assert rating.feature_dim == 1
    days = {int(day) for day in rating.edge_time.tolist()}  # type: ignore[union-attr]
    assert min(days) >= 19_723 * 86_400_000_000  # microseconds since 1970 of 2024-01-01


@pytest.mark.parametrize("form", FORMS)
def test_addresses_and_paths_open_the_same(form: str, stored: Stored) -> None:
    path = stored(form)
    expected = from_database(path).graph.content_hash
    for address in (f"{form}:///{path}", f"{form}:{path}", path, str(path)):
        assert from_database(address).graph.content_hash == expected


def test_rows_come_by_a_key_of_whole_numbers_and_else_as_they_are_stored(
    sqlite: Callable[..., Path], tmp_path: Path
) -> None:
    duckdb = pytest.importorskip("duckdb")
    ddl = (
        "CREATE TABLE number (id INTEGER PRIMARY KEY, size INTEGER);"
        "CREATE TABLE word (id VARCHAR PRIMARY KEY, size INTEGER);"
    )
    rows = (
        "INSERT INTO number VALUES (3, 30), (1, 10), (2, 20);"
        "INSERT INTO word VALUES ('c', 30), ('a', 10), ('b', 20);"
    )
    connection = duckdb.connect(str(tmp_path / "some.duckdb"))
    connection.execute(ddl + rows)
    connection.close()
    for path in (sqlite(ddl + rows), tmp_path / "some.duckdb"):
        graph = from_database(path).graph
        assert graph.ids["number"].to_pylist() == [1, 2, 3]
        assert graph.features["number"].flatten().argsort().tolist() == [0, 1, 2]
        assert graph.ids["word"].to_pylist() == ["c", "a", "b"]
        assert graph.features["word"].flatten().argsort().tolist() == [1, 2, 0]


DECLARED = """
nodes:
  order: null
  user: {file: user, id: id, features: [age]}
  rich: {file: SELECT id FROM user WHERE income > 3000, id: id}
edges:
- {type: [order, of, user], file: order, src: id, dst: user_id, missing: skip}
labels: {node_type: user, column: city}
"""


def beside(path: Path) -> Path:
    return path / "tables.yaml" if path.is_dir() else path.with_name("shop.yaml")


@pytest.mark.parametrize("form", FORMS)
def test_a_declaration_beside_the_database_is_read(form: str, stored: Stored) -> None:
    path = stored(form)
    beside(path).write_text(DECLARED, encoding="utf-8")
    dataset = from_database(path)
    assert dataset.graph.num_nodes == {"order": 12, "user": 9, "rich": 6}
    assert dataset.labels is not None
    assert dataset.labels.class_names == ("Köln", "Łódź")
    beside(path).rename(path.parent / "elsewhere.yaml")
    for given in (path.parent / "elsewhere.yaml", yaml.safe_load(DECLARED)):
        again = from_database(path, declaration=given)
        assert again.graph.content_hash == dataset.graph.content_hash
        assert again.sha256 == dataset.sha256


@pytest.mark.parametrize("form", FORMS)
def test_models_train_on_a_database(
    form: str, stored: Stored, hetgraph: Callable[..., Any]
) -> None:
    path = stored(form)
    text = str(database_proposal(path)).replace(", city]", "]")
    text += "labels: {node_type: user, column: city}\n"
    beside(path).write_text(text, encoding="utf-8")
    fast = ("--set", "train.max_epochs=2", "--set", "train.device=cpu")
    outcome = hetgraph("train", "rgcn", f"{form}:{path}", *fast, "--out", "run")
    assert outcome.code == 0, outcome.err
    assert "micro_f1" in outcome.out


def test_the_cache_sees_a_changed_database(sqlite: Callable[..., Path], own_folders: Path) -> None:
    path = sqlite(
        "CREATE TABLE user (id INTEGER PRIMARY KEY, age INTEGER);"
        "INSERT INTO user VALUES (1, 30), (2, 40), (3, 90);"
    )
    first = load_dataset(f"sqlite:{path}").graph.content_hash
    assert load_dataset(f"sqlite:{path}").graph.content_hash == first
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE user SET age = 31 WHERE id = 1")
    connection.close()
    assert load_dataset(f"sqlite:{path}").graph.content_hash != first


def test_a_report_tells_what_is_read_or_wrong(stored: Stored, hetgraph: Callable[..., Any]) -> None:
    path = stored("sqlite")
    outcome = hetgraph("check", f"sqlite:{path}")
    assert outcome.code == 0, outcome.err
    assert "(user -rating> item): 30 rows; ends in 'user_id' and 'item_sku'" in outcome.out
    assert "features: age, income, joined, city" in outcome.out
    outcome = hetgraph("check", f"sqlite:{path}", "--fix", "shop.yaml")
    assert outcome.code == 0, outcome.err
    text = Path("shop.yaml").read_text(encoding="utf-8")
    beside(path).write_text(text, encoding="utf-8")
    assert hetgraph("check", f"sqlite:{path}").code == 0
    beside(path).write_text(
        text.replace("id: sku", "id: skew").replace("dst: user_id", "dst: usr"), encoding="utf-8"
    )
    outcome = hetgraph("check", f"sqlite:{path}")
    assert outcome.code == 2
    said = outcome.out + outcome.err
    assert "no column 'skew'" in said
    assert "no column 'usr'. Did you mean 'user_id'" in said


def test_a_report_on_a_query(stored: Stored, hetgraph: Callable[..., Any]) -> None:
    path = stored("duckdb")
    sql = 'SELECT user_id, placed, total FROM "order" WHERE user_id > 0'
    text = f"{database_proposal(path)}values: {{spent: {{query: '{sql}', split: random}}}}\n"
    beside(path).write_text(text, encoding="utf-8")
    outcome = hetgraph("check", f"duckdb:{path}")
    assert outcome.code == 0, outcome.out + outcome.err
    assert "spent" in outcome.out
    assert "user: 79 nodes" in outcome.out  # in eleven snapshots


@pytest.mark.parametrize("fraction", ["", ".250000"])
def test_timestamps_are_the_same_numbers_in_every_form(
    fraction: str, sqlite: Callable[..., Path], tmp_path: Path
) -> None:
    duckdb = pytest.importorskip("duckdb")
    moments = [f"2024-01-0{day} 10:0{day}:00{fraction}" for day in (1, 2, 3)]
    ddl = "CREATE TABLE likes (a INTEGER, b INTEGER, at_time TIMESTAMP);"
    rows = "; ".join(f"INSERT INTO likes VALUES ({i}, {i}, '{t}')" for i, t in enumerate(moments))
    connection = duckdb.connect(str(tmp_path / "some.duckdb"))
    connection.execute(ddl + rows)
    connection.close()
    times = pa.array(moments).cast(pa.timestamp("us"))
    folder = tmp_path / "files"
    folder.mkdir()
    columns = {"a": [0, 1, 2], "b": [0, 1, 2], "at_time": times.cast(pa.timestamp("ns"))}
    pq.write_table(pa.table(columns), folder / "likes.parquet")
    lines = [f"{i},{i},{text}" for i, text in enumerate(moments)]
    (folder / "likes.csv").write_text("\n".join(["a,b,at_time", *lines]))
    entry = {"type": ["x", "likes", "x"], "src": "a", "dst": "b", "time": "at_time"}
    read = {}
    for form, path in (("sqlite", sqlite(ddl + rows)), ("duckdb", tmp_path / "some.duckdb")):
        declaration = {"nodes": {"x": 3}, "edges": [{**entry, "file": "likes"}]}
        read[form] = from_database(path, declaration=declaration).graph
    for ending in ("csv", "parquet"):
        declaration = {"nodes": {"x": 3}, "edges": [{**entry, "file": f"likes.{ending}"}]}
        (folder / "tables.yaml").write_text(yaml.safe_dump(declaration))
        read[ending] = load_tables(folder).graph
    assert len({graph.content_hash for graph in read.values()}) == 1
    edge_time = read["sqlite"].relation("likes").edge_time
    assert edge_time is not None
    assert edge_time.tolist() == times.cast(pa.int64()).to_pylist()
