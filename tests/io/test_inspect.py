"""The report on tables: every mistake, or what of each table is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hetgraph.io.folder import FolderStore
from hetgraph.io.inspect import inspect_store

DECLARED = """
nodes:
  user: {file: nodes/user.csv, id: key, text: about}
  item: {file: nodes/item.csv}
  brand: null
edges:
  - {type: [user, buys, item], file: buys.csv, time: day, weight: amount}
  - {type: [item, of, brand], file: of.csv}
labels: {node_type: user, column: tier, split: stratified, valid: 0.2, test: 0.2}
links: {buys: {edge: [user, buys, item], split: time}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "nodes").mkdir()
    users = [f"u{i},nice,{'ab'[i % 2]},0" for i in range(10)]
    (tmp_path / "nodes/user.csv").write_text("\n".join(["key,about,tier,phone", *users]))
    (tmp_path / "nodes/item.csv").write_text("id\ni0\ni1\n")
    buys = [f"u{i},i{i % 2},{i},2.5" for i in range(10)]
    (tmp_path / "buys.csv").write_text("\n".join(["src,dst,day,amount", *buys]))
    (tmp_path / "of.csv").write_text("src,dst\ni0,acme\n")
    (tmp_path / "tables.yaml").write_text(DECLARED)
    return tmp_path


def test_a_column_that_another_entry_of_the_file_reads_is_read(shop: Path) -> None:
    (shop / "nodes/item.csv").write_text("id,brand,note\ni0,acme,x\ni1,acme,y\n")
    (shop / "tables.yaml").write_text(
        DECLARED.replace("file: of.csv", "file: nodes/item.csv, src: id, dst: brand")
    )
    tables = inspect_store(FolderStore(shop), "tables:shop").sections["tables"]
    assert [line for line in tables if "not read" in line] == [
        "  not read: phone",
        "  not read: note",
    ]


def test_what_is_read_of_each_table_and_what_is_not(shop: Path) -> None:
    report = inspect_store(FolderStore(shop), "tables:shop")
    assert report.problems == ()
    assert report.sections["tables"] == (
        "user: 10 rows; ids in 'key'",
        "  text: about",
        "  targets and splits: tier",
        "  not read: phone",
        "item: 2 rows; ids in 'id'",
        "brand: no table; its ids are collected from the edges",
        "(user -buys> item): 10 rows; ends in 'src' and 'dst'",
        "  weight: amount",
        "  time: day",
        "(item -of> brand): 1 rows; ends in 'src' and 'dst'",
    )
    assert report.sections["nodes"][0] == "user: 10 nodes; texts, no other features"
    assert (
        "(user -buys> item): 10 edges; weights; times; reverse rev_buys"
        in (report.sections["relations"])
    )
    assert report.sections["targets"] == (
        "labels (labels, the default): for node-classification; of user; classes 2; labelled 10; "
        "a 5, b 5",
        "  split stratified-60-20-20: train 6, valid 2, test 2",
    )
    assert len(report.sections["left out"]) == 1
    assert report.to_dict()["problems"] == []
    assert "nodes" in report.lines()


def test_each_column_is_told_with_its_encoder(shop: Path) -> None:
    path = shop / "tables.yaml"
    declared = "features: {phone: {scale: none}, about: onehot}"
    text = path.read_text().replace("text: about", declared)
    path.write_text(text.replace("weight: amount", "features: amount"))
    lines = inspect_store(FolderStore(shop), "tables:shop").sections["tables"]
    assert lines[1:4] == (
        "  features: phone, about",
        "    phone: number, not scaled",
        "    about: one-hot of 1 category",
    )
    assert "    amount: number, standard scale" in lines


def test_the_target_that_is_asked_for_is_the_default(shop: Path) -> None:
    report = inspect_store(FolderStore(shop), "tables:shop", target="buys")
    assert report.sections["targets"][0] == (
        "buys (links, the default): for link-prediction; valid 1; test 1"
    )


def test_twenty_mistakes_are_twenty_lines(shop: Path) -> None:
    text = """
nodes:
  user: {file: nodes/user.csv, id: key, features: [agee, income, height], text: about}
  item: {file: nodes/item.csv}
  shelf: {file: nodes/shelf.csv}
  shop: {file: nodes/shop.csv, id: nr}
  city: -5
  brand: null
edges:
  - {type: [user, buys, item], file: buys.csv, src: whoo}
  - {type: [user, likes, item], file: likes.csv, weight: w, time: day}
  - {type: [item, of, brnd], file: of.csv}
  - {type: [user, at, shop], file: at.csv}
labels:
  tier: {node_type: user, column: teir}
  kind: {node_type: itm, column: kind}
  part: {node_type: user, column: about, split: tier}
  far: {node_type: user, column: tier, split: random, valid: 2}
values: {node_type: user, column: phone}
edge_values: {edge: [user, hates, item], column: stars}
edge_labels: {edge: [user, likes, item], column: w, file: none.csv}
links: {buys: {edge: [user, likes, item]}}
hyperedges:
  groups: {file: groups.csv}
"""
    (shop / "tables.yaml").write_text(text)
    users = "key,about,tier,phone,income,height\nu0,a,x,none,1,inf\nu0,b,x,no,many,2\n,c,y,no,3,4\n"
    (shop / "nodes/user.csv").write_text(users)
    (shop / "nodes/item.csv").write_text("id\ni0\n\n")
    (shop / "nodes/shop.csv").write_text("nr\n1\n2\n2\n")
    (shop / "likes.csv").write_text("src,dst,w,day\nu0,i9,a,2\nux,i0,1,x\n")
    (shop / "at.csv").write_text("src,dst\nu0,7\n")
    before = sorted(path for path in shop.rglob("*"))
    report = inspect_store(FolderStore(shop), "tables:shop")
    expected = [
        "'agee'. Known",
        "the id is missing",
        "shelf.csv",
        "'nr': the id 2 occurs twice",
        "-5 nodes",
        "'whoo'",
        "'i9' is not",
        "'ux' is not",
        "column 'w'",
        "column 'day'",
        "'brnd'",
        "'brand' has neither",
        "'7' is not",
        "'teir'",
        "'itm' has no table",
        "column 'tier' holds 'x'",
        "valid is 2",
        "column 'phone'",
        "['user', 'hates', 'item'] has no table",
        "none.csv",
        "names neither a column nor a split",
        "groups.csv",
    ]
    missing = [part for part in expected if not any(part in line for line in report.problems)]
    assert not missing, "\n".join(report.problems)
    assert len(report.problems) >= 20
    assert len(set(report.problems)) == len(report.problems)
    assert sorted(path for path in shop.rglob("*")) == before


def test_a_folder_without_tables(tmp_path: Path) -> None:
    report = inspect_store(FolderStore(tmp_path), "tables:x")
    assert len(report.problems) == 1
    assert "has no tables" in report.problems[0]
