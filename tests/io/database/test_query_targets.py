from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph.errors import ConfigError, DataError, UserError
from hetgraph.io import from_database
from hetgraph.io.database.loading import database_task
from hetgraph.io.database.store import DatabaseStore

FORMS = ("sqlite", "duckdb", "parquet")
Stored = Callable[[str], Path]

SPENDING = """
SELECT user_id, placed AS timestamp, sum(total) AS spent
FROM "order" WHERE user_id IS NOT NULL GROUP BY user_id, placed
"""


@pytest.mark.parametrize("form", FORMS)
def test_a_query_is_a_target_and_cuts_the_graph(form: str, stored: Stored) -> None:
    dataset = from_database(stored(form), target=SPENDING)
    values, graph = dataset.values, dataset.graph
    assert values is not None
    assert dataset.task == "node-regression"
    assert len(dataset.info["snapshots"]) == 11
    assert dataset.info["snapshots"][0] == "2024-01-01"
    ids = graph.ids["user"].to_pylist()
    assert ids[int(values.index[0])] == "1 @ 2024-01-01"
    assert float(values.target[0]) == 0.0
    assert list(dataset.splits) == ["time-60-20-20"]
    split = dataset.splits["time-60-20-20"]
    assert split.valid is not None
    days = [{ids[n].partition(" @ ")[2] for n in part} for part in
            (split.train.tolist(), split.valid.tolist(), split.test.tolist())]  # fmt: skip
    assert max(days[0]) < min(days[1])
    assert max(days[1]) < min(days[2])
    times = graph.relation("rating").edge_time
    assert times is not None
    assert int(times.max()) > 10**15  # microseconds


def test_the_forms_give_equal_data_sets(stored: Stored) -> None:
    digests = {from_database(stored(form), target=SPENDING).sha256 for form in FORMS}
    assert len(digests) == 1


def test_moments_and_columns_split(stored: Stored) -> None:
    path = stored("sqlite")
    dataset = from_database(
        path, target={"query": SPENDING, "valid": "2024-01-15", "test": "2024-01-19"}
    )
    ids = dataset.graph.ids["user"].to_pylist()
    split = dataset.splits["time"]
    assert split.valid is not None
    days = [ids[int(n)].partition(" @ ")[2] for n in split.valid]
    assert set(days) == {"2024-01-15", "2024-01-17"}
    assert {ids[int(n)].partition(" @ ")[2] for n in split.test} >= {"2024-01-19"}
    given = SPENDING.replace(
        "AS spent", "AS spent, CASE WHEN placed < '2024-01-15' THEN 'train' ELSE 'test' END AS part"
    )
    dataset = from_database(path, target={"query": given, "split": "part"})
    assert dataset.splits["part"].train.numel() == 6
    random = from_database(path, target={"query": SPENDING, "split": "random", "test": 0.3})
    assert list(random.splits) == ["random-50-20-30"]


def test_windows_round_down(stored: Stored) -> None:
    target = {"query": SPENDING, "window": "7 days", "split": "random"}
    dataset = from_database(stored("sqlite"), target=target)
    assert dataset.info["snapshots"] == ["2023-12-28", "2024-01-04", "2024-01-11", "2024-01-18"]
    (note,) = [note for note in dataset.info["notes"] if "left out" in note]
    assert "2 of 11 rows are about a 'user' that is later" in note  # nobody is there in 2023


def test_a_query_without_times_does_not_cut(stored: Stored) -> None:
    path = stored("sqlite")
    query = 'SELECT user_id, sum(total) > 60 AS big FROM "order" WHERE user_id > 0 GROUP BY user_id'
    dataset = from_database(path, target=query)
    labels = dataset.labels
    assert labels is not None
    assert dataset.graph.content_hash == from_database(path).graph.content_hash
    assert labels.index.numel() == 8
    assert dataset.family == "node-classification"
    order = {user: position for position, user in enumerate(range(1, 28, 3))}
    assert int(labels.target[(labels.index == order[25]).nonzero()[0, 0]]) == 1  # 87.5 and more


