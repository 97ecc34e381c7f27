"""A graph that is asked about: old nodes keep their features, new ones go through the encoders."""

from __future__ import annotations

import csv
import datetime
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from hetgraph.catalog.loading import load_dataset, load_graph
from hetgraph.data import CSR, HeteroGraph
from hetgraph.data.differences import schema_differences
from hetgraph.errors import ConfigError, DataError, FileFormatError, UserError
from hetgraph.features import apply_standins, encode_standins
from hetgraph.features.standins import keep_computed

FORMS = ("csv", "jsonl", "tables-parquet", "parquet", "sqlite", "duckdb")
LISTS = ("jsonl", "tables-parquet", "parquet", "duckdb")
FEATURES = {
    "age": "number",
    "money": "decimal-comma",
    "grown": None,
    "city": "onehot",
    "street": "hash",
    "job": "embedding",
    "level": "codes",
    "joined": "date",
    "seen": {"encode": "date", "parts": ["elapsed", "hour"]},
    "about": {"encode": "text", "encoder": "hash:16"},
    "words": {"encode": "bag", "separator": "|"},
}
CITIES = ("Rome", "Oslo", None, "Łódź")
DAY = datetime.date(2024, 1, 1)

Rows = dict[str, list[dict[str, Any]]]


def shop(form: str) -> Rows:
    """Users with a column for every kind of encoder, items with a category alone, purchases."""
    users = []
    for i in range(12):
        user: dict[str, Any] = {
            "id": f"u{i}",
            "age": 20 + i if i != 3 else None,
            "money": f"{i + 1}.200,5{i % 3}",
            "grown": i % 2 == 0,
            "city": CITIES[i % 4],
            "street": f"street {i % 5}",
            "job": ("cook", "poet")[i % 2],
            "level": i % 3,
            "joined": DAY + datetime.timedelta(9 * i),
            "seen": f"2024-02-{i + 1:02} 0{i % 9}:30:00",
            "about": f"likes {CITIES[i % 4]}" if i != 5 else None,
            "words": ("a|b", "b", "c|a", None)[i % 4],
            "tier": "ab"[i % 2],
            "split": ("train", "valid", "test")[i % 3],
        }
        if form in LISTS:
            user |= {"vector": [0.1 * i, 1.0, -2.5 * i], "tags": [["x"], ["x", "y"]][i % 2]}
        users.append(user)
    items = [{"sku": 10 * i, "kind": ("pen", "cup", "hat")[i % 3]} for i in range(6)]
    buys = [
        {
            "src": f"u{i % 12}",
            "dst": 10 * (i % 6),
            "weight": 0.5 + 0.1 * i,
            "day": DAY + datetime.timedelta(i),
            "stars": i % 5 if i != 7 else None,
            "how": ("card", "cash")[i % 2],
        }
        for i in range(20)
    ]
    return {"user": users, "item": items, "buys": buys}


def later(form: str, rows: Rows) -> Rows:
    """One more user of which everything is new or missing, and an edge of hers."""
    user: dict[str, Any] = dict.fromkeys(rows["user"][0])
    user |= {"id": "eve", "city": "Lima", "street": "new", "job": "nun", "level": 1}
    user |= {"joined": datetime.date(2031, 5, 1), "about": "unheard words", "words": "zzz|a"}
    if form in LISTS:
        user |= {"vector": None, "tags": ["new", "x"]}
    edge = {"src": "eve", "dst": 20, "weight": 9.0, "day": datetime.date(2030, 1, 1)}
    edge |= {"stars": None, "how": "barter"}
    return {**rows, "user": [*rows["user"], user], "buys": [*rows["buys"], edge]}


def without(rows: Rows, table: str, *columns: str) -> Rows:
    kept = [{k: v for k, v in row.items() if k not in columns} for row in rows[table]]
    return {**rows, table: kept}


