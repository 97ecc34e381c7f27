from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.errors import FileFormatError, UserError
from hetgraph.io import from_triples, to_triples

FACTS = [
    ("bob", "knows", "ann"),
    ("ann", "knows", "bob"),
    ("ann", "drinks", "tea"),
    ("bob", "knows", "ann"),
    ("cy", "rdf:type", "person"),
    ("ann", "rdf:type", "person"),
    ("bob", "rdf:type", "person"),
]


def rows(table: pa.Table) -> list[tuple[str, str, str]]:
    return sorted(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.mark.parametrize("kind", ["list", "numpy", "pandas", "arrow", "mapping", "file"])
def test_every_kind_of_triples_gives_the_same_graph(kind: str, tmp_path: Path) -> None:
    columns = dict(zip("hrt", zip(*FACTS, strict=True), strict=True))
    (tmp_path / "t.tsv").write_text("".join("\t".join(fact) + "\n" for fact in FACTS))
    given: dict[str, Any] = {
        "list": FACTS,
        "numpy": np.array(FACTS),
        "pandas": pd.DataFrame(FACTS),
        "arrow": pa.table({key: list(value) for key, value in columns.items()}),
        "mapping": {key: list(value) for key, value in columns.items()},
        "file": tmp_path / "t.tsv",
    }
    graph = from_triples(given[kind])
    assert graph.ids["entity"].to_pylist() == ["ann", "bob", "cy", "person", "tea"]
    assert [key.name for key in graph.relations] == ["drinks", "knows", "rdf:type"]
    assert rows(to_triples(graph)) == sorted(FACTS)


def test_the_order_of_the_triples_does_not_matter() -> None:
    assert from_triples(FACTS).content_hash == from_triples(FACTS[::-1]).content_hash


def test_types_come_from_a_relation_and_from_a_mapping() -> None:
    graph = from_triples(
        FACTS, type_relation="rdf:type", node_types={"tea": "drink", "milk": "drink"}
    )
    assert graph.num_nodes == {"drink": 2, "person": 3}
    assert graph.edge_types == (
        EdgeType("person", "drinks", "drink"),
        EdgeType("person", "knows", "person"),
    )
    src, dst = graph.relation("knows").edges()
    assert sorted(zip(src.tolist(), dst.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 0)]
    assert rows(to_triples(graph)) == sorted(FACTS[:4])


def test_one_relation_between_several_types_is_split() -> None:
    graph = from_triples([("a", "near", "b"), ("b", "near", "a")], node_types={"a": "x", "b": "y"})
    assert graph.edge_types == (EdgeType("x", "near", "y"), EdgeType("y", "near", "x"))


def test_reverses_are_added_and_not_written() -> None:
    graph = from_triples(FACTS, add_reverses=True)
    assert len(graph.schema.reverses) == 3
    assert rows(to_triples(graph)) == sorted(FACTS)


def test_nodes_without_ids_get_names(toy_graph: HeteroGraph) -> None:
    assert ("author:1", "writes", "paper:2") in rows(to_triples(toy_graph))


def test_leading_zeros_and_quotes_survive(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text('00123\t_hyper"nym\t"x"@en\n00123\tr\tNA\n')
    graph = from_triples(tmp_path / "t.tsv")
    assert graph.ids["entity"].to_pylist() == ['"x"@en', "00123", "NA"]


def test_no_triples_is_an_empty_graph() -> None:
    with pytest.raises(UserError, match="graph is empty"):
        from_triples([])
    graph = from_triples([], node_types={"a": "x"})
    assert graph.num_nodes == {"x": 1}
    assert to_triples(graph).num_rows == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([("a", "b")], "must have a head, a relation and a tail"),
        (np.zeros((3, 2)), "shape [3, 2], expected [n, 3]"),
        (pd.DataFrame({"a": [1], "b": [2]}), "have 2 columns (a, b)"),
        (pd.DataFrame({"a": ["x", None], "b": "r", "c": "y"}), "column 'a', row 1 (from 0)"),
        ([("a", "rdf:type", "x"), ("a", "rdf:type", "y")], "two types, 'x' and 'y'"),
    ],
)
def test_bad_triples_are_one_clear_line(given: Any, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        from_triples(given, type_relation="rdf:type")
    assert expected in str(caught.value)


def test_a_bad_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no such file"):
        from_triples(tmp_path / "t.tsv")
    (tmp_path / "t.tsv").write_text("a\tb\tc\na\tb\n")
    with pytest.raises(FileFormatError, match="not a tab-separated file") as caught:
        from_triples(tmp_path / "t.tsv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "entities", "relations", "triples"),
    [("FB15k-237", 14505, 237, 272115), ("WN18RR", 40559, 11, 86835)],
)
def test_public_knowledge_graphs(
    data_root: Path, name: str, entities: int, relations: int, triples: int
) -> None:
    path = data_root / "kg" / name / "train.txt"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    graph = from_triples(path)
    assert (graph.num_nodes["entity"], len(graph.relations), graph.num_edges) == (
        entities,
        relations,
        triples,
    )
    given = sorted(tuple(line.split("\t")) for line in path.read_text().splitlines())
    assert rows(to_triples(graph)) == given