def test_declared_queries_are_chosen_by_name(stored: Stored) -> None:
    path = stored("sqlite")
    sql = 'SELECT user_id, placed, total FROM "order" WHERE user_id > 0'
    text = f"""
nodes: {{user: {{file: user, id: id, time: joined}}}}
labels: {{node_type: user, column: city}}
values: {{spent: {{query: '{sql}', split: random}}}}
"""
    path.with_suffix(".yaml").write_text(text, encoding="utf-8")
    assert list(from_database(path).targets) == ["labels"]
    dataset = from_database(path, target="spent")
    assert list(dataset.targets) == ["spent"]
    assert dataset.task == "node-regression"
    with DatabaseStore.open(path) as store:
        assert database_task(store) == "node-classification"
        assert database_task(store, "spent") == "node-regression"
    text = text.replace("labels: {node_type: user, column: city}", "target: spent")
    path.with_suffix(".yaml").write_text(text, encoding="utf-8")
    assert list(from_database(path).targets) == ["spent"]
    with pytest.raises(ConfigError, match="target 'spend' is not declared"):
        from_database(path, target="spend")


@pytest.mark.parametrize(
    ("query", "metric"),
    [
        ("SELECT user_id, day, stars > 3 AS likes FROM rating WHERE stars > 1", "micro_f1"),
        ('SELECT user_id, placed, total FROM "order" WHERE user_id > 0', "rmse"),
    ],
)
def test_models_train_on_a_query(
    query: str, metric: str, stored: Stored, hetgraph: Callable[..., Any]
) -> None:
    fast = ("--set", "train.max_epochs=2", "--set", "train.device=cpu", "--out", "run")
    source = f"sqlite:{stored('sqlite')}"
    outcome = hetgraph("train", "rphgnn", source, "--set", f"data.target={query}", *fast)
    assert outcome.code == 0, outcome.err
    assert metric in outcome.out


def test_the_family_is_known_without_reading(sqlite: Callable[..., Path]) -> None:
    path = sqlite("CREATE TABLE a (id INTEGER PRIMARY KEY, value REAL);")
    with DatabaseStore.open(path) as store:
        assert database_task(store) == "node-importance"
    plain = sqlite("CREATE TABLE a (id INTEGER PRIMARY KEY, x REAL);", "plain.db")
    with DatabaseStore.open(plain) as store:
        assert database_task(store) == ""