def save(form: str, folder: Path, rows: Rows, more: str = "") -> str:
    """Writes the tables and their declaration, and returns the source."""
    folder.mkdir()
    ending = {"csv": ".csv", "jsonl": ".jsonl", "tables-parquet": ".parquet"}.get(form, "")
    features = FEATURES | ({"vector": None, "tags": "bag"} if form in LISTS else {})
    declared: dict[str, Any] = {
        "nodes": {
            "user": {"file": f"user{ending}", "features": features},
            "item": {"file": f"item{ending}", "id": "sku", "category": "kind"},
        },
        "edges": [
            {
                "type": ["user", "buys", "item"],
                "file": f"buys{ending}",
                "weight": "weight",
                "time": "day",
                "features": {"stars": None, "how": "onehot"},
            }
        ],
        "labels": {"tier": {"node_type": "user", "column": "tier", "split": "split"}},
    }
    text = json.dumps(declared)  # JSON is YAML.
    if form in ("sqlite", "duckdb"):
        (folder / "shop.yaml").write_text(text)
        DATABASES[form](folder / f"shop.{form}", rows)
        return f"{form}:{folder / f'shop.{form}'}"
    (folder / "tables.yaml").write_text(text + more)
    for name, table in rows.items():
        path = folder / f"{name}{ending or '.parquet'}"
        if form == "csv":
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, [*table[0]])
                writer.writeheader()
                writer.writerows(table)
        elif form == "jsonl":
            path.write_text("".join(json.dumps(row, default=str) + "\n" for row in table))
        else:
            pq.write_table(pa.Table.from_pylist(table), path)
    return f"{'parquet' if form == 'parquet' else 'tables'}:{folder}"


def save_sqlite(path: Path, rows: Rows) -> None:
    kinds = {int: "INTEGER", float: "DOUBLE", bool: "BOOLEAN", datetime.date: "DATE"}
    connection = sqlite3.connect(path)
    for name, table in rows.items():
        columns = []
        for column in table[0]:
            value = next((row[column] for row in table if row[column] is not None), "")
            columns.append(f"{column} {kinds.get(type(value), 'TEXT')}")
        connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        values = [tuple(_plain(value) for value in row.values()) for row in table]
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {name} VALUES ({marks})", values)
    connection.commit()
    connection.close()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) else value


def save_duckdb(path: Path, rows: Rows) -> None:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect(str(path))
    for name, table in rows.items():
        connection.register("given", pa.Table.from_pylist(table))
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        connection.unregister("given")
    connection.close()


DATABASES = {"sqlite": save_sqlite, "duckdb": save_duckdb}


def by_id(graph: HeteroGraph, node_type: str) -> dict[Any, Tensor]:
    features = graph.features[node_type]
    dense = features.to_dense() if isinstance(features, CSR) else features
    return dict(zip(graph.ids[node_type].to_pylist(), dense, strict=True))


def edges(graph: HeteroGraph) -> dict[tuple[Any, ...], list[float]]:
    """What the edges carry, by their ends and time."""
    relation = graph.relation("buys")
    assert relation.weight is not None
    assert relation.edge_time is not None
    assert relation.edge_features is not None
    src, dst = relation.edges()
    users, items = (graph.ids[key].to_pylist() for key in ("user", "item"))
    return {
        (users[u], items[i], int(day)): [float(weight), *values.tolist()]
        for u, i, day, weight, values in zip(
            src, dst, relation.edge_time, relation.weight, relation.edge_features, strict=True
        )
    }


def notes(info: Mapping[str, Any]) -> str:
    return "\n".join(info.get("notes", ()))


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))


# ----------------------------------------------------------------------- the user's story


@pytest.mark.parametrize("labels", ["kept", "empty", "gone"])
@pytest.mark.parametrize("form", FORMS)
def test_old_nodes_and_edges_stay_as_they_are_when_others_are_added(
    form: str, labels: str, tmp_path: Path
) -> None:
    rows = shop(form)
    trained = load_dataset(save(form, tmp_path / "shop", rows)).graph
    more = later(form, rows)
    if labels == "gone":
        more = without(more, "user", "tier", "split")
    if labels == "empty":
        more["user"] = [{**row, "tier": None, "split": None} for row in more["user"]]
    dataset = load_graph(save(form, tmp_path / "shop2", more), encoders=trained.encoders)
    graph = dataset.graph
    assert not dataset.targets
    assert not dataset.splits
    assert not dataset.task
    assert graph.encoders == trained.encoders
    assert schema_differences(trained.schema, graph.schema) == []
    assert graph.schema == trained.schema
    assert graph.ids["user"].to_pylist() == [*trained.ids["user"].to_pylist(), "eve"]
    for node_type in ("user", "item"):
        old, new = by_id(trained, node_type), by_id(graph, node_type)
        assert all(torch.equal(new[key], old[key]) for key in old)
    old_edges, new_edges = edges(trained), edges(graph)
    assert old_edges.items() <= new_edges.items()
    assert len(new_edges) == len(old_edges) + 1


