from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from hetgraph.data import EdgeType
from hetgraph.errors import DataError
from hetgraph.io import database_proposal, from_database

SQLite = Callable[..., Path]


def edges(path: Path, **options: Any) -> dict[str, dict[str, Any]]:
    declaration = database_proposal(path, **options).declaration
    return {" ".join(entry.pop("type")): entry for entry in declaration["edges"]}


def test_the_shop_is_proposed_from_its_keys(stored: Callable[[str], Path]) -> None:
    proposal = database_proposal(stored("sqlite"))
    assert yaml.safe_load(str(proposal)) == proposal.declaration
    assert proposal.notes == ()
    nodes = proposal.declaration["nodes"]
    assert nodes["user"] == {
        "file": "user", "id": "id", "time": "joined",
        "features": ["age", "income", "joined", "city"],
    }  # fmt: skip
    assert nodes["item"]["text"] == "title"
    assert {" ".join(entry["type"]) for entry in proposal.declaration["edges"]} == {
        "order line item",
        "order user user",
        "user rating item",
    }


def test_the_forms_are_proposed_alike(stored: Callable[[str], Path]) -> None:
    proposals = [database_proposal(stored(form)) for form in ("sqlite", "duckdb", "parquet")]
    assert proposals[0].declaration == proposals[1].declaration == proposals[2].declaration
    assert proposals[0].notes == proposals[1].notes
    guesses = [note for note in proposals[2].notes if "taken for" in note]
    assert len(guesses) == 3 + 5  # every key is guessed, and told
    assert "100 % of 9 different values are keys" in "".join(guesses)


def test_nothing_is_guessed_where_that_is_not_wanted(stored: Callable[[str], Path]) -> None:
    path = stored("parquet")
    proposal = database_proposal(path, guess=False)
    assert proposal.declaration["edges"] == []
    assert all(entry["id"] is None for entry in proposal.declaration["nodes"].values())
    assert sum("has no primary key" in note for note in proposal.notes) == 5
    assert from_database(path, guess=False).graph.num_nodes["user"] == 9


def test_relations_are_named_after_their_keys(sqlite: SQLite) -> None:
    path = sqlite("""
        CREATE TABLE person (id INTEGER PRIMARY KEY, parent_id REFERENCES person,
            friend REFERENCES person, friend_id REFERENCES person);
        CREATE TABLE marriage (a REFERENCES person, b REFERENCES person, year INTEGER);
        INSERT INTO person VALUES (1, NULL, 2, 3), (2, 1, NULL, 3), (3, 1, 1, NULL);
        INSERT INTO marriage VALUES (2, 3, 1999);
    """)
    assert list(edges(path)) == [
        "person marriage person",
        "person parent person",
        "person friend person",
        "person friend_id person",
    ]
    graph = from_database(path).graph
    src, dst = graph.relation(EdgeType("person", "parent", "person")).edges()
    assert list(zip(src.tolist(), dst.tolist(), strict=True)) == [(1, 0), (2, 0)]
    assert graph.relation("marriage").feature_dim == 1


def test_a_time_that_is_missing_in_some_rows_is_not_that_of_the_edges(sqlite: SQLite) -> None:
    path = sqlite("""
        CREATE TABLE user (id INTEGER PRIMARY KEY);
        CREATE TABLE follows (a REFERENCES user, b REFERENCES user, since DATE, n INTEGER);
        INSERT INTO user VALUES (1), (2);
        INSERT INTO follows VALUES (1, 2, '2020-01-01', 3), (2, 1, NULL, 4);
    """)
    assert "time" not in edges(path)["user follows user"]
    (note,) = database_proposal(path).notes
    assert note.startswith("follows.since is not read as the time of the edges: it is missing in 1")
    relation = from_database(path).graph.relation("follows")
    assert relation.num_edges == 2
    assert relation.edge_time is None


