"""Hypergraphs and values in folders of tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset, Values
from hetgraph.catalog.loading import dataset_task
from hetgraph.data import HeteroGraph, Hypergraph
from hetgraph.errors import DataError, SchemaError
from hetgraph.io import load_tables, save_tables


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


FILMS = "id,value\nalien,12.5\nbrazil,\nclue,3\n"
SETS = "hyperedge,node_type,node,type\ns1,film,alien,cast\ns1,person,p7,cast\ns2,film,clue,genre\n"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    write(tmp_path, nodes__film_dot_csv=FILMS, nodes__person_dot_csv="id\np7\np9\n")
    return write(tmp_path, hyperedges__sets_dot_csv=SETS)


def test_names_of_files_and_columns_are_enough(films: Path) -> None:
    loaded = load_tables(films)
    assert loaded.task == "node-importance"
    assert loaded.values is not None
    assert loaded.values.node_type == "film"
    assert loaded.values.index.tolist() == [0, 2]
    assert loaded.values.target.tolist() == [12.5, 3.0]
    sets = loaded.hypergraphs["sets"]
    assert sets.type_names == ("cast", "genre")
    assert [row.tolist() for row in sets.members.coo()] == [[0, 0, 1], [0, 3, 2]]


def test_a_declaration_may_name_the_columns(films: Path) -> None:
    (films / "hyperedges" / "sets.csv").write_text("who,in\nalien,b\nclue,b\nclue,a\n")
    (films / "tables.yaml").write_text(
        "nodes: {film: {file: nodes/film.csv}}\n"
        "values: {node_type: film, column: value}\n"
        "hyperedges: {s: {file: hyperedges/sets.csv, node: who, hyperedge: in}}\n"
    )
    loaded = load_tables(films).hypergraphs["s"]
    assert (loaded.num_edges, loaded.num_types) == (2, 1)
    assert loaded.sizes.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("more", "task"),
    [
        ("", "node-importance"),
        ("task: node-classification\n", "node-classification"),
        ("labels: {node_type: film, column: value}\n", "node-classification"),
    ],
)
def test_the_task_is_told_without_reading_the_tables(films: Path, more: str, task: str) -> None:
    (films / "tables.yaml").write_text(
        "nodes: {film: nodes/film.csv, person: nodes/person.csv}\n"
        "values: {node_type: film, column: value}\n" + more
    )
    assert dataset_task(f"tables:{films}") == task


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_a_data_set_goes_to_a_folder_and_back(
    rich_graph: HeteroGraph, tmp_path: Path, format: Any
) -> None:
    graph = rich_graph.with_features("paper", torch.randn(7, 3))
    total = sum(graph.num_nodes.values())
    given = Dataset(
        "x",
        graph,
        task="node-importance",
        targets=Values(
            "paper", torch.tensor([1, 4]), torch.tensor([0.1, 1e300], dtype=torch.float64)
        ),
        hypergraphs={
            name: Hypergraph.from_sets(
                [[0, total - 1], [2], [1, 2]], [1, 0, 1], num_nodes=graph.num_nodes
            )
            for name in ("first", "the second")
        },
    )
    save_tables(given, tmp_path / "t", format=format)
    loaded = load_tables(tmp_path / "t")
    assert loaded.graph.content_hash == graph.content_hash
    assert loaded.task == "node-importance"
    assert loaded.values is not None
    assert given.values is not None
    assert torch.equal(loaded.values.index, given.values.index)
    assert torch.equal(loaded.values.target, given.values.target)
    assert list(loaded.hypergraphs) == ["first", "the second"]
    for name, hypergraph in given.hypergraphs.items():
        other = loaded.hypergraphs[name]
        for one, two in zip(other.members.coo(), hypergraph.members.coo(), strict=True):
            assert torch.equal(one, two)
        named = [other.type_names[code] for code in other.edge_type.tolist()]
        assert named == [hypergraph.type_names[code] for code in hypergraph.edge_type.tolist()]


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("alien,cast", "alian,cast", DataError, "'alian' is not a 'film' node"),
        (",person,", ",persn,", SchemaError, "no node type 'persn'. Did you mean 'person'"),
        ("p7,cast", "p7,genre", DataError, r"row 1 \(from 0\): hyperedge 's1' has two types"),
        ("s2,film,clue,genre", "s1,film,alien,cast", DataError, "twice"),
        ("s2,film", ",film", DataError, "'hyperedge', row 2 .* the value is missing"),
        (
            SETS,
            "hyperedge,node\na,alien\n",
            SchemaError,
            "has the node types film, person; give the type of each node in a column node_type",
        ),
    ],
)
def test_mistakes_are_one_clear_line(
    films: Path, old: str, new: str, error: type[Exception], message: str
) -> None:
    path = films / "hyperedges" / "sets.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(error, match=message) as caught:
        load_tables(films)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,value\na,\n", "no node has a value"),
        ("id,value\na,many\n", "expected numbers"),
        ("id,value\na,inf\n", r"row 0 \(from 0\): inf; expected a number"),
    ],
)
def test_values_are_numbers(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, nodes__film_dot_csv=text)
    with pytest.raises(DataError, match=message):
        load_tables(tmp_path)


def test_hyperedges_without_a_member_are_not_dropped_in_silence(tmp_path: Path) -> None:
    graph = HeteroGraph(num_nodes={"film": 2}, relations={})
    empty = Hypergraph.from_sets([[0], []], [0, 0], num_nodes=graph.num_nodes)
    with pytest.raises(DataError, match="1 hyperedges have no member"):
        save_tables(Dataset("x", graph, hypergraphs={"h": empty}), tmp_path / "t")
    assert not (tmp_path / "t").exists()