@pytest.mark.parametrize("form", FORMS)
def test_what_is_new_counts_as_other_or_missing_and_is_told_once(form: str, tmp_path: Path) -> None:
    rows = shop(form)
    trained = load_dataset(save(form, tmp_path / "shop", rows)).graph
    source = save(form, tmp_path / "shop2", later(form, rows))
    for _ in range(2):  # The second time from the cache.
        dataset = load_graph(source, encoders=trained.encoders)
        lines = notes(dataset.info)
        for column in ("city", "job", "words", "how"):
            assert lines.count(f"column {column!r}: 1 of ") == 1
        assert ("column 'tags'" in lines) == (form in LISTS)
        assert "'Lima'; they count as other" in lines
        assert "'seen'" not in lines
    names = trained.encoders["user"]["names"]
    eve = dict(zip(names, by_id(dataset.graph, "user")["eve"].tolist(), strict=True))
    ones = {"age (missing)", "city (other)", "job (other)", "level=1", "words (other)", "words=a"}
    assert all(eve[name] == 1 for name in ones)
    assert eve["age"] == trained_median(trained)
    assert eve["joined elapsed"] > 20  # far beyond the range
    assert any(eve[f"about[{i}]"] for i in range(16))
    assert [eve[f"seen {f}(hour)"] for f in ("sin", "cos")] == [0, 0]
    if form in LISTS:
        assert eve["vector[1]"] == 1.0  # the mean of all
        assert eve["tags (other)"] == eve["tags=x"] == 1
    new = max(edges(dataset.graph).items(), key=lambda entry: entry[0][2])
    assert new[0][0] == "eve"
    assert new[1][0] == 9
    assert new[1][2:] == [1, 0, 0, 1, 0]  # no stars; neither card nor cash


def trained_median(graph: HeteroGraph) -> float:
    """What the user without an age got."""
    return float(by_id(graph, "user")["u3"][graph.encoders["user"]["names"].index("age")])


def test_without_encoders_new_rows_would_change_old_nodes(tmp_path: Path) -> None:
    rows = shop("csv")
    trained = load_dataset(save("csv", tmp_path / "shop", rows)).graph
    dataset = load_graph(save("csv", tmp_path / "shop2", later("csv", rows)))
    assert not torch.equal(by_id(dataset.graph, "user")["u1"], by_id(trained, "user")["u1"])
    lines = notes(dataset.info)
    assert "user: age, money, grown" in lines
    assert "item: kind encoded anew" in lines
    assert lines.count("encoded anew") == 3  # The reverse of a relation is no type of its own.


# ------------------------------------------------------------------------ columns of tables


def test_all_missing_columns_of_all_tables_are_named_at_once(tmp_path: Path) -> None:
    rows = shop("csv")
    trained = load_dataset(save("csv", tmp_path / "shop", rows)).graph
    poor = without(without(rows, "user", "age", "city", "tier"), "buys", "how")
    source = save("csv", tmp_path / "shop2", poor)
    with pytest.raises(DataError) as caught:
        load_graph(source, encoders=trained.encoders)
    message = str(caught.value)
    assert "user.csv) has no columns 'age', 'city', which its encoders read; add them" in message
    assert "buys.csv) has no column 'how', which its encoders read; add it (an" in message
    assert " Known: day, dst, src, stars, weight." in message
    assert "2 problems" in message