def test_a_table_that_others_refer_to_is_a_node_type(sqlite: SQLite) -> None:
    path = sqlite("""
        CREATE TABLE a (id INTEGER PRIMARY KEY);
        CREATE TABLE b (id INTEGER PRIMARY KEY);
        CREATE TABLE ab (id INTEGER PRIMARY KEY, a_id REFERENCES a, b_id REFERENCES b);
        CREATE TABLE note (id INTEGER PRIMARY KEY, ab_id REFERENCES ab);
        CREATE TABLE abc (a_id REFERENCES a, b_id REFERENCES b, c_id REFERENCES note);
        CREATE TABLE lone (a_id REFERENCES a);
    """)
    assert list(edges(path)) == [
        "ab a a", "ab b b", "abc a a", "abc b b", "abc c note", "lone a a", "note ab ab",
    ]  # fmt: skip


def test_tables_that_refer_to_each_other_in_a_circle(sqlite: SQLite) -> None:
    path = sqlite("""
        CREATE TABLE hen (id INTEGER PRIMARY KEY, from_egg REFERENCES egg);
        CREATE TABLE egg (id INTEGER PRIMARY KEY, laid_by REFERENCES hen);
        INSERT INTO hen VALUES (1, NULL), (2, 7);
        INSERT INTO egg VALUES (7, 1);
    """)
    graph = from_database(path).graph
    assert graph.relation("from_egg").num_edges == graph.relation("laid_by").num_edges == 1


def test_keys_of_several_columns_are_joined(sqlite: SQLite) -> None:
    path = sqlite("""
        CREATE TABLE line (bill TEXT, number INTEGER, PRIMARY KEY (bill, number));
        CREATE TABLE refund (id INTEGER PRIMARY KEY, bill TEXT, number INTEGER,
            FOREIGN KEY (bill, number) REFERENCES line (bill, number));
        INSERT INTO line VALUES ('a|1', 2), ('a', 12), ('a', 1);
        INSERT INTO refund VALUES (1, 'a', 12), (2, 'a|1', 2), (3, NULL, 1);
    """)
    graph = from_database(path).graph
    assert graph.ids["line"].to_pylist() == ["a\\|1|2", "a|12", "a|1"]
    assert graph.relation("bill|number").edges()[1].tolist() == [0, 1]
    assert graph.relation("bill|number").edges()[0].tolist() == [1, 0]


def test_keys_that_refer_to_another_unique_column(sqlite: SQLite) -> None:
    ddl = """
        CREATE TABLE user (id INTEGER PRIMARY KEY, mail TEXT UNIQUE);
        CREATE TABLE mail (id INTEGER PRIMARY KEY, sender REFERENCES user (mail));
        INSERT INTO user VALUES (1, 'a@x'), (2, 'b@x');
        INSERT INTO mail VALUES (1, 'b@x');
    """
    assert from_database(sqlite(ddl)).graph.ids["user"].to_pylist() == ["a@x", "b@x"]
    both = ddl + "CREATE TABLE login (user_id REFERENCES user (id), day TEXT);"
    notes = " ".join(database_proposal(sqlite(both, "both.db")).notes)
    assert "mail (sender) is not read: it refers to mail of user, whose ids are id" in notes


def test_rows_without_a_key_are_numbered(sqlite: SQLite) -> None:
    path = sqlite("""
        CREATE TABLE user (id INTEGER PRIMARY KEY);
        CREATE TABLE visit (user_id REFERENCES user, seconds INTEGER);
        INSERT INTO user VALUES (5), (6);
        INSERT INTO visit VALUES (6, 10), (NULL, 20), (5, 30);
    """)
    dataset = from_database(path)
    assert "visit has no primary key" in " ".join(dataset.info["notes"])
    assert "visit" not in dataset.graph.ids
    src, dst = dataset.graph.relation("user").edges()
    assert (src.tolist(), dst.tolist()) == ([2, 0], [0, 1])


