"""The user's ids of the nodes that are asked about, however they are written."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hetgraph.data import HeteroGraph
from hetgraph.errors import DataError, FileFormatError, SchemaError
from hetgraph.io import from_tables
from hetgraph.io.lookup import node_numbers, read_ids, read_pairs


@pytest.fixture
def graph() -> HeteroGraph:
    return from_tables(
        {
            "user": {"id": ["ann", "Bob", "007", "12"]},
            "item": {"id": [70, 9, 80]},
            "tag": 4,
            "day": {"id": [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)]},
            "key": {"id": pa.array([b"\x01\xff", b"\x02"])},
        },
        {},
    )


@pytest.mark.parametrize(
    ("node_type", "ids", "expected"),
    [
        ("user", ["007", "ann"], [2, 0]),
        ("user", [12, 12], [3, 3]),
        ("item", ["80", "70"], [2, 0]),
        ("item", [9, 80], [1, 2]),
        ("item", [9.0], [1]),
        ("item", ["9.0"], [1]),
        ("item", np.array([9], dtype=np.int32), [1]),
        ("item", pa.chunked_array([["70"], ["9"]]), [0, 1]),
        ("tag", ["3", "0"], [3, 0]),
        ("tag", [], []),
        ("user", [], []),
        ("day", ["2024-01-02"], [1]),
        ("day", [datetime.date(2024, 1, 1)], [0]),
        ("key", ["01ff", "02"], [0, 1]),
        ("key", [b"\x02"], [1]),
    ],
)
def test_ids_have_the_type_of_the_graph(
    graph: HeteroGraph, node_type: str, ids: Any, expected: list[int]
) -> None:
    numbers = node_numbers(graph, node_type, ids)
    assert numbers.tolist() == expected
    assert str(numbers.dtype) == "torch.int64"


@pytest.mark.parametrize(
    ("node_type", "ids", "message"),
    [
        ("user", ["bob"], "'bob' is not the id of a 'user' node. Did you mean 'Bob'?"),
        ("user", ["ann "], "There is 'ann', which differs by spaces"),
        ("user", ["0012"], "There is '12', which differs by leading zeros"),
        ("user", ["anna"], "'anna' is not the id of a 'user' node. Did you mean 'ann'?"),
        ("user", ["quite else"], "Its 4 ids are such as 'ann', 'Bob', '007'."),
        ("item", ["x", "9", "8", "y"], "3 of 4 ids are not those of 'item' nodes: 'x', '8', 'y'."),
        ("item", ["99"], "Did you mean '9'?"),
        (
            "item",
            [*"abcdefg"],
            "7 of 7 ids are not those of 'item' nodes: 'a', 'b', 'c', 'd', 'e', .... Its 3 ids",
        ),
        ("tag", ["4", "-1"], "2 of 2 ids are not those of 'tag' nodes: '4', '-1'. Nodes of"),
        ("tag", [7], "7 is not the id of a 'tag' node. Nodes of this type have no ids; give "),
        ("item", ["70", None], "ids of 'item': the one at place 1 (from 0) is missing"),
        ("day", ["2024-02-02"], "'2024-02-02' is not the id of a 'day' node"),
        ("user", [["ann"]], "ids of 'user' are list<item: string>; expected a text or a number"),
        ("user", ["ann", 7], "ids of 'user': the ids have no common type"),
    ],
)
def test_unknown_ids_are_told_in_one_message(
    graph: HeteroGraph, node_type: str, ids: Any, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        node_numbers(graph, node_type, ids)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_type_of_nodes_must_exist(graph: HeteroGraph) -> None:
    with pytest.raises(SchemaError, match=r"Did you mean 'user'\?"):
        node_numbers(graph, "usr", ["ann"])


# ---------------------------------------------------------------------------------- files


def test_ids_are_read_from_every_form_of_file(tmp_path: Path, graph: HeteroGraph) -> None:
    files = {
        "a.txt": b"\xef\xbb\xbfann\r\n007\r\n\r\n",
        "b": b"ann\n007",
        "c.csv": b"id,name\nann,x\n007,y\n",
        "d.tsv": b"user\nann\n007\n",
        "e.jsonl": b'{"id": "ann"}\n{"id": "007"}\n',
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    pq.write_table(pa.table({"more": [1, 2], "id": ["ann", "007"]}), tmp_path / "f.parquet")
    for name in (*files, "f.parquet"):
        ids = read_ids(tmp_path / name)
        assert ids.to_pylist() == ["ann", "007"]
        assert node_numbers(graph, "user", ids).tolist() == [0, 2]


def test_files_of_ids_are_checked(tmp_path: Path) -> None:
    def error(name: str, content: bytes, kind: type[Exception] = DataError) -> str:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(kind) as caught:
            read_ids(tmp_path / name)
        return str(caught.value)

    assert "name the one with the ids 'id'" in error("a.csv", b"key,name\n1,2\n")
    assert "row 1 (from 0): the id is missing" in error("b.csv", b"id,x\n1,2\n,3\n")
    assert "has no rows" in error("c.csv", b"id\n")
    assert "holds no ids; expected one per line" in error("d.txt", b"\n \n")
    assert "not a text file in UTF-8" in error("e.txt", b"\xff\xfe\x00", FileFormatError)
    with pytest.raises(FileFormatError, match="no such file"):
        read_ids(tmp_path / "none.txt")


def test_pairs_are_read_with_their_relation(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("dst,src,relation\n007,ann,buys\n9,Bob,views\n")
    src, dst, relation = read_pairs(tmp_path / "a.csv")
    assert src.to_pylist() == ["ann", "Bob"]
    assert dst.to_pylist() == ["007", "9"]
    assert relation is not None
    assert relation.to_pylist() == ["buys", "views"]
    (tmp_path / "b.jsonl").write_text(json.dumps({"src": 1, "dst": 2}))
    assert read_pairs(tmp_path / "b.jsonl")[0].to_pylist() == [1]
    assert read_pairs(tmp_path / "b.jsonl")[2] is None
    for content, message in (
        ("src,to\n1,2\n", "has no column 'dst'"),
        ("src,dst\n1,\n", "column 'dst', row 0 .* the id is missing"),
        ("src,dst,relation\n1,2,\n", "the relation is missing"),
        ("src,dst\n", "has no rows"),
    ):
        (tmp_path / "c.csv").write_text(content)
        with pytest.raises(DataError, match=message):
            read_pairs(tmp_path / "c.csv")
