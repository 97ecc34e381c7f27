"""Tables of every kind and origin: text files of any form, JSON lines, many files, memory."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
import torch

from hetgraph.errors import ConfigError, DataError, FileFormatError, UserError
from hetgraph.io.sources import Source, as_source, table_name, table_paths

ROWS = {"id": [7, 9, 8], "name": ["Tölö", "a|b", None], "x": [0.5, None, 2.0]}


def content(source: Source) -> dict[str, list[Any]]:
    return {name: source.column(name).to_pylist() for name in source.names}


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def refused(path: Path, data: bytes | str, **options: Any) -> str:
    """The message about a text file that cannot be read as a whole."""
    write(path, data)
    with pytest.raises(UserError) as caught:
        content(as_source(path, "table 'user'", **options))
    message = str(caught.value)
    assert "\n" not in message
    assert f"table 'user' ({path})" in message
    return message


# ------------------------------------------------------------------------- text files


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("t.csv", "id,name,x\n7,Tölö,0.5\n9,a|b,\n8,,2.0\n", {}),
        ("t.csv", "\ufeffid,name,x\r\n7,Tölö,0.5\r\n9,a|b,\r\n8,,2.0\r\n", {}),
        ("t.tsv", "id\tname\tx\n7\tTölö\t0.5\n9\ta|b\t\n8\t\t2.0", {}),
        ("t.csv", "id;name;x\n7;Tölö;0.5\n9;a|b;\n8;;2.0\n", {"separator": ";"}),
        ("t.txt", "id\tname\tx\n7\tTölö\t0.5\n9\ta|b\t\n8\t\t2.0\n", {"separator": "\\t"}),
        ("t.dat", "id::name::x\r\n7::Tölö::0.5\r\n9::a|b::\r\n8::::2.0\r\n", {"separator": "::"}),
        ("t.edges", "id name x\n7 Tölö 0.5\n9 a|b \n8  2.0\n", {"separator": " "}),
        ("t.dat", "7::Tölö::.5\n9::a|b::\n8::::2\n", {"separator": "::", "columns": [*ROWS]}),
        ("t.csv", "\ufeff7,Tölö,.5\n9,a|b,\n8,,2\n", {"columns": [*ROWS]}),
        ("t.csv", "id§name§x\n7§Tölö§0.5\n9§a|b§\n8§§2.0\n", {"separator": "§"}),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_one_table_in_many_dialects(
    name: str, text: str, options: dict[str, Any], packed: bool, tmp_path: Path
) -> None:
    data = gzip.compress(text.encode()) if packed else text.encode()
    path = write(tmp_path / (f"{name}.gz" if packed else name), data)
    source = as_source(path, "t", **options)
    assert content(source) == ROWS
    assert source.num_rows == 3
    assert source.written("id").to_pylist() == ["7", "9", "8"]


def test_quotes_enclose_separators_and_line_ends_of_one_character_only(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", 'id,name\n1,"a, ""b""\nc"\n2,""\n')
    assert content(as_source(path, "t"))["name"] == ['a, "b"\nc', ""]
    path = write(tmp_path / "t.dat", 'id::name\n1::"a\n2::b"\n')
    assert content(as_source(path, "t", separator="::"))["name"] == ['"a', 'b"']


def test_a_long_separator_avoids_control_characters_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "t.dat", b"id::name\n1::a\x1fb\n")
    assert content(as_source(path, "t", separator="::")) == {"id": [1], "name": ["a\x1fb"]}
    every = bytes(range(1, 9)) + bytes(range(0x1C, 0x20))
    path = write(tmp_path / "t.dat", b"id::name\n1::" + every + b"\n")
    with pytest.raises(FileFormatError, match="contains control characters"):
        as_source(path, "t", separator="::")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the file is empty; expected a line with the names"),
        (b"\n\n", "the file is empty"),
        (
            b"id,x\n1,2\n3\n4,5,6\n",
            "2 rows (counted from 0) of another number of fields than the 2 of the header: row 1 "
            "has 1 ('3'), row 2 has 3 ('4,5,6')",
        ),
        (b"id,x\n1\n", "1 row (counted from 0)"),
        (b"id,x\n1,a\n2,caf\xe9\n", "line 3 (from 1) holds the byte 0xe9, which is not UTF-8"),
        (b"id,caf\xe9\n1,2\n", "line 1 (from 1) holds the byte 0xe9"),
        (b"id,x\n1,a\n2,\xe4\xb8", "line 3 (from 1) holds the byte 0xe4"),
        ("id,x\n1,2\n".encode("utf-16"), "iconv -f UTF-16 -t UTF-8 t.csv"),
        (b"id;x\n1;2\n", None),
    ],
)
def test_a_bad_text_file_names_row_and_cure(
    data: bytes, expected: str | None, tmp_path: Path
) -> None:
    if expected is None:
        source = as_source(write(tmp_path / "t.csv", data), "t")
        with pytest.raises(DataError, match="declare separator: ';'"):
            source.column("id")
    else:
        assert expected in refused(tmp_path / "t.csv", data)


def test_the_line_of_a_byte_far_inside_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hetgraph.io.sources.text._BLOCK_BYTES", 7)
    text = "id,x\n" + "1,äöü€\n" * 20
    assert content(as_source(write(tmp_path / "t.csv", text), "t"))["x"] == ["äöü€"] * 20
    message = refused(tmp_path / "t.csv", text.encode() + b"2,caf\xe9\n3,b\n")
    assert "line 22 (from 1) holds the byte 0xe9" in message


def test_bad_options_of_text_files(tmp_path: Path) -> None:
    message = refused(tmp_path / "t.dat", "1::2::3\n")
    assert "declare separator, and columns if the file has no header" in message
    assert "seems to be separated by '::'" in message
    path = tmp_path / "t.csv"
    assert "cannot separate fields" in refused(path, "id\n1\n", separator='"')
    assert "lists 'a' twice" in refused(path, "1,2\n", columns=["a", "a"])
    assert "rows have 3 fields, but columns names 2" in refused(path, "1,2,3\n", columns=["a", "b"])
    assert "first line is these names; drop" in refused(path, "a,b\n1,2\n", columns=["a", "b"])
    pq.write_table(pa.table({"id": [1]}), tmp_path / "t.parquet")
    with pytest.raises(ConfigError, match="separator is for text files only"):
        as_source(tmp_path / "t.parquet", "t", separator=",")
    with pytest.raises(ConfigError, match="columns is for text files only"):
        as_source({"id": [1]}, "t", columns=["id"])


def test_a_truncated_archive_is_one_clear_line(tmp_path: Path) -> None:
    data = gzip.compress(b"id,x\n" + b"1,2\n" * 10_000)
    assert "is damaged or not a .csv.gz file" in refused(tmp_path / "t.csv.gz", data[:40])


@pytest.mark.parametrize(
    "table", [b"id,x,id\n1,2,3\n", pd.DataFrame([[1, 2, 3]], columns=[*"axa"])]
)
def test_a_name_of_two_columns_is_refused_when_it_is_read(table: Any, tmp_path: Path) -> None:
    is_file = isinstance(table, bytes)
    source = as_source(write(tmp_path / "t.csv", table) if is_file else table, "t")
    assert source.column("x").to_pylist() == [2]
    name = "id" if is_file else "a"
    for read in (source.column, source.written):
        with pytest.raises(DataError, match=f"2 columns named '{name}' .columns 1 and 3,"):
            read(name)


def test_na_is_a_word_among_words_and_missing_among_numbers(tmp_path: Path) -> None:
    text = "word,number,flag,all,empty\nNA,NA,NA,NA,\nnull,2,true,nan,\n,,,,\nb,3,false,null,\n"
    source = as_source(write(tmp_path / "t.csv", text), "t")
    words = {name: source.words(name).to_pylist() for name in source.names}
    assert words["word"] == ["NA", "null", None, "b"]
    assert words["number"] == [None, 2, None, 3]
    assert words["flag"] == ["NA", "true", None, "false"]
    assert words["all"] == ["NA", "nan", None, "null"]
    assert words["empty"] == [None] * 4
    assert source.column("word").to_pylist() == [None, None, None, "b"]


# ------------------------------------------------------------------------------- JSON


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.jsonl.gz"])
def test_json_lines(name: str, tmp_path: Path) -> None:
    keys = [*ROWS]
    rows = [dict(zip(keys, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]
    text = "\n\n".join(json.dumps({k: v for k, v in row.items() if v is not None}) for row in rows)
    data = gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
    source = as_source(write(tmp_path / name, data), "t")
    assert content(source) == ROWS
    assert not source.is_text_file
    assert source.written("id").to_pylist() == [7, 9, 8]


def test_ids_in_json_stay_exact(tmp_path: Path) -> None:
    text = '{"id": 9223372036854775809, "day": "2020-01-01"}\n{"id": 1, "day": "2020-01-02"}\n'
    source = as_source(write(tmp_path / "t.jsonl", text), "t")
    assert source.written("id").to_pylist() == [2**63 + 1, 1]
    assert source.written("day").to_pylist() == ["2020-01-01", "2020-01-02"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the file is empty"),
        (b'[{"id": 1}]', "cannot be read as one JSON object per line"),
        (b'{"id": 1}\n{"id": "a"}', "/id) changed from number to string"),
        (b'{"id": 1}\n{"id": 2', "cannot be read as one JSON object per line"),
        (b'{"id": 1}\n{"id": "caf\xe9"}'.replace(b"1", b'"a"'), "line 2 (from 1) holds the byte"),
    ],
)
def test_bad_json_is_one_clear_line(data: bytes, expected: str, tmp_path: Path) -> None:
    assert expected in refused(tmp_path / "t.jsonl", data)


# ------------------------------------------------------------------- many files as one


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A folder of two Parquet files, beside files that are no tables."""
    folder = tmp_path / "user"
    folder.mkdir()
    pq.write_table(pa.table({"id": [1, 2], "x": [1, 2]}), folder / "part-0.parquet")
    pq.write_table(pa.table({"x": [0.5], "id": [3]}), folder / "part-1.parquet")
    for name in ("_SUCCESS", ".part-0.parquet.crc", "_metadata.parquet"):
        (folder / name).write_text("")
    return folder


