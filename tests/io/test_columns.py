"""Declared columns of tables: encoders on the graph, new tables, and folders that read back."""

from __future__ import annotations

import datetime
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hetgraph.data import CSR, HeteroGraph
from hetgraph.errors import ConfigError, DataError, SchemaError
from hetgraph.features.columns import Column, TableEncoder
from hetgraph.io import EdgeTable, NodeTable, from_tables, load_tables, save_tables, to_tables
from hetgraph.io.declare import columns_of

BUYS = ("user", "buys", "item")
USERS = {
    "id": ["ann", "bob", "eve"],
    "age": [20, None, 40],
    "city": ["Rome", "Oslo", "Rome"],
    "joined": [datetime.date(2020, 1, 1), datetime.date(2021, 7, 1), None],
}
EDGES = {
    "src": ["ann", "eve", "ann"],
    "dst": ["p", "p", "q"],
    "stars": [1, 3, 5],
    "how": ["a", "b", "a"],
}


def shop(
    users: dict[str, Any] = USERS, edges: dict[str, Any] = EDGES, **options: Any
) -> HeteroGraph:
    return from_tables(
        {
            "user": NodeTable(
                users, features={"age": {"fill": "mean"}, "city": None, "joined": "date"}
            ),
            "item": NodeTable({"id": ["p", "q"], "kind": ["pen", None]}, category="kind"),
        },
        {BUYS: EdgeTable(edges, features=["stars", "how"])},
        **options,
    )


def names(graph: HeteroGraph, key: str) -> list[str]:
    return TableEncoder.from_dict(graph.encoders[key]).names


def test_encoders_are_on_the_graph() -> None:
    graph = shop()
    assert set(graph.encoders) == {"user", "item", "user -buys> item"}
    assert graph.encoders["user"]["names"] == names(graph, "user")
    assert names(graph, "user")[:6] == [
        "age",
        "age (missing)",
        "city=Oslo",
        "city=Rome",
        "city (other)",
        "city (missing)",
    ]
    assert graph.features["user"].shape == (3, 12)
    assert TableEncoder.from_dict(graph.encoders["user"]).describe()[0] == (
        "age: number, 1 of 3 missing → mean 30 + indicator, standard scale"
    )
    assert graph.features["item"].tolist() == [2, 1]
    edges = graph.relation("buys").edge_features
    assert edges is not None
    assert edges.shape == (3, 5)
    assert names(graph, "user -buys> item")[:3] == ["stars", "how=a", "how=b"]


def test_new_tables_are_read_with_the_old_encoders(caplog: pytest.LogCaptureFixture) -> None:
    old = shop()
    users = {
        **USERS,
        "id": ["zoe", "ann", "eve"],
        "age": [40, 20, None],
        "city": ["Lima", "Rome", None],
    }
    edges = {**EDGES, "src": ["zoe"] * 3, "stars": [5, 5, None], "how": ["b", "c", None]}
    with caplog.at_level(logging.WARNING):
        new = shop(users, edges, encoders=old.encoders)
    assert new.encoders == old.encoders
    assert new.schema == old.schema
    assert "column 'city': 1 of 3 values are not among the 2 categories" in caplog.text
    first, again = old.features["user"], new.features["user"]
    assert torch.equal(again[1, :2], first[0, :2])
    assert again[:, :6].tolist()[0] == [first[2, 0].item(), 0, 0, 0, 1, 0]
    assert again[2, :6].tolist() == [0, 1, 0, 0, 0, 1]
    relation = new.relation("buys")
    assert relation.edge_features is not None
    assert sorted(relation.edge_features[:, 1:].tolist()) == [
        [0, 0, 0, 1],
        [0, 0, 1, 0],
        [0, 1, 0, 0],
    ]


