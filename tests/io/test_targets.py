"""Targets of a declaration: which table each is of, which one is the default, and its splits."""

from __future__ import annotations

from pathlib import Path

import pytest

from hetgraph.catalog import EdgeLabels, EdgeValues
from hetgraph.data import EdgeType
from hetgraph.errors import ConfigError, DataError
from hetgraph.io import load_tables
from hetgraph.io.folder import table_files, tables_task

RATES = EdgeType("user", "rates", "film")
BASE = """
nodes: {user: nodes/user.csv, film: nodes/film.csv}
edges:
  - {type: [user, rates, film], file: rates.csv, src: who, dst: what, time: when}
add_reverses: false
"""
GENRE = "edge_labels: {edge: [user, rates, film], column: genre, classes: [dark, light]}\n"
STARS = "edge_values: {edge: [user, rates, film], column: stars}\n"
OWN = "{edge: [user, owns, film], file: owns.csv, column: set}"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "user.csv").write_text("id,age,group\nann,20,a\nbob,,b\ncy,44,a\n")
    (tmp_path / "nodes" / "film.csv").write_text("id\nalien\nclue\n")
    (tmp_path / "rates.csv").write_text(
        "who,what,when,genre,stars,part\n"
        "cy,clue,2001,light,4.5,train\n"
        "ann,clue,2002,,,test\n"
        "bob,alien,2003,dark,1,test\n"
        "bob,alien,2004,light,2,valid\n"
    )
    (tmp_path / "owns.csv").write_text(
        "src,dst,set\nann,alien,test\nbob,clue,valid\ncy,clue,test_negatives\nann,clue,test\n"
    )
    return tmp_path


def declare(folder: Path, text: str) -> Path:
    (folder / "tables.yaml").write_text(BASE + text)
    return folder


def test_columns_of_a_relation(films: Path) -> None:
    dataset = load_tables(declare(films, GENRE + STARS + "splits: {s: part}\n"))
    labels, values = dataset.targets.values()
    assert isinstance(labels, EdgeLabels)
    assert labels.edge_type == RATES
    assert labels.edges.tolist() == [[2, 1, 1], [1, 0, 0]]
    assert labels.target.tolist() == [1, 0, 1]
    assert labels.class_names == ("dark", "light")
    assert labels.time is not None
    assert labels.time.tolist() == [2001, 2003, 2004]
    assert isinstance(values, EdgeValues)
    assert values.target.tolist() == [4.5, 1.0, 2.0]
    # Positions among the labelled edges; the row of the table that has no label counts for none.
    split = dataset.splits["s"]
    assert split.valid is not None
    assert (split.train.tolist(), split.valid.tolist(), split.test.tolist()) == ([0], [2], [1])
    assert dataset.task == "edge-classification"


def test_a_target_may_have_other_times_than_the_relation(films: Path) -> None:
    text = STARS.replace("column: stars", "column: stars, time: stars_time")
    lines = (films / "rates.csv").read_text().splitlines()
    more = ("stars_time", "1", "2", "3", "4")
    rows = [f"{line},{word}" for line, word in zip(lines, more, strict=True)]
    (films / "rates.csv").write_text("\n".join(rows) + "\n")
    target = load_tables(declare(films, text)).edge_target
    assert target is not None
    assert target.time is not None
    assert target.time.tolist() == [1, 3, 4]


def test_a_table_of_its_own(films: Path) -> None:
    dataset = load_tables(declare(films, f"links: {OWN}\n"))
    links = dataset.links["links"]
    assert links.edge_type == EdgeType("user", "owns", "film")  # Not a relation of the graph.
    assert links.test.tolist() == [[0, 0], [0, 1]]
    assert links.valid is not None
    assert links.valid.tolist() == [[1], [1]]
    assert links.test_negatives is not None
    assert links.test_negatives.tolist() == [[2], [1]]
    assert films / "owns.csv" in table_files(films)
    assert tables_task(films) == "link-prediction"
    with_time = OWN.replace("file: owns.csv", "file: rates.csv, src: who, dst: what, time: when")
    with_time = with_time.replace("set", "stars")
    dataset = load_tables(declare(films, f"edge_values: {with_time}\n"))
    assert dataset.edge_target is not None
    assert dataset.edge_target.time is not None
    assert dataset.edge_target.time.tolist() == [2001, 2003, 2004]


def test_several_of_one_kind_have_names(films: Path) -> None:
    several = f"links: {{one: {OWN}, two: {OWN}}}\n"
    assert [*load_tables(declare(films, several)).links] == ["one", "two"]
    assert [*load_tables(declare(films, several + "target: two\n")).links] == ["two", "one"]


def test_the_default_is_of_nodes_or_the_one_that_is_named(films: Path) -> None:
    text = STARS + "values: {node_type: user, column: age}\n"
    text += "labels: {node_type: user, column: group}\n"
    named = "target: edge_values\nsplits: {s: part}\n"
    dataset = load_tables(declare(films, text + named))
    assert [*dataset.targets] == ["edge_values", "labels", "values"]
    assert dataset.task == "edge-regression"
    assert dataset.splits["s"].test.tolist() == [1]
    with pytest.raises(DataError, match=r"'user'.*no column 'part'"):
        load_tables(declare(films, text + "splits: {s: part}\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("splits: {s: part}\n", "splits are declared, but no target"),
        (STARS + "target: stars\n", "target 'stars' is not declared"),
        (STARS.replace(", column: stars", ""), "edge_values has no column; add column: <name>."),
        (STARS.replace("column", "colum"), "edge_values has an unknown entry 'colum'"),
        (STARS.replace("rates", "rate"), r"no table; expected one of user -rates> film"),
        (STARS.replace("[user, rates, film]", "rates"), "edge_values: edge is 'rates'; expected"),
        (STARS.replace("column", "node_type: user, column"), "unknown entry 'node_type'"),
        (f"links: {OWN.replace('user', 'usr')}\n", "unknown node type 'usr'. Did you mean 'user'"),
        (f"links: {{a: {OWN}}}\nedge_values: {{a: {OWN}}}\n", "another target is named 'a'"),
        (f"links: {{a: {OWN.replace('set', 'st')}}}\n", "has no column 'st'"),
    ],
)
def test_a_wrong_declaration_is_one_clear_line(films: Path, text: str, message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        load_tables(declare(films, text))


def test_a_column_of_splits_is_known_by_its_name(films: Path) -> None:
    (films / "nodes" / "user.csv").write_text("id,value,split\nann,20,train\nbob,,\ncy,44,test\n")
    dataset = load_tables(films)
    assert dataset.values is not None
    assert dataset.splits["default"].test.tolist() == [2]
