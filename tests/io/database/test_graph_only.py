"""A database that is asked about: whole, or as of its latest rows where training was cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hetgraph.catalog.loading import load_dataset, load_graph
from hetgraph.data.differences import schema_differences
from hetgraph.errors import ConfigError

FORMS = ("sqlite", "duckdb", "parquet")
Stored = Callable[[str], Path]

SPENDING = """
SELECT user_id, placed AS timestamp, sum(total) AS spent
FROM "order" WHERE user_id IS NOT NULL GROUP BY user_id, placed;
"""
DECLARED = """
nodes:
  user: {file: user, id: id, time: joined, features: [age]}
  item: {file: item, id: sku}
edges:
  - {type: [user, rates, item], file: rating, src: user_id, dst: item_sku, time: day}
values:
  spent: {query: 'SELECT user_id, placed, total FROM "order" WHERE user_id > 0', snapshots: 20}
"""


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(";".join(statements))
    connection.commit()
    connection.close()


@pytest.mark.parametrize("form", FORMS)
def test_a_graph_that_was_cut_is_asked_as_of_its_latest_rows(form: str, stored: Stored) -> None:
    source = f"{form}:{stored(form)}"
    trained = load_dataset(source, target=SPENDING).graph
    whole = load_dataset(source).graph
    dataset = load_graph(source, target=SPENDING, encoders=trained.encoders)
    graph = dataset.graph
    assert graph.schema == trained.schema
    assert graph.encoders == trained.encoders
    assert graph.num_nodes == whole.num_nodes
    assert graph.ids["user"].equals(whole.ids["user"])
    assert graph.ids["item"].equals(whole.ids["item"])
    assert not dataset.targets
    assert any("is asked at times" in note for note in dataset.info["notes"])
    last = [i for i, text in enumerate(trained.ids["user"].to_pylist()) if "2024-01-23" in text]
    assert torch.equal(graph.features["user"], trained.features["user"][last])


def test_a_graph_that_was_not_cut_is_asked_whole(stored: Stored) -> None:
    source = f"sqlite:{stored('sqlite')}"
    for target in ("", 'SELECT user_id, sum(total) FROM "order" WHERE user_id > 0 GROUP BY 1'):
        trained = load_dataset(source, target=target).graph
        graph = load_graph(source, target=target, encoders=trained.encoders).graph
        assert graph.content_hash == trained.content_hash == load_dataset(source).graph.content_hash


def test_the_query_of_the_target_need_not_run(stored: Stored) -> None:
    path = stored("sqlite")
    path.with_suffix(".yaml").write_text(DECLARED, encoding="utf-8")
    trained = load_dataset(f"sqlite:{path}").graph
    assert trained.schema.node_types["item"].dim == 2  # degrees in each copy
    change(path, "DROP TABLE line", 'DROP TABLE "order"', "UPDATE user SET joined=NULL WHERE id=1")
    dataset = load_graph(f"sqlite:{path}", encoders=trained.encoders)
    graph = dataset.graph
    assert schema_differences(trained.schema, graph.schema) == []
    assert 1 not in graph.ids["user"].to_pylist()  # Nobody knows since when she is there.
    assert graph.num_nodes["user"] == 8
    change(path, "UPDATE rating SET day = NULL WHERE user_id = 7")
    assert load_graph(f"sqlite:{path}", encoders=trained.encoders).graph.num_edges < graph.num_edges


@pytest.mark.parametrize("target", ["", "spent", "elsewhere"])
def test_the_target_is_looked_up_but_need_not_be_declared(target: str, stored: Stored) -> None:
    path = stored("sqlite")
    path.with_suffix(".yaml").write_text(DECLARED, encoding="utf-8")
    trained = load_dataset(f"sqlite:{path}").graph
    dataset = load_graph(f"sqlite:{path}", encoders=trained.encoders, target=target)
    cut = dataset.graph.schema == trained.schema
    assert cut == (target != "elsewhere")
    path.with_suffix(".yaml").write_text(
        DECLARED.replace("snapshots: 20", "time: null, id: user_id, column: total")
    )
    assert "item" not in load_graph(f"sqlite:{path}", encoders=trained.encoders).graph.features


def test_a_proposal_that_changes_with_the_rows_does_not_change_what_is_read(
    stored: Stored,
) -> None:
    path = stored("sqlite")
    trained = load_dataset(f"sqlite:{path}").graph
    change(
        path,
        "ALTER TABLE user ADD COLUMN height DOUBLE",
        "UPDATE user SET height = 1.8",
        "INSERT INTO user VALUES (99, NULL, 5, '2031-01-01', 'Lima', 2.0)",
    )
    dataset = load_graph(f"sqlite:{path}", encoders=trained.encoders)
    graph = dataset.graph
    assert schema_differences(trained.schema, graph.schema) == []
    assert torch.equal(graph.features["user"][:-1], trained.features["user"])
    notes = "\n".join(dataset.info["notes"])
    assert "table 'user': height not read as features" in notes
    assert "column 'city': 1 of 10 values are not among the 2 categories" in notes
    with pytest.raises(ConfigError, match="no option 'taget'"):
        load_graph(f"sqlite:{path}", taget="x")
