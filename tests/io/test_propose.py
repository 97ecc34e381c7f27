"""Declarations to start from."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hetgraph.errors import UserError
from hetgraph.io import load_tables
from hetgraph.io.folder import FolderStore
from hetgraph.io.propose import propose_tables


def proposed(folder: Path) -> dict[str, object]:
    text = propose_tables(FolderStore(folder))
    (folder / "tables.yaml").write_text(text)
    spec: dict[str, object] = yaml.safe_load(text)
    return spec


def test_a_folder_with_names_that_tell(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "edges").mkdir()
    (tmp_path / "nodes/user.csv").write_text("user_id,age,label\nu1,20,x\nu2,30,y\nu3,40,x\n")
    (tmp_path / "nodes/item.csv").write_text(
        "id,price,about\n1,2.5,this is a long text\n2,3.5,and this is another one\n"
    )
    (tmp_path / "edges/user__buys__item.csv").write_text(
        "who,what,when,stars\nu1,1,2020-01-01,5\nu2,,2020-01-02,4\n"
    )
    spec = proposed(tmp_path)
    assert spec["nodes"] == {
        "item": {"file": "nodes/item.csv", "id": "id", "text": "about", "features": ["price"]},
        "user": {"file": "nodes/user.csv", "id": "user_id", "features": ["age"]},
    }
    assert spec["edges"] == [
        {
            "type": ["user", "buys", "item"],
            "file": "edges/user__buys__item.csv",
            "src": "who",
            "dst": "what",
            "time": "when",
            "features": ["stars"],
            "missing": "skip",
        }
    ]
    assert spec["labels"] == {"user_label": {"node_type": "user", "column": "label"}}
    text = (tmp_path / "tables.yaml").read_text()
    assert "# links: {buys: {edge: [user, buys, item], split: time, valid: 0.1, test: 0.1}}" in text
    assert "# edge_values: {edge: [user, buys, item], column: stars}" in text


def test_a_flat_folder_is_told_apart_by_its_values(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id,age\nu1,20\nu2,30\n")
    (tmp_path / "films.csv").write_text("id,year\nf1,1999\nf2,2001\n")
    (tmp_path / "seen.csv").write_text("user,film,stars\nu1,f1,5\nu1,f2,4\nu2,f1,4\n")
    spec = proposed(tmp_path)
    assert [*spec["nodes"]] == ["films", "users"]  # type: ignore[misc]
    assert spec["edges"] == [
        {
            "type": ["users", "seen", "films"],
            "file": "seen.csv",
            "src": "user",
            "dst": "film",
            "features": ["stars"],
        }
    ]
    graph = load_tables(tmp_path).graph
    assert graph.num_nodes == {"films": 2, "users": 2}
    assert graph.relation("seen").num_edges == 3


def test_tables_with_ids_of_their_own_refer_to_others(tmp_path: Path) -> None:
    write = {
        "users": "id,age,boss,tier\nu1,20,,a\nu2,30,u1,b\nu3,,u1,a\nu4,40,u2,b\n",
        "shops": "shop,city\nLidl,Köln\nAldi,Bonn\n",
        "items": "sku,shop,price\n1,Lidl,2.5\n2,,3.5\n3,Aldi,1.0\n",
        "orders": "order_id,user,item_id,count\n1,u1,1,2\n2,u2,3,1\n3,u1,2,3\n",
    }
    for name, text in write.items():
        (tmp_path / f"{name}.csv").write_text(text)
    spec = proposed(tmp_path)
    assert [*spec["nodes"]] == ["items", "shops", "users"]  # type: ignore[misc]
    items, users, orders = spec["edges"]  # type: ignore[misc]
    assert items == {
        "type": ["items", "shop", "shops"],
        "file": "items.csv",
        "src": "sku",
        "dst": "shop",
        "missing": "skip",
    }
    assert users["type"] == ["users", "boss", "users"]
    assert orders["type"] == ["users", "orders", "items"]
    assert orders["features"] == ["count"]  # 1 to 3 are skus, too
    text = (tmp_path / "tables.yaml").read_text()
    assert "# labels: {tier: {node_type: users, column: tier}}" in text
    assert "# values: {age: {node_type: users, column: age}}" in text
    graph = load_tables(tmp_path).graph
    assert {key.name: graph.relation(key).num_edges for key in graph.relations} == {
        "shop": 2, "rev_shop": 2, "boss": 3, "rev_boss": 3, "orders": 3, "rev_orders": 3
    }  # fmt: skip


def test_separators_and_decimal_commas(tmp_path: Path) -> None:
    (tmp_path / "item.csv").write_text("Nr;Preis;Größe: cm\na;2,50;1\nb;1.003,5;2\n")
    spec = proposed(tmp_path)
    assert spec["nodes"]["item"]["separator"] == ";"  # type: ignore[index]
    text = (tmp_path / "tables.yaml").read_text()
    assert "features: {Preis: decimal-comma}" in text
    assert text.strip().endswith(
        "\n# values: {'Größe: cm': {node_type: item, column: 'Größe: cm'}}"
    )


def test_a_time_with_gaps_is_a_feature_and_a_column_of_the_name_of_its_table(
    tmp_path: Path,
) -> None:
    (tmp_path / "user.csv").write_text("id,age\nu1,20\nu2,30\n")
    (tmp_path / "rating.csv").write_text("who,whom,rating,day\nu1,u2,5,2020-01-01\nu2,u1,5,\n")
    spec = proposed(tmp_path)
    (edge,) = spec["edges"]  # type: ignore[misc]
    assert edge["features"] == ["rating", "day"]
    assert "time" not in edge


def test_a_relation_with_one_row_per_source(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("sku,price\na,2\nb,3\n")
    (tmp_path / "brands.csv").write_text("brand,since\nx,1990\ny,1991\n")
    (tmp_path / "made_by.csv").write_text("item,by\nb,x\na,x\n")
    (edge,) = proposed(tmp_path)["edges"]  # type: ignore[misc]
    assert edge == {
        "type": ["items", "made_by", "brands"], "file": "made_by.csv", "src": "item", "dst": "by"
    }  # fmt: skip


def test_every_table_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no")
    (tmp_path / "b.parquet").write_text("no")
    with pytest.raises(UserError) as caught:
        propose_tables(FolderStore(tmp_path))
    assert "a.parquet" in str(caught.value)
    assert "b.parquet" in str(caught.value)


def test_nothing_to_declare(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no tables to declare"):
        propose_tables(FolderStore(tmp_path))