@pytest.mark.parametrize("how", ["folder", "glob", "list"])
def test_many_files_are_one_table(how: str, parts: Path) -> None:
    files = [parts / "part-0.parquet", str(parts / "part-1.parquet")]
    source = as_source({"folder": parts, "glob": f"{parts}/p*.parquet", "list": files}[how], "t")
    assert content(source) == {"id": [1, 2, 3], "x": [1.0, 2.0, 0.5]}
    assert source.num_rows == 3


def test_text_files_as_one_table_agree_on_a_type(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "id,x,y,z\n007,1,,NA\n")
    write(tmp_path / "b.csv", "id,x,y,z\n8,b,2.5,u\n")
    source = as_source(tmp_path, "t")
    assert source.is_text_file
    assert source.written("id").to_pylist() == ["007", "8"]
    assert content(source)["x"] == ["1", "b"]
    assert content(source)["y"] == [None, 2.5]
    assert source.words("z").to_pylist() == ["NA", "u"]


def test_files_that_do_not_fit_together(parts: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"]}), parts / "part-2.parquet")
    source = as_source(parts, "table 'user'")
    with pytest.raises(
        DataError, match=r"differs between the files: int64 .*part-1.* large_string"
    ):
        source.column("id")
    with pytest.raises(DataError, match=r"part-2.parquet\) has no column 'x'"):
        source.column("x")
    write(parts / "more.csv", "id\n1\n")
    with pytest.raises(FileFormatError, match=r"end in \.csv and \.parquet; keep one kind"):
        as_source(parts, "t")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileFormatError, match="no table in this folder"):
        as_source(tmp_path / "empty", "t")
    with pytest.raises(FileFormatError, match="no table of this pattern"):
        as_source(tmp_path / "*.parquet", "t")