def test_the_encoders_say_what_is_read_whatever_is_declared(tmp_path: Path) -> None:
    nodes = tmp_path / "shop" / "nodes"
    nodes.mkdir(parents=True)
    (nodes / "user.csv").write_text("id,features,age\n1,5,20\n2,7,30\n3,9,40\n")
    trained = load_dataset(f"tables:{tmp_path / 'shop'}").graph
    (nodes.parent / "tables.yaml").write_text(
        "nodes: {user: {file: nodes/user.csv, features: [age]}}"
    )
    dataset = load_graph(f"tables:{nodes.parent}", encoders=trained.encoders)
    assert torch.equal(dataset.graph.features["user"], trained.features["user"])
    assert notes(dataset.info) == (
        "table 'user': age not read as features, as the trained graph had no such features; it "
        "had features"
    )
    (nodes.parent / "tables.yaml").write_text(
        "nodes: {user: {file: nodes/user.csv, category: age}}"
    )
    again = load_graph(f"tables:{nodes.parent}", encoders=trained.encoders)
    assert again.graph.schema == trained.schema
    assert "age not read" in notes(again.info)
    (nodes.parent / "tables.yaml").write_text("nodes: {user: nodes/user.csv}")
    bare = load_graph(f"tables:{nodes.parent}", encoders=trained.encoders)
    assert torch.equal(bare.graph.features["user"], trained.features["user"])


def test_damaged_encoders_are_told(tmp_path: Path) -> None:
    source = save("csv", tmp_path / "shop", shop("csv"))
    for state in ({}, {"layout": "dense", "dtype": "float32", "columns": [{"column": "age"}]}):
        with pytest.raises(FileFormatError, match="a saved encoder of columns is damaged"):
            load_graph(source, encoders={"user": state})


def test_empty_tables_stand_for_types_that_are_not_there(tmp_path: Path) -> None:
    rows = shop("csv")
    trained = load_dataset(save("csv", tmp_path / "shop", rows)).graph
    source = save("csv", tmp_path / "shop2", rows)
    for name in ("item", "buys"):
        path = tmp_path / "shop2" / f"{name}.csv"
        path.write_text(path.read_text().splitlines()[0] + "\n")
    graph = load_graph(source, encoders=trained.encoders).graph
    assert graph.num_nodes["item"] == graph.num_edges == 0
    assert schema_differences(trained.schema, graph.schema) == []
    old = by_id(trained, "user")
    assert all(torch.equal(values, old[key]) for key, values in by_id(graph, "user").items())


def test_a_new_text_among_whole_numbers_keeps_the_old_nodes(tmp_path: Path) -> None:
    """One id with a letter makes texts of all ids of a text file; stand-ins know the nodes."""
    folder = tmp_path / "shop"
    (folder / "nodes").mkdir(parents=True)
    (folder / "edges").mkdir()
    (folder / "nodes" / "user.csv").write_text("id\n7\n8\n9\n")
    (folder / "edges" / "user__knows__user.csv").write_text("src,dst\n7,8\n8,9\n")
    trained = apply_standins(load_dataset(f"tables:{folder}").graph, "random:4")
    (folder / "nodes" / "user.csv").write_text("id\nx\n7\n8\n9\n")
    dataset = load_graph(f"tables:{folder}", encoders=trained.encoders)
    assert dataset.graph.ids["user"].to_pylist() == ["x", "7", "8", "9"]
    graph = encode_standins(dataset.graph, trained.standins)
    assert torch.equal(graph.features["user"][1:], trained.features["user"])


# -------------------------------------------------------------------- targets and options


def test_links_that_training_holds_out_stay_edges(tmp_path: Path) -> None:
    rows = shop("csv")
    source = save("csv", tmp_path / "shop", rows)
    path = tmp_path / "shop" / "tables.yaml"
    declared = json.loads(path.read_text())
    del declared["labels"]
    links = {"bought": {"edge": ["user", "buys", "item"], "split": "time"}}
    path.write_text(json.dumps(declared | {"links": links}))
    trained = load_dataset(source)
    whole = load_graph(source, encoders=trained.graph.encoders)
    assert trained.graph.relation("buys").num_edges < 20
    assert whole.graph.relation("buys").num_edges == 20
    assert whole.graph.relation("rev_buys").num_edges == 20
    assert "held out" not in notes(whole.info)
    by_name = load_graph(source, encoders=trained.graph.encoders, target="bought")
    assert by_name.graph.content_hash == whole.graph.content_hash