def test_the_encoder_says_what_to_read() -> None:
    old = shop()
    new = from_tables(
        {"user": USERS, "item": {"id": ["p"], "kind": ["pen"]}}, {}, encoders=old.encoders
    )
    assert torch.equal(new.features["user"], old.features["user"])
    assert new.features["item"].tolist() == [2]
    assert new.schema.node_types == old.schema.node_types  # code 2 is the largest in both
    table = NodeTable(USERS, features=["age"])
    with pytest.raises(
        ConfigError, match="features age, but its encoder was fitted on age, city, joined"
    ):
        from_tables({"user": table}, {}, encoders=old.encoders)
    with pytest.raises(DataError, match="'user' has encoders of columns, but no table with these"):
        from_tables(
            {"user": None}, {("user", "r", "user"): {"src": [1], "dst": [1]}}, encoders=old.encoders
        )
    with pytest.raises(
        DataError, match="table 'user' has no columns 'age', 'city', 'joined', which"
    ):
        from_tables({"user": {"id": [1]}}, {}, encoders=old.encoders)


def test_a_category_that_no_new_node_has_still_counts() -> None:
    table = {"id": [1, 2], "kind": ["pen", "cup"]}
    old = from_tables({"item": NodeTable(table, category="kind")}, {})
    new = from_tables({"item": {"id": [3], "kind": ["cup"]}}, {}, encoders=old.encoders)
    assert new.features["item"].tolist() == [2]
    assert "names" not in new.encoders["item"]
    assert new.schema.node_types["item"].dim == old.schema.node_types["item"].dim == 4
    assert old.subgraph({"item": torch.tensor([1])}).schema == old.schema