def test_names_of_tables_are_paths_without_endings(parts: Path) -> None:
    named = {"a.csv": "a", "a.b.tsv.gz": "a.b", "c.NDJSON": "c", "notes.txt": None, ".a.csv": None}
    assert {name: table_name(Path(name)) for name in named} == named
    assert table_name(parts) == "user"
    assert table_name(parts.parent) is None
    assert [path.name for path in table_paths(parts)] == ["part-0.parquet", "part-1.parquet"]


# ----------------------------------------------------------------------------- memory


def test_arrow_tables_batches_and_data_sets(parts: Path) -> None:
    table = pa.table({"id": [1, 2]})
    for given in (table, table.to_batches()[0], table.to_reader(), pads.dataset(table)):
        assert content(as_source(given, "t")) == {"id": [1, 2]}
    assert content(as_source(pads.dataset(parts / "part-0.parquet"), "t"))["x"] == [1, 2]


def test_a_header_with_another_separator_and_rows_with_commas(tmp_path: Path) -> None:
    message = refused(tmp_path / "t.csv", "id;price\n1;2,50\n2;3,50\n")
    assert "a single field, 'id;price', and rows of more" in message
    assert message.endswith("declare separator: ';'.")


def test_lists_of_polars_texts() -> None:
    pl = pytest.importorskip("polars")
    words = [["a", "b"], [], None]
    column = as_source(pl.DataFrame({"words": words}), "t").column("words")
    assert column.to_pylist() == words
    assert column.type == pa.large_list(pa.large_string())


def test_columns_of_torch() -> None:
    source = as_source({"id": torch.arange(2), "x": torch.eye(2)}, "t")
    assert content(source) == {"id": [0, 1], "x": [[1.0, 0.0], [0.0, 1.0]]}


def test_polars_frames() -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(ROWS).with_columns(kind=pl.Series(["a", "b", "a"], dtype=pl.Categorical))
    expected = ROWS | {"kind": ["a", "b", "a"]}
    for given in (frame, frame.lazy()):
        source = as_source(given, "t")
        assert content(source) == expected
        assert pa.types.is_large_string(source.column("kind").type)


def test_duckdb_relations() -> None:
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.sql("select * from (values (7, 'Tölö'), (9, 'b')) t(id, name)")
    assert content(as_source(relation, "t")) == {"id": [7, 9], "name": ["Tölö", "b"]}


def test_integers_from_2_to_the_63_on() -> None:
    for given in (
        [2**63, 1],
        np.array([2**63, 1], dtype=np.uint64),
        pd.Series([2**63, 1], dtype=object),
    ):
        for table in ({"id": given}, pd.DataFrame({"id": given})):
            assert as_source(table, "t").column("id").to_pylist() == [2**63, 1]
    for table in ({"id": [2**64, 1]}, pd.DataFrame({"id": [2**64, 1]})):
        with pytest.raises(DataError, match="more than 64 bits; convert the column to text"):
            as_source(table, "t").column("id")