def test_splits_may_be_declared_where_their_target_is_not(tmp_path: Path) -> None:
    rows = shop("csv")
    source = save("csv", tmp_path / "shop", rows)
    path = tmp_path / "shop" / "tables.yaml"
    declared = json.loads(path.read_text())
    del declared["labels"]
    path.write_text(json.dumps(declared | {"splits": {"default": "split"}, "task": "few-shot"}))
    with pytest.raises(ConfigError, match="splits are declared, but no target"):
        load_dataset(source)
    dataset = load_graph(source)
    assert dataset.graph.num_nodes["user"] == 12
    assert not dataset.task


def test_targets_and_splits_that_are_wrong_are_not_read(tmp_path: Path) -> None:
    rows = shop("csv")
    trained = load_dataset(save("csv", tmp_path / "shop", rows)).graph
    rows["user"] = [{**row, "split": "whatever"} for row in rows["user"]]
    source = save("csv", tmp_path / "shop2", rows)
    with pytest.raises(UserError, match="whatever"):
        load_dataset(source)
    assert load_graph(source, encoders=trained.encoders).graph.schema == trained.schema


def test_declared_standins_are_left_to_those_that_were_fitted(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    (folder / "edges").mkdir(parents=True)
    (folder / "edges" / "user__knows__user.csv").write_text("src,dst\n7,8\n8,9\n")
    (folder / "tables.yaml").write_text(
        "nodes: {user: null}\nstandins: random\n"
        "edges: [{type: [user, knows, user], file: edges/user__knows__user.csv}]\n"
    )
    source = f"tables:{folder}"
    assert load_dataset(source).graph.standins
    assert not load_graph(source).graph.standins
    assert not load_graph(source).graph.features
    with pytest.raises(ConfigError, match=r"standins are not chosen .* Leave the option out"):
        load_graph(source, standins="random")
    assert load_graph(source, standins=None).graph.num_edges == 4
    with pytest.raises(ConfigError, match="no option 'tagret'"):
        load_graph(source, tagret="x")


def test_texts_are_computed_as_for_training(tmp_path: Path) -> None:
    folder = tmp_path / "shop" / "nodes"
    folder.mkdir(parents=True)
    (folder / "user.csv").write_text("id,features,text\n1,5,red tea\n2,7,green tea\n")
    source = f"tables:{folder.parent}"
    trained = load_dataset(source, text="hash:8").graph
    (folder / "user.csv").write_text("id,features,text\n1,5,red tea\n2,7,green tea\n3,90,mug\n")
    graph = load_graph(source, text="hash:8", encoders=trained.encoders).graph
    assert not torch.equal(graph.features["user"][:2], trained.features["user"])
    graph = encode_standins(graph, {"user": keep_computed(trained, "user")})
    assert torch.equal(graph.features["user"][:2], trained.features["user"])
    assert schema_differences(trained.schema, graph.schema) == []


def test_data_sets_and_other_formats_are_read_as_always() -> None:
    options = {"num_nodes": 300, "seed": 3}
    graph = load_graph("synthetic/academic", encoders={"x": {}}, target="churn", **options).graph
    assert graph.content_hash == load_dataset("synthetic/academic", **options).graph.content_hash


def test_the_cache_knows_the_encoders(tmp_path: Path) -> None:
    rows = shop("csv")
    source = save("csv", tmp_path / "shop", rows)
    other = {**rows, "user": [{**row, "age": 3 * i} for i, row in enumerate(rows["user"])]}
    encoders = [
        load_dataset(text).graph.encoders
        for text in (source, save("csv", tmp_path / "other", other))
    ]
    read = [load_graph(source, encoders=given).graph for given in (*encoders, encoders[0])]
    assert read[0].content_hash == read[2].content_hash != read[1].content_hash
    assert read[0].encoders == encoders[0]
    assert load_dataset(source).targets
    path = tmp_path / "shop" / "user.csv"
    path.write_text(path.read_text().replace("u3,", "u33,", 1))
    buys = tmp_path / "shop" / "buys.csv"
    buys.write_text(buys.read_text().replace("u3,", "u33,"))
    assert "u33" in load_graph(source, encoders=encoders[0]).graph.ids["user"].to_pylist()