def test_a_text_file_keeps_codes_and_na(tmp_path: Path) -> None:
    path = tmp_path / "n.csv"
    path.write_text("id,zip,land,price\n1,007,NA,5\n2,7,DE,\n3,,DE,NA\n")
    features = {"zip": "onehot", "land": None, "price": None}
    graph = from_tables({"n": NodeTable(path, features=features)}, {})
    assert names(graph, "n") == [
        "zip=007",
        "zip=7",
        "zip (other)",
        "zip (missing)",
        "land=DE",
        "land=NA",
        "land (other)",
        "land (missing)",
        "price",
        "price (missing)",
    ]
    assert graph.features["n"].tolist() == [
        [1, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        [0, 1, 0, 0, 1, 0, 0, 0, 0, 1],
        [0, 0, 0, 1, 1, 0, 0, 0, 0, 1],
    ]


@pytest.mark.parametrize("kind", ["parquet", "pandas", "arrow", "csv"])
def test_every_kind_of_table_gives_the_same_features(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(USERS)
    table: Any = {"pandas": frame, "arrow": pa.table(USERS)}.get(kind)
    if table is None:
        table = tmp_path / f"t.{kind}"
        frame.to_csv(table, index=False) if kind == "csv" else pq.write_table(
            pa.table(USERS), table
        )
    graph = shop(table)
    assert torch.equal(graph.features["user"], shop().features["user"])


def test_every_bad_column_is_told() -> None:
    users = {**USERS, "age": [1.0, float("inf"), 2.0], "joined": ["2020-01-01", "soon", None]}
    with pytest.raises(DataError, match="2 problems") as caught:
        shop(users)
    lines = str(caught.value).splitlines()
    assert lines[1].startswith("table 'user', column 'age', row 1 (from 0): inf is not finite")
    assert lines[2].startswith(
        "table 'user', column 'joined', row 1 (from 0): 'soon' is not a date"
    )


def wide() -> HeteroGraph:
    """Sparse features of nodes, codes that no node has, and features of edges."""
    users = {"id": list(range(90)), "name": [f"u{i}" for i in range(90)], "age": list(range(90))}
    items = {"id": ["p", "q"], "kind": [0, 1]}
    edges = {"src": [3, 5], "dst": ["p", "q"], "stars": [1.0, 4.0]}
    return from_tables(
        {
            "user": NodeTable(users, features={"name": "onehot", "age": {"scale": "robust"}}),
            "item": NodeTable(items, features=[Column("kind", "codes", size=5)]),
        },
        {BUYS: EdgeTable(edges, features=["stars"])},
    )


@pytest.mark.parametrize("graph", [shop(), wide()], ids=["shop", "wide"])
def test_encoded_features_go_to_tables_and_back(graph: HeteroGraph, tmp_path: Path) -> None:
    tables = to_tables(graph)
    rebuilt = from_tables(tables.nodes, tables.edges)
    assert rebuilt.content_hash == graph.content_hash
    save_tables(graph, tmp_path / "parquet")
    assert load_tables(tmp_path / "parquet").graph.content_hash == graph.content_hash
    if not isinstance(graph.features["user"], CSR):
        save_tables(graph, tmp_path / "csv", format="csv")
        assert load_tables(tmp_path / "csv").graph.content_hash == graph.content_hash


def test_a_wide_table_is_sparse() -> None:
    features = wide().features["user"]
    assert isinstance(features, CSR)
    assert features.shape == (90, 93)


def test_encoders_are_saved_with_the_graph(tmp_path: Path) -> None:
    graph = shop(add_reverses=True)
    graph.save(tmp_path / "g")
    loaded = HeteroGraph.load(tmp_path / "g", verify=True)
    assert loaded.encoders == graph.encoders
    assert loaded.schema == graph.schema
    assert graph.encoders["item -rev_buys> user"] == graph.encoders["user -buys> item"]


def test_a_folder_declares_its_columns(tmp_path: Path) -> None:
    pd.DataFrame(USERS).to_csv(tmp_path / "users.csv", index=False)
    (tmp_path / "tables.yaml").write_text(
        "nodes:\n  user:\n    file: users.csv\n    features:\n"
        "      age: {fill: mean, scale: robust}\n      city: onehot\n      joined:\n"
    )
    graph = load_tables(tmp_path).graph
    expected = shop()
    assert names(graph, "user") == names(expected, "user")
    assert torch.equal(graph.features["user"][:, 2:], expected.features["user"][:, 2:])
    assert graph.encoders["user"]["columns"][0]["scaled"] == "robust"


def test_encoders_follow_the_graph() -> None:
    graph = shop(add_reverses=True)
    both = {"user -buys> item", "item -rev_buys> user"}
    assert set(graph.without_relation("buys").encoders) == {"user", "item"}
    assert "user" not in graph.with_features("user", None).encoders
    key = graph.schema.edge_type("buys")
    assert set(graph.with_relation(key, graph.relation("buys")).encoders) == {
        "user",
        "item",
        "item -rev_buys> user",
    }
    assert set(graph.reversed().encoders) == {
        "user",
        "item",
        "item -buys> user",
        "user -rev_buys> item",
    }
    assert both <= set(graph.replace(name="x").encoders)
    with pytest.raises(
        SchemaError, match=r"encoders are given for the unknown type 'usr'. Did you mean"
    ):
        graph.replace(encoders={"usr": {}})


def test_encoders_are_no_content() -> None:
    graph = shop()
    assert graph.replace(encoders={}).content_hash == graph.content_hash


def test_features_of_edges_are_dense() -> None:
    edges = {"src": list(range(90)), "dst": [0] * 90, "how": [f"h{i}" for i in range(90)]}
    for encode, dim in (("embedding", 66), ("onehot", 66), ("hash", 65)):
        table = EdgeTable(edges, features={"how": encode})
        graph = from_tables({"n": 90}, {("n", "r", "n"): table})
        features = graph.relation("r").edge_features
        assert isinstance(features, torch.Tensor)
        assert features.shape == (90, dim)


def test_columns_of_a_table_by_what_they_mean() -> None:
    for features in (["a", Column("b", "hash")], {"a": None, "b": "hash"}):
        read = columns_of(NodeTable({}, id="key", features=features))
        assert read == {"id": ["key"], "features": ["a", "b"]}