BAD: list[tuple[dict[str, Any], type[UserError], str]] = [
    ({"query": "SELECT user_id, placed FROM orders"}, DataError, "no such table: orders"),
    ({"query": "SELECT * FROM user"}, ConfigError, "declare which is id, time, column"),
    ({"query": "DELETE FROM user"}, DataError, "fails"),
    ({"query": "SELECT id, total FROM \"order\""}, ConfigError, "add node_type"),
    ({"query": "SELECT user_id, total FROM \"order\" WHERE 0"}, DataError, "gives no rows"),
    ({"query": "SELECT 5 AS user_id, 1 AS x"}, DataError, "5 is not a 'user' node"),
    ({"query": "SELECT user_id, placed, total FROM \"order\" WHERE user_id > 0 UNION ALL "
      "SELECT 1, '2024-01-01', 3"}, DataError, "rows 0 and 1 .*the 'user' 1 at the same time"),
    ({"query": "SELECT id AS user_id, NULL AS at, age FROM user", "time": "at"}, DataError,
     "row 0 .*time is missing"),
    ({"query": SPENDING, "snapshots": 3}, ConfigError, "11 different times.*window: '12 days'"),
    ({"query": SPENDING, "snapshots": 0}, ConfigError, "snapshots is 0"),
    ({"query": SPENDING, "window": "often"}, ConfigError, "window is 'often'.*30 days"),
    ({"query": SPENDING, "valid": "2024-01-15"}, ConfigError, "both valid and test"),
    ({"query": SPENDING, "valid": "2030-01-01", "test": "2031-01-01"}, DataError, "valid split is"),
    ({"query": SPENDING, "valid": "soon", "test": "later"}, ConfigError, "valid is 'soon'"),
    ({"query": SPENDING, "colum": "spent"}, ConfigError, "Did you mean 'column'"),
    ({"query": SPENDING, "column": "spend"}, ConfigError, "which is id"),
    ({"query": SPENDING, "column": "spend", "id": "user_id", "time": "timestamp"}, DataError,
     "no column 'spend'. Did you mean 'spent'"),
    ({"query": SPENDING, "node_type": "usr"}, ConfigError, "Did you mean 'user'"),
    ({"query": "SELECT user_id, 5 AS t, total FROM \"order\" WHERE user_id > 0"}, ConfigError,
     "its times are numbers, but those of table .* are dates"),
    ({"query": "SELECT user_id, '1999-01-01' AS t, 1 AS y FROM rating LIMIT 1"}, DataError,
     "no 'user' of the query is there yet"),
    ({"query": SPENDING, "kind": "links"}, ConfigError, "a query gives targets of nodes"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_queries_are_one_clear_line(
    target: dict[str, Any], error: type[UserError], message: str, stored: Stored
) -> None:
    with pytest.raises(error, match=message) as caught:
        from_database(stored("sqlite"), target=target)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_queries_only_read(form: str, stored: Stored, tmp_path: Path) -> None:
    path = stored(form)
    statements = [
        "CREATE TABLE evil (x INTEGER)",
        'DROP TABLE "user"',
        "SELECT 1; SELECT 2",
        f"COPY (SELECT 1) TO '{tmp_path}/evil.csv'",
        f"ATTACH '{tmp_path}/evil.db' AS evil",
        f"SELECT * FROM read_text('{tmp_path}/../**')",
        "INSTALL httpfs",
        "PRAGMA query_only = OFF",
        "SELECT * FROM (SELECT 1) WHERE x = '",
    ]
    with DatabaseStore.open(path) as store:
        for sql in statements:
            with pytest.raises(DataError, match=r"fails|no single SELECT"):
                store.engine.query(sql)
        if form != "sqlite":
            with pytest.raises(DataError, match="no single SELECT; only reading"):
                store.engine.query("DELETE FROM user")
    assert not list(tmp_path.glob("**/evil*"))


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_a_query_come_sorted(form: str, stored: Stored) -> None:
    with DatabaseStore.open(stored(form)) as store:
        table = store.engine.query("SELECT city, id FROM user ORDER BY id DESC -- why\n;\n")
    assert table["city"].to_pylist() == ["Köln"] * 5 + ["Łódź"] * 4
    assert table["id"].to_pylist() == [1, 7, 13, 19, 25, 4, 10, 16, 22]


def test_featureless_types_do_not_learn_ids(stored: Stored) -> None:
    declaration = {
        "nodes": {"user": {"file": "user", "id": "id"}, "item": {"file": "item", "id": "sku"}},
        "edges": [
            {"type": ["user", "rates", "item"], "file": "rating", "src": "user_id",
             "dst": "item_sku", "time": "day"},
        ],
    }  # fmt: skip
    graph = from_database(
        stored("sqlite"), declaration=declaration, target={"query": SPENDING, "split": "random"}
    ).graph
    assert all(spec.kind == "dense" for spec in graph.schema.node_types.values())
    assert torch.isfinite(graph.features["item"]).all()  # type: ignore[arg-type]


def test_an_undeclared_time_column_is_told(stored: Stored) -> None:
    declaration = {
        "nodes": {"user": {"file": "user", "id": "id"}, "item": {"file": "item", "id": "sku"}},
        "edges": [
            {"type": ["user", "rates", "item"], "file": "rating", "src": "user_id",
             "dst": "item_sku"},
        ],
    }  # fmt: skip
    notes = from_database(
        stored("duckdb"), declaration=declaration, target={"query": SPENDING, "split": "random"}
    ).info["notes"]
    assert [note.partition(",")[0] for note in notes] == [
        "user has the time column 'joined'",
        "rating has the time column 'day'",
    ]