def test_columns_are_recognised(sqlite: SQLite) -> None:
    path = sqlite("""
        CREATE TABLE film (id INTEGER PRIMARY KEY, title TEXT, length INTEGER, gap REAL,
            seen BOOLEAN, created_at TEXT, label TEXT, split TEXT, note TEXT, raw BLOB,
            empty REAL);
        INSERT INTO film VALUES (1, 'x', 90, NULL, 1, '2020-01-01 10:00', 'a', 'train', 'n', x'00',
            NULL);
        INSERT INTO film VALUES (2, 'y', 80, 0.5, 0, '2020-01-02', 'b', 'test', 'm', NULL, NULL);
    """)
    proposal = database_proposal(path)
    assert proposal.declaration["nodes"]["film"] == {
        "file": "film", "id": "id", "time": "created_at", "text": "title",
        "features": ["length", "gap", "seen"],
    }  # fmt: skip
    assert proposal.declaration["labels"] == {"node_type": "film", "column": "label"}
    assert proposal.declaration["splits"] == {"default": "split"}
    assert proposal.notes == ("film: columns not read: note, raw, empty.",)
    dataset = from_database(path)
    assert dataset.graph.schema.node_types["film"].kind == "dense"
    assert dataset.labels is not None
    assert dataset.splits["default"].test.tolist() == [1]


def test_two_tables_with_labels_are_told(sqlite: SQLite) -> None:
    proposal = database_proposal(
        sqlite("""
        CREATE TABLE a (id INTEGER PRIMARY KEY, label TEXT);
        CREATE TABLE b (id INTEGER PRIMARY KEY, label TEXT);
    """)
    )
    assert proposal.declaration["labels"]["node_type"] == "a"
    assert "b.label is not a target, as a has one" in " ".join(proposal.notes)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    def write(**tables: dict[str, list[Any]]) -> Path:
        path = tmp_path / "folder"
        path.mkdir()
        for name, columns in tables.items():
            pq.write_table(pa.table(columns), path / f"{name}.parquet")
        return path

    return write


def test_guessed_keys_need_name_and_values(folder: Callable[..., Path]) -> None:
    words = [f"w{i}" for i in range(12)]
    path = folder(
        users={"id": [1, 2, 3]},
        categories={"category_id": ["x", "y"]},
        word={"word": words},
        item={
            "id": [1, 2, 3, 4],
            "user_id": [1, 2, 3, None],
            "categoryId": ["x", "x", "y", "y"],
            "old_users_id": [7, 8, 9, 10],  # the name fits, the values do not
            "amount": [1, 2, 3, 3],  # the values fit, the name does not
            "parent_id": [None, 1, 1, 2],
            "manager": [50, 60, 70, 80],
        },
        use={"id": range(13), "what": [*words, "w0"], "few": ["w1"] * 13},
    )
    proposal = database_proposal(path)
    assert list(edges(path)) == [
        "item user users",
        "item category categories",
        "item parent item",
        "use what word",
    ]
    notes = " ".join(proposal.notes)
    assert "use.what is taken for a foreign key to word: all of 12 different values" in notes


def test_values_that_are_mostly_keys_are_proposed_and_then_reported(
    folder: Callable[..., Path],
) -> None:
    users = list(range(100))
    path = folder(user={"id": users}, buy={"user_id": [*users, 777, 888], "x": range(102)})
    assert list(edges(path)) == ["buy user user"]
    with pytest.raises(DataError, match=r"2 rows hold ids that are not 'user' nodes: 777"):
        from_database(path)


def test_columns_with_the_same_values_in_two_tables_are_not_guessed(
    folder: Callable[..., Path],
) -> None:
    words = [f"w{i}" for i in range(12)]
    path = folder(a={"id": words}, b={"id": words}, c={"x": words})
    assert list(edges(path)) == []


def test_many_files_are_one_table(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    (path / "user").mkdir(parents=True)
    for number, ids in enumerate(([3, 4], [1, 2])):
        pq.write_table(pa.table({"id": ids}), path / "user" / f"part-{number}.parquet")
    assert from_database(path).graph.ids["user"].to_pylist() == [3, 4, 1, 2]
