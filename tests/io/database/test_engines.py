"""Bad input, odd names, types, and that nothing is ever written."""

from __future__ import annotations

import datetime
import multiprocessing
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hetgraph.errors import ConfigError, DataError
from hetgraph.io import database_proposal, from_database
from hetgraph.io.database import engine_sqlite
from hetgraph.io.database.store import DatabaseStore

SQLite = Callable[..., Path]
Stored = Callable[[str], Path]
FORMS = ("sqlite", "duckdb", "parquet")
ODD = ('a "b" c', "drop table x;--", "ünï 'cødé'", "select", "a.b")


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_database_is_never_written_to(form: str, stored: Stored, tmp_path: Path) -> None:
    path = stored(form)
    before = listing(tmp_path)
    from_database(path)
    from_database(path, target='SELECT user_id, placed, total FROM "order" WHERE user_id > 0')
    assert listing(tmp_path) == before


def test_a_read_only_folder_and_a_log_of_writes(sqlite: SQLite) -> None:
    path = sqlite("PRAGMA journal_mode = WAL; CREATE TABLE a (id INTEGER PRIMARY KEY, x REAL);"
                  "INSERT INTO a VALUES (1, 2.0);")  # fmt: skip
    before = listing(path.parent)
    assert list(before) == [str(path)]
    assert from_database(path).graph.num_nodes["a"] == 1
    assert listing(path.parent) == before  # no -wal and -shm beside it
    writer = sqlite3.connect(path)
    writer.execute("INSERT INTO a VALUES (2, 3.0)")
    writer.commit()  # into the log, which is not in the file yet
    assert from_database(path).graph.num_nodes["a"] == 2
    with DatabaseStore.open(path) as store:
        assert [file.name for file in store.files()] == ["some.db", "some.db-wal"]
    writer.close()


def test_all_columns_are_of_one_state_of_the_database(sqlite: SQLite) -> None:
    path = sqlite("PRAGMA journal_mode = WAL; CREATE TABLE a (id INTEGER PRIMARY KEY, x REAL);"
                  "INSERT INTO a VALUES (1, 2.0);")  # fmt: skip
    writer = sqlite3.connect(path)
    writer.execute("INSERT INTO a VALUES (2, 3.0)")
    writer.commit()
    with DatabaseStore.open(path) as store:
        assert len(store.engine.read("a", "id")) == 2
        writer.execute("INSERT INTO a VALUES (3, 4.0)")
        writer.commit()
        assert len(store.engine.read("a", "x")) == 2
    writer.close()


def test_a_locked_file(sqlite: SQLite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_sqlite, "_SECONDS", 0.01)
    path = sqlite("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DataError, match="is locked by another program that writes"):
        from_database(path)
    writer.close()


def _hold(path: str, ready: Any, done: Any) -> None:
    import duckdb

    connection = duckdb.connect(path)
    ready.set()
    done.wait(60)
    connection.close()


def test_a_duckdb_file_that_another_program_writes(stored: Stored) -> None:
    path = stored("duckdb")
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(path), ready, done))
    other.start()
    try:
        assert ready.wait(60)
        with pytest.raises(DataError, match="open in another program"):
            from_database(path)
    finally:
        done.set()
        other.join()


def test_a_duckdb_file_that_this_program_writes(stored: Stored) -> None:
    import duckdb

    path = stored("duckdb")
    connection = duckdb.connect(str(path))
    with pytest.raises(ConfigError, match="already open in this process"):
        from_database(path)
    connection.close()
    assert from_database(path).graph.num_nodes["user"] == 9


