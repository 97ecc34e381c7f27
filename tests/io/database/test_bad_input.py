"""Mistakes are one clear line each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hetgraph.errors import ConfigError, DataError, FileFormatError, UserError
from hetgraph.io import from_database

SQLite = Callable[..., Path]
Stored = Callable[[str], Path]


BAD: list[tuple[Any, type[UserError], str]] = [
    ({"nodes": {"u": {"file": "usr", "id": "id"}}}, DataError, "no table 'usr'.*mean 'user'"),
    ({"nodes": {"u": {"file": "user", "id": "ident"}}}, DataError, "no column 'ident'"),
    ({"nodes": {"u": {"file": "user", "id": "id|ag"}}}, DataError, "'ag'. Did you mean 'age'"),
    ({"nodes": {"u": {"file": "user", "ids": "id"}}}, ConfigError, "Did you mean 'id'"),
    ({"nodes": {"u": {"file": "SELECT nix FROM user", "id": "nix"}}}, DataError, "no such column"),
    ({"nodes": {"u": {"file": "user", "id": "city"}}}, DataError, "occurs"),
    ([1], ConfigError, "expected|must hold"),
    ("nowhere.yaml", FileFormatError, "nowhere.yaml does not exist"),
    ({"nodes": {"user": {"file": "user", "id": "id"}, "item": {"file": "item", "id": "sku"}},
      "edges": [{"type": ["user", "x", "item"], "file": "rating", "src": "user_id",
                 "dst": "stars"}]}, DataError, "ids of 'item' are"),
]  # fmt: skip


def test_messages_name_the_file_of_the_declaration(stored: Stored) -> None:
    path = stored("sqlite")
    text = "nodes: {user: {file: user, id: id}}\nlabels: {node_type: usr, column: city}\n"
    path.with_suffix(".yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"^{path.stem}.yaml: labels: node_type 'usr' has no"):
        from_database(path)


def test_a_sqlite_file_is_no_duckdb_file(stored: Stored) -> None:
    pytest.importorskip("duckdb")
    path = stored("sqlite")
    with pytest.raises(FileFormatError, match=r"is a SQLite file; write sqlite:.*\."):
        from_database(f"duckdb:///{path}")


@pytest.mark.parametrize(("declaration", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_declarations(
    declaration: Any, error: type[UserError], message: str, stored: Stored, tmp_path: Path
) -> None:
    path = stored("sqlite")
    if isinstance(declaration, list):
        declaration = tmp_path / "list.yaml"
        declaration.write_text("[1]")
    with pytest.raises(error, match=message):
        from_database(path, declaration=declaration)


def test_dangling_keys_are_counted(sqlite: SQLite) -> None:
    path = sqlite("""
        CREATE TABLE user (id INTEGER PRIMARY KEY);
        CREATE TABLE buy (id INTEGER PRIMARY KEY, user_id REFERENCES user);
        INSERT INTO user VALUES (1);
        INSERT INTO buy VALUES (1, 1), (2, NULL), (3, 99), (4, 98);
    """)
    with pytest.raises(DataError, match=r"2 rows hold ids that are not 'user' nodes: 99 in row"):
        from_database(path)


def test_bad_files(tmp_path: Path, stored: Stored) -> None:
    text = tmp_path / "notes.db"
    text.write_text("hello, this is no database at all")
    empty = tmp_path / "empty.db"
    empty.touch()
    (tmp_path / "nothing").mkdir()
    cut = tmp_path / "cut.db"
    whole = stored("sqlite").read_bytes()
    cut.write_bytes(whole[: len(whole) // 3])
    duck = tmp_path / "cut.duckdb"
    duck.write_bytes(stored("duckdb").read_bytes()[:5000])
    shutil.copytree(stored("parquet"), tmp_path / "broken")
    (tmp_path / "broken" / "user.parquet").write_bytes(b"PAR1 no")
    cases: list[tuple[Any, type[UserError], str]] = [
        (text, FileFormatError, "neither a SQLite nor a DuckDB file"),
        (f"sqlite:{text}", FileFormatError, "is not a SQLite file"),
        (f"duckdb:{text}", FileFormatError, "cannot be read by DuckDB"),
        (f"sqlite:{empty}", DataError, "has no tables"),
        (tmp_path / "nothing", FileFormatError, "has no Parquet files"),
        (tmp_path / "nowhere.db", FileFormatError, "does not exist"),
        ("postgresql://me@host/db", ConfigError, "kind 'postgresql' are not read"),
        (f"sqlite:{tmp_path}", FileFormatError, "is a folder"),
        (f"parquet:{text}", FileFormatError, "expected a folder"),
        (cut, FileFormatError, "damaged or not a SQLite file"),
        (duck, FileFormatError, "cannot be read by DuckDB"),
        (tmp_path / "broken", FileFormatError, "the table 'user' is damaged"),
    ]
    for source, error, message in cases:
        with pytest.raises(error, match=message) as caught:
            from_database(source)
        assert "\n" not in str(caught.value)


def test_files_of_one_table_must_agree(tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()
    pq.write_table(pa.table({"id": [1]}), tmp_path / "user" / "a.parquet")
    pq.write_table(pa.table({"key": [2]}), tmp_path / "user" / "b.parquet")
    with pytest.raises(FileFormatError, match="files of one table have the same columns"):
        from_database(tmp_path)
    pq.write_table(pa.table({"id": [2]}), tmp_path / "user.parquet")
    with pytest.raises(FileFormatError, match="rename one"):
        from_database(tmp_path)
