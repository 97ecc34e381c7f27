"""Answers as files: whole or not at all, readable by others, in batches."""

from __future__ import annotations

import csv
import datetime
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hetgraph.errors import ConfigError, DataError
from hetgraph.files import OutputError
from hetgraph.io.answers import answers_writer, check_answers_path, write_answers

ODD = ['say "hi"', "a,b", "two\nlines", "", None, "=1+1", "ü"]
ROWS = len(ODD)


def table() -> pa.Table:
    vectors = pa.array([[float(i), 0.1 * i] for i in range(ROWS)], pa.list_(pa.float32(), 2))
    days = [datetime.date(2024, 1, i + 1) for i in range(ROWS)]
    return pa.table(
        {
            "id": pa.array(ODD, pa.string()),
            "node": pa.array(range(ROWS), pa.int64()),
            "class": pa.array(["x", "y"] * 3 + ["x"]).dictionary_encode(),
            "probability": pa.array([0.1] * (ROWS - 1) + [None], pa.float32()),
            "vector": vectors,
            "day": days,
        }
    )


def test_parquet_is_the_same_table(tmp_path: Path) -> None:
    write_answers(table(), tmp_path / "p.parquet")
    assert pq.read_table(tmp_path / "p.parquet").equals(table())


def test_csv_spreads_lists_and_quotes_what_needs_it(tmp_path: Path) -> None:
    write_answers(table(), tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = ["id", "node", "class", "probability", "vector_0", "vector_1", "day"]
    assert list(rows[0]) == names
    assert [row["id"] or None for row in rows] == [value or None for value in ODD]
    assert [row["vector_1"] for row in rows[:2]] == ["0", "0.1"]
    assert rows[0]["probability"] == "0.1"
    assert rows[-1]["probability"] == ""
    assert rows[1]["class"] == "y"
    assert rows[1]["day"] == "2024-01-02"
    read = pd.read_csv(tmp_path / "p.csv", keep_default_na=False)
    assert read["node"].tolist() == list(range(ROWS))


def test_json_lines_are_whole_objects(tmp_path: Path) -> None:
    write_answers(table(), tmp_path / "p.jsonl")
    lines = (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["id"] for row in rows] == ODD
    assert rows[1]["vector"] == [1.0, 0.1]
    assert rows[0]["probability"] == 0.1
    assert rows[-1]["probability"] is None
    assert rows[2]["day"] == "2024-01-03"
    assert "ü" in lines[-1]


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_a_table_without_rows_has_its_header(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"p{ending}"
    write_answers(table().slice(0, 0), path)
    text = path.read_bytes().decode(errors="ignore")
    if ending == ".parquet":
        assert pq.read_table(path).schema == table().schema
    else:
        header = '"id","node","class","probability","vector_0","vector_1","day"\n'
        assert text == (header if ending == ".csv" else "")


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_batches_give_the_same_file_as_the_table(ending: str, tmp_path: Path) -> None:
    whole, parts = tmp_path / f"whole{ending}", tmp_path / f"parts{ending}"
    write_answers(table(), whole)
    with answers_writer(parts, table().schema) as writer:
        for start in range(0, ROWS, 2):
            writer.write(table().slice(start, 2))
        assert not parts.exists()
    if ending == ".parquet":
        assert pq.read_table(parts).equals(pq.read_table(whole))
        assert pq.ParquetFile(parts).num_row_groups == 4  # One batch is in memory at a time.
    else:
        assert parts.read_bytes() == whole.read_bytes()


def interrupted(path: Path) -> None:
    with answers_writer(path, table().schema) as writer:
        writer.write(table())
        raise KeyboardInterrupt


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_nothing_is_left_half_written(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"p{ending}"
    path.write_text("older answers")
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "older answers"


def test_lists_of_any_size_become_one_text(tmp_path: Path) -> None:
    names = pa.table({"id": [1, 2, 3, 4], "names": [["a"], ["b", "c"], None, []]})
    write_answers(names, tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == '"id","names"\n1,"a"\n2,"b|c"\n3,\n4,""\n'
    write_answers(names, tmp_path / "p.jsonl")
    assert json.loads((tmp_path / "p.jsonl").read_text().splitlines()[2])["names"] is None
    numbers = pa.table({"of": pa.array([[0.1, None], [2.0]], pa.list_(pa.float32()))})
    write_answers(numbers, tmp_path / "q.csv")
    assert (tmp_path / "q.csv").read_text() == '"of"\n"0.1|"\n"2.0"\n'


def test_missing_lists_of_a_fixed_size_leave_cells_empty(tmp_path: Path) -> None:
    vectors = pa.array([[1.0, 2.0], None, [3.0, None]], pa.list_(pa.float32(), 2))
    write_answers(pa.table({"v": vectors}), tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == '"v_0","v_1"\n1,2\n,\n3,\n'


def test_lists_of_numbers_with_missing_ones_are_json_lines(tmp_path: Path) -> None:
    kinds = (pa.list_(pa.float32()), pa.list_(pa.float32(), 2))
    for kind in kinds:
        lists = pa.table({"vector": pa.array([[0.1, 0.2], None, [0.3, None]], kind)})
        write_answers(lists.slice(1), tmp_path / "p.jsonl")
        rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
        assert rows[0] == {"vector": None}
        assert rows[1]["vector"] == [pytest.approx(0.3), None]
    full = pa.table({"vector": pa.array([[0.5], [0.1, 0.2], [0.3]], kinds[0])})
    write_answers(full.slice(1), tmp_path / "p.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert rows == [{"vector": [0.1, 0.2]}, {"vector": [0.3]}]


def test_what_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    def opened(name: str, kind: pa.DataType, other: str = "id") -> None:
        schema = pa.schema({"vector": kind, other: pa.int64()})
        with answers_writer(tmp_path / name, schema):
            raise AssertionError("it must not begin")

    with pytest.raises(ConfigError, match=r"'.xlsx' is unknown; expected one of .parquet, .csv"):
        opened("p.xlsx", pa.int64())
    with pytest.raises(ConfigError, match="which a CSV file cannot"):
        opened("p.csv", pa.list_(pa.struct({"a": pa.int64()})))
    with pytest.raises(ConfigError, match=r"which a CSV file cannot; write .parquet or"):
        opened("p.csv", pa.struct({"a": pa.int64()}))
    with pytest.raises(ConfigError, match="which a CSV file cannot"):
        opened("p.csv", pa.list_(pa.list_(pa.int64()), 2))
    with pytest.raises(ConfigError, match="two columns 'vector_1'"):
        opened("p.csv", pa.list_(pa.int64(), 2), "vector_1")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a part of the path is a file"):
        write_answers(table(), tmp_path / "file" / "p.csv")
    with pytest.raises(ConfigError, match="the ending '' is unknown"):
        check_answers_path("answers")
    assert not list(tmp_path.glob("p*"))


def test_all_batches_have_one_schema(tmp_path: Path) -> None:
    schema = pa.schema({"id": pa.int64()})
    with (
        pytest.raises(DataError, match=r"a batch has the columns id \(string\), .* id \(int64\)"),
        answers_writer(tmp_path / "p.csv", schema) as writer,
    ):
        writer.write(pa.record_batch({"id": ["a"]}))


def test_bytes_are_hexadecimal_digits(tmp_path: Path) -> None:
    keys = pa.table({"id": pa.array([b"\x00\xff", None]), "half": pa.array([0.5, 1], pa.float16())})
    write_answers(keys, tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == '"id","half"\n"00ff",0.5\n,1\n'
    write_answers(keys, tmp_path / "p.jsonl")
    assert json.loads((tmp_path / "p.jsonl").read_text().splitlines()[0])["id"] == "00ff"