def test_without_duckdb_sqlite_and_parquet_are_read(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {form: stored(form) for form in FORMS}
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    hashes = {from_database(paths[form]).graph.content_hash for form in ("sqlite", "parquet")}
    assert len(hashes) == 1
    with pytest.raises(ConfigError, match=r"pip install 'hetgraph\[database\]'"):
        from_database(paths["duckdb"])
    with pytest.raises(ConfigError, match=r"pip install 'hetgraph\[database\]'"):
        from_database(paths["parquet"], target="SELECT id, age FROM user")


@pytest.mark.parametrize("form", FORMS)
def test_odd_names(form: str, tmp_path: Path) -> None:
    columns = {"id": [1, 2], **{name: [1.5, 2.5] for name in ODD}, "other": [2, 1]}
    path = tmp_path / ("some" if form == "parquet" else f"some {form}'\"#?.db")
    quoted = ", ".join(f"{quote(name)} DOUBLE" for name in ODD)
    ddl = "; ".join(
        f"CREATE TABLE {quote(name)} (id INTEGER PRIMARY KEY, {quoted}, "
        f"other INTEGER REFERENCES {quote(name)}(id))"
        for name in ODD
    )
    marks = ", ".join("?" * (len(ODD) + 2))
    rows = list(zip(*columns.values(), strict=True))
    if form == "parquet":
        path.mkdir()
        for name in ODD:
            pq.write_table(pa.table(columns), path / f"{name}.parquet")
    elif form == "sqlite":
        connection = sqlite3.connect(path)
        connection.executescript(ddl)
        for name in ODD:
            connection.executemany(f"INSERT INTO {quote(name)} VALUES ({marks})", rows)
        connection.commit()
        connection.close()
    else:
        import duckdb

        connection = duckdb.connect(str(path))
        connection.execute(ddl)
        for name in ODD:
            for row in rows:
                connection.execute(f"INSERT INTO {quote(name)} VALUES ({marks})", (*row[:-1], None))
        connection.close()
    dataset = from_database(path)
    assert set(dataset.graph.num_nodes) == set(ODD)
    for name in ODD:
        features = dataset.graph.features[name]
        assert isinstance(features, torch.Tensor)
        assert features.shape[1] >= len(ODD)
        assert bool((features[0, : len(ODD)] < features[1, : len(ODD)]).all())
    if form == "sqlite":
        assert dataset.graph.relation((ODD[0], "other", ODD[0])).edges()[0].tolist() == [1, 0]


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_other_schemas_views_and_types_of_duckdb(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "x.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute("CREATE SCHEMA old")
    connection.execute("""
        CREATE TABLE old.user (id UUID PRIMARY KEY, mood ENUM ('a', 'b'), big HUGEINT,
            price DECIMAL(8, 2), seen TIMESTAMPTZ, days DATE, tags VARCHAR[], ok BOOLEAN)""")
    connection.execute("""
        INSERT INTO old.user VALUES ('00000000-0000-0000-0000-000000000001', 'b', 5, 2.25,
            '2024-01-01 12:00:00+02', '2024-01-02', ['x'], true)""")
    connection.execute("CREATE VIEW rich AS SELECT * FROM old.user WHERE price > 1")
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    connection.execute(f"CREATE VIEW thief AS SELECT * FROM read_csv('{tmp_path}/secret.csv')")
    connection.close()
    with pytest.raises(DataError, match="no table 'thief'"):  # No file but this one is read.
        from_database(path, declaration={"nodes": {"x": {"file": "thief", "id": "a"}}})
    with pytest.raises(DataError, match=r"query .* fails"):
        from_database(path, target={"query": "SELECT * FROM thief"})
    entry = database_proposal(path).declaration["nodes"]["old.user"]
    assert entry["features"] == ["big", "price", "seen", "ok"]
    assert entry["time"] == "seen"
    graph = from_database(path).graph
    assert graph.ids["old.user"].to_pylist() == ["00000000-0000-0000-0000-000000000001"]
    declared = {"nodes": {"rich": {"file": "rich", "id": "id", "features": ["price"]}}}
    assert from_database(path, declaration=declared).graph.num_nodes["rich"] == 1
    with DatabaseStore.open(path) as store:
        source = store.source({"file": "old.user"}, "user")
        assert source.column("seen").to_pylist() == [datetime.datetime(2024, 1, 1, 10)]
        assert source.column("price").to_pylist() == [2.25]
        assert source.column("big").to_pylist() == [5]
        assert source.column("mood").to_pylist() == ["b"]
        assert source.column("days").to_pylist() == [datetime.date(2024, 1, 2)]


def test_types_of_sqlite(sqlite: SQLite) -> None:
    path = sqlite("""
        CREATE TABLE t (id INTEGER PRIMARY KEY, i INT, r REAL, d DECIMAL(10, 2), n NUMERIC,
            b BOOLEAN, day DATE, at TIMESTAMP, text TEXT, any, mixed, empty TEXT, year DATE);
        INSERT INTO t VALUES (1, 5, 1, 3, 4, 1, '2024-01-01', '2024-01-01', '007', 1, 1, NULL,
            1999);
        INSERT INTO t VALUES (2, NULL, 2.5, 3.5, 5, 0, NULL, '2024-01-02 03:04:05.5', 'x', 2.5, 'a',
            NULL, 2000);
    """)
    with DatabaseStore.open(path) as store:
        source = store.source({"file": "t"}, "t")
        types = {name: str(source.column(name).type) for name in source.names if name != "mixed"}
        assert types == {
            "id": "int64", "i": "int64", "r": "double", "d": "double", "n": "int64", "b": "bool",
            "day": "date32[day]", "at": "timestamp[us]", "text": "large_string", "any": "double",
            "empty": "null", "year": "int64",
        }  # fmt: skip
        assert source.column("text").to_pylist() == ["007", "x"]
        assert source.column("_row").to_pylist() == [0, 1]
        with pytest.raises(DataError, match=r"row 1 .*'a' is str, but row 0 holds 1, int"):
            source.column("mixed")


def test_blocks_of_rows_fit_together(sqlite: SQLite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_sqlite, "_ROWS", 2)
    path = sqlite("""
        CREATE TABLE t (id INTEGER PRIMARY KEY, x, bad, none);
        INSERT INTO t VALUES (1, NULL, 1, NULL), (2, NULL, 2, NULL), (3, 1, 3, NULL),
            (4, 2, 4, NULL), (5, 2.5, 'a', NULL);
    """)
    with DatabaseStore.open(path) as store:
        source = store.source({"file": "t"}, "t")
        assert source.column("x").to_pylist() == [None, None, 1.0, 2.0, 2.5]
        assert source.column("none").null_count == 5
        with pytest.raises(DataError, match="int64 and string"):
            source.column("bad")
        table = store.engine.query("SELECT id, x FROM t WHERE id < 5")
        assert table["x"].to_pylist() == [None, None, 1, 2]


def test_tables_without_rowid_views_and_case(sqlite: SQLite) -> None:
    path = sqlite("""
        CREATE TABLE word (w TEXT PRIMARY KEY, rowid INTEGER) WITHOUT ROWID;
        INSERT INTO word VALUES ('b', 1), ('a', 2);
        CREATE TABLE Use (id INTEGER PRIMARY KEY, Word_W TEXT REFERENCES WORD(W), rowid INTEGER);
        INSERT INTO Use VALUES (1, 'b', 3);
        CREATE VIEW many AS SELECT id FROM Use;
        CREATE VIEW broken AS SELECT id FROM gone;
    """)
    graph = from_database(path).graph
    assert graph.ids["word"].to_pylist() == ["a", "b"]
    assert graph.relation("Word_W").edges()[1].tolist() == [1]
    declared = {"nodes": {"many": {"file": "many", "id": "id"}}}
    assert from_database(path, declaration=declared).graph.num_nodes["many"] == 1


def test_a_key_that_is_no_rowid_still_orders_the_rows(sqlite: SQLite) -> None:
    path = sqlite("""
        CREATE TABLE t (id INT PRIMARY KEY, x REAL);
        INSERT INTO t VALUES (3, 30), (1, 10), (2, 20);
    """)
    with DatabaseStore.open(path) as store:
        source = store.source({"file": "t"}, "t")
        assert source.column("id").to_pylist() == [1, 2, 3]
        assert source.column("x").to_pylist() == [10, 20, 30]


def test_a_sqlite_file_is_opened_for_reading_only(sqlite: SQLite) -> None:
    path = sqlite("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    with DatabaseStore.open(path) as store:
        connection = store.engine._connection  # type: ignore[attr-defined]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("INSERT INTO a VALUES (1)")
        connection.execute("PRAGMA query_only = OFF")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("INSERT INTO a VALUES (1)")
