from __future__ import annotations

import datetime
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.data.schema import FeatureSpec
from hetgraph.errors import ConfigError, DataError, FileFormatError, SchemaError, UserError
from hetgraph.features.columns import Column
from hetgraph.io import EdgeTable, NodeTable, from_tables, to_tables
from hetgraph.io.hyperedges import HyperedgeTable, read_hyperedges

WRITES = ("author", "writes", "paper")
AUTHORS = {"id": ["ann", "bob", "cy"]}
PAPERS = {"id": [7, 9], "year": [1999, 2001], "title": ["first", "second"]}
EDGES = {"src": ["cy", "ann", "cy"], "dst": [9, 9, 7]}


def pairs(graph: HeteroGraph, name: str = "writes") -> set[tuple[Any, Any]]:
    """The edges of a relation in the user's own ids."""
    key = graph.schema.edge_type(name)
    src, dst = graph.relation(name).edges()
    return set(
        zip(
            graph.ids[key.src].take(pa.array(src.numpy())).to_pylist(),
            graph.ids[key.dst].take(pa.array(dst.numpy())).to_pylist(),
            strict=True,
        )
    )


def frames(columns: dict[str, Any], kind: str, folder: Path) -> Any:
    """The same columns as another kind of table."""
    if kind == "mapping":
        return columns
    if kind == "pandas":
        return pd.DataFrame(columns)
    table = pa.table(columns)
    if kind == "arrow":
        return table
    path = folder / f"{'-'.join(columns)}{len(table)}.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        separator = "," if kind == "csv" else "\t"
        pd.DataFrame(columns).to_csv(path, index=False, sep=separator)
    return path


@pytest.mark.parametrize("kind", ["mapping", "pandas", "arrow", "parquet", "csv", "tsv"])
def test_every_kind_of_table_gives_the_same_graph(kind: str, tmp_path: Path) -> None:
    graph = from_tables(
        nodes={
            "author": frames(AUTHORS, kind, tmp_path),
            "paper": NodeTable(frames(PAPERS, kind, tmp_path), features=["year"], text="title"),
        },
        edges={WRITES: frames(EDGES, kind, tmp_path)},
        name="g",
    )
    assert graph.num_nodes == {"author": 3, "paper": 2}
    assert graph.ids["author"].to_pylist() == ["ann", "bob", "cy"]
    assert graph.ids["paper"].to_pylist() == [7, 9]
    assert graph.text["paper"].to_pylist() == ["first", "second"]
    assert torch.equal(graph.features["paper"], torch.tensor([[-1.0], [1.0]]))
    assert pairs(graph) == {("cy", 9), ("ann", 9), ("cy", 7)}


UUIDS = [uuid.UUID(int=i) for i in (5, 3, 9)]


@pytest.mark.parametrize(
    "ids",
    [
        [3, 1, 2],
        ["x", "äöü", ""],
        [-1, 2**60, 0],
        [0.5, 1.5, -2.0],
        [b"\x00", b"a", b""],
        [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1), datetime.date(1990, 1, 1)],
        UUIDS,
        pd.Categorical(["u", "v", "w"]),
        np.array([5, 6, 7], dtype=np.uint8),
        pa.array(["a", "b", "c"]).dictionary_encode(),
    ],
    ids=lambda ids: type(ids[0]).__name__,
)
def test_ids_of_any_type_are_kept_and_mapped_back(ids: Any) -> None:
    ends = [ids[2], ids[0], ids[2]]
    graph = from_tables({"a": {"id": ids}}, {("a", "r", "a"): {"src": ends, "dst": ends[::-1]}})
    kept = graph.ids["a"].to_pylist()
    assert len(kept) == 3
    src, dst = graph.relation("r").edges()
    assert sorted(zip(src.tolist(), dst.tolist(), strict=True)) == [(0, 0), (2, 2), (2, 2)]
    if isinstance(ids[0], uuid.UUID):
        assert kept == [uuid.bytes for uuid in UUIDS]


def test_integers_of_different_width_meet() -> None:
    graph = from_tables(
        {"a": {"id": np.array([10, 20], dtype=np.int32)}},
        {("a", "r", "a"): pd.DataFrame({"src": [10.0, 20.0], "dst": np.array([20, 20], "u2")})},
    )
    assert pairs(graph, "r") == {(10, 20), (20, 20)}


def test_leading_zeros_of_a_text_file_survive(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("id\n007\n7\n10\n")
    (tmp_path / "e.csv").write_text("src,dst\n7,10\n10,10\n")
    graph = from_tables({"a": tmp_path / "n.csv"}, {("a", "r", "a"): tmp_path / "e.csv"})
    assert graph.ids["a"].to_pylist() == ["007", "7", "10"]
    assert pairs(graph, "r") == {("7", "10"), ("10", "10")}


def test_counts_and_gathered_ids() -> None:
    graph = from_tables(
        {"user": 4, "item": None},
        {
            ("user", "buys", "item"): {"src": [3, 0], "dst": ["pen", "cup"]},
            ("item", "near", "item"): {"src": ["pen"], "dst": ["ink"]},
        },
    )
    assert graph.num_nodes == {"user": 4, "item": 3}
    assert graph.ids["item"].to_pylist() == ["cup", "ink", "pen"]
    assert "user" not in graph.ids


def test_gathered_ids_of_a_text_file_are_numbers_in_order(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("src,dst\n10,9\n100,9\n")
    graph = from_tables({"a": None}, {("a", "r", "a"): tmp_path / "e.csv"})
    assert graph.ids["a"].to_pylist() == [9, 10, 100]


def test_declared_columns_become_features_weights_and_times() -> None:
    frame = pd.DataFrame(
        {"id": [1, 2], "x": [0.5, 1.5], "flag": [True, False], "v": [[1, 2], [3, 4]]}
    )
    dates = [datetime.datetime(1970, 1, 2), datetime.datetime(1970, 1, 1)]
    edges = pd.DataFrame({"a": [1, 2], "b": [2, 2], "w": [3, 4], "when": dates, "f": [9, 8]})
    graph = from_tables(
        {"n": NodeTable(frame, features=["v", Column("x", scale="none"), "flag"], dtype="float64")},
        {("n", "r", "n"): EdgeTable(edges, "a", "b", weight="w", time="when", features=["f"])},
        add_reverses=True,
    )
    expected = torch.tensor([[1, 2, 0.5, 1], [3, 4, 1.5, 0]], dtype=torch.float64)
    assert torch.equal(graph.features["n"], expected)
    relation = graph.relation("r")
    assert relation.weight.tolist() == [3.0, 4.0]
    assert relation.edge_features.tolist() == [[1.0], [-1.0]]
    day = relation.edge_time[0].item()
    assert day > 0
    assert relation.edge_time[1].item() == 0
    assert graph.schema.reverse_of(("n", "r", "n")) == ("n", "rev_r", "n")


def test_dates_and_timestamps_have_one_unit() -> None:
    day, second = datetime.date(1970, 1, 2), datetime.datetime(1970, 1, 1, 0, 0, 1)
    kinds = {
        "date": pa.array([day]),
        "date64": pa.array([day]).cast(pa.date64()),
        "stamp": pa.array([second]).cast(pa.timestamp("s")),
        "clock": pa.array([datetime.time(0, 0, 1)]).cast(pa.time32("s")),
        "span": pa.array([1], pa.duration("s")),
    }
    edges = {
        ("n", name, "n"): EdgeTable({"src": [1], "dst": [1], "t": column}, time="t")
        for name, column in kinds.items()
    }
    graph = from_tables({"n": {"id": [1]}}, edges)
    times = {key.name: relation.edge_time.tolist() for key, relation in graph.relations.items()}
    whole = [86_400_000_000]
    one = [1_000_000]
    assert times == {"date": whole, "date64": whole, "stamp": one, "clock": one, "span": one}


def test_texts_in_iso_form_are_times() -> None:
    key = ("n", "r", "n")
    for texts, expected in (
        (["1970-01-02", "1970-01-04"], [86_400_000_000, 259_200_000_000]),
        (["1970-01-01T00:00:01Z", "1970-01-01T00:00:00Z"], [1_000_000, 0]),
    ):
        edges = EdgeTable({"src": [0, 1], "dst": [1, 1], "when": texts}, time="when")
        assert from_tables({"n": 2}, {key: edges}).relation("r").edge_time.tolist() == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"time": ["05.03.2023", "06.03.2023"]}, "row 0 (from 0): '05.03.2023' is no time; expect"),
        ({"time": [None, 3]}, "row 0 (from 0): the time is missing, as it is in 1 of 2 rows; fill"),
        ({"weight": ["1", "x"]}, "row 1 (from 0): 'x' is not a number; expected a number as the w"),
        ({"weight": [1, None]}, "row 1 (from 0): the weight is missing; fill it in, or declare t"),
        ({"weight": [[1, 2], [2, 3]]}, "column 'weight' holds lists; expected a number per edge"),
    ],
)
def test_bad_times_and_weights(columns: dict[str, list[Any]], expected: str) -> None:
    edges = EdgeTable({"src": [0, 1], "dst": [1, 1], **columns}, **{key: key for key in columns})
    with pytest.raises(DataError) as caught:
        from_tables({"n": 2}, {("n", "r", "n"): edges})
    assert expected in str(caught.value)
    assert "features;" not in str(caught.value)


def test_categories_from_text_do_not_depend_on_the_order() -> None:
    graph = from_tables({"n": NodeTable({"id": [1, 2, 3], "k": ["b", "a", "b"]}, category="k")}, {})
    assert graph.features["n"].tolist() == [3, 2, 3]  # 0: other categories, 1: missing
    assert graph.schema.node_types["n"] == FeatureSpec("categorical", 4)


def test_a_graph_goes_to_tables_and_back(rich_graph: HeteroGraph) -> None:
    tables = to_tables(rich_graph)
    rebuilt = from_tables(tables.nodes, tables.edges, reverses=tables.reverses, name="rich")
    assert rebuilt.schema == rich_graph.schema
    assert rebuilt.content_hash == rich_graph.content_hash
    assert tables.edges[EdgeType(*WRITES)].table["src"].to_pylist()[0] in (
        "ann",
        "bob",
        "cy",
        "dä",
        "007",
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_feature_dtypes_come_back(dtype: torch.dtype) -> None:
    features = {"a": torch.randn(4, 3).to(dtype), "b": torch.zeros(2, 0)}
    graph = HeteroGraph(num_nodes={"a": 4, "b": 2}, relations={}, features=features)
    tables = to_tables(graph)
    assert from_tables(tables.nodes, tables.edges).content_hash == graph.content_hash


def test_empty_tables_are_types_without_nodes() -> None:
    graph = from_tables(
        {"a": {"id": ["x"]}, "b": {"id": []}, "c": NodeTable({"id": [], "x": []}, features=["x"])},
        {
            ("a", "r", "b"): {"src": [], "dst": []},
            ("b", "s", "c"): pd.DataFrame(columns=["src", "dst"]),
        },
    )
    assert graph.num_nodes == {"a": 1, "b": 0, "c": 0}
    assert graph.num_edges == 0


# --------------------------------------------------------------------------- bad input


def broken(
    nodes: dict[str, Any] | None = None, edges: dict[str, Any] | None = None, **options: Any
) -> str:
    """The message of a refused pair of tables."""
    with pytest.raises(UserError) as caught:
        from_tables(
            {"author": AUTHORS, "paper": PAPERS, **(nodes or {})},
            {WRITES: EDGES, **({WRITES: {**EDGES, **edges}} if edges else {})},
            **options,
        )
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_dangling_edge_names_table_column_row_and_value() -> None:
    message = broken(edges={"src": ["cy", "zoe", "eve"]})
    assert "table (author -writes> paper), column 'src', 2 rows hold ids" in message
    assert "are not 'author' nodes: 'zoe' in row 1, 'eve' in row 2 (rows from 0)" in message
    assert "not among its 3 ids" in message
    assert "row 2 (from 0): 11 is not" in broken(edges={"dst": [7, 9, 11]})


def test_a_dangling_row_number_names_the_range() -> None:
    message = broken(nodes={"paper": 10}, edges={"dst": [0, 9, 10]})
    assert "10 is not a 'paper' node, not among 0..9" in message


def test_a_dangling_text_in_a_csv_of_numbers(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("src,dst\nann,7\nbob,9\ncy,x9\n")
    with pytest.raises(DataError, match=r"'dst', row 2 \(from 0\): 'x9' is not a 'paper' node"):
        from_tables({"author": AUTHORS, "paper": PAPERS}, {WRITES: tmp_path / "e.csv"})


@pytest.mark.parametrize(
    ("nodes", "edges", "expected"),
    [
        ({}, {"src": ["cy", None, "cy"]}, "row 1 (from 0): the 'author' id is missing"),
        ({}, {"src": [1, 2, 3]}, "holds int64, but the ids of 'author' are large_string"),
        ({}, {"dst": [7.5, 9, 9]}, "7.5 is not a 'paper' node"),
        ({}, {"src": [1, "a", 2]}, "values have no common type"),
        ({}, {"src": ["cy"]}, "columns differ in length"),
        (
            {"author": {"id": ["ann", "bob", "cy", "ann"]}},
            {},
            "the id 'ann' occurs twice, in rows 0, 3 (from 0)",
        ),
        ({"author": {"id": ["ann", None, "cy"]}}, {}, "row 1 (from 0): the id is missing"),
        ({"author": {"ID": ["ann"]}}, {}, "no column 'id'. Did you mean 'ID'?"),
        ({"author": {"id": [[1], [2]]}}, {}, "ids cannot be of type list<item: int64>"),
        ({"author": 5.0}, {}, "table 'author' is a float; expected a pandas DataFrame"),
        ({"author": -1}, {}, "-1 nodes"),
        ({"author": 2**70}, {}, f"node type 'author': {2**70} nodes"),
        ({"lonely": None}, {}, "neither a table nor edges"),
        ({"paper": NodeTable(PAPERS, features=["yaer"])}, {}, "Did you mean 'year'?"),
        (
            {"paper": NodeTable({"id": [7, 9], "x": [b"raw", b""]}, features=["x"])},
            {},
            "column 'x' holds binary, which no encoder reads",
        ),
        ({"paper": NodeTable(PAPERS, text="year")}, {}, "holds int64; expected text"),
        ({"paper": NodeTable(PAPERS, features=["year"], category="title")}, {}, "one kind"),
        (
            {"paper": NodeTable(PAPERS, features=["year"], dtype="float31")},
            {},
            "'float31' is unknown",
        ),
    ],
)
def test_a_bad_table_is_one_clear_line(
    nodes: dict[str, Any], edges: dict[str, Any], expected: str
) -> None:
    assert expected in broken(nodes, edges)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, -float("inf")], "row 1 (from 0): -inf is not finite"),
        ([[1.0], [1.0, 2.0]], "row 1 (from 0): the list has 2 values, others 1"),
        ([[1.0, 2.0], [1.0, float("inf")]], "row 1 (from 0): inf is not finite"),
    ],
)
def test_a_bad_feature_names_its_row(values: list[Any], expected: str) -> None:
    table = NodeTable({"id": [7, 9], "x": values}, features=["x"])
    assert expected in broken({"paper": table})


def test_missing_tables_and_types_are_suggested(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="Did you mean 'author'"):
        from_tables({"author": AUTHORS, "paper": PAPERS}, {("auhtor", "writes", "paper"): EDGES})
    with pytest.raises(SchemaError, match="must be a triple"):
        from_tables({"author": AUTHORS}, {"writes": EDGES})  # type: ignore[dict-item]
    with pytest.raises(FileFormatError, match="no such file"):
        from_tables({"author": tmp_path / "a.csv"}, {})
    (tmp_path / "a.xls").write_text("")
    with pytest.raises(FileFormatError, match=r"ending '\.xls' is unknown"):
        from_tables({"author": tmp_path / "a.xls"}, {})


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b'id,"x\n1,2,3\n4\n' if suffix == "csv" else b"PAR1 nonsense")
    with pytest.raises(FileFormatError, match="damaged or not a") as caught:
        from_tables({"author": path}, {})
    assert "\n" not in str(caught.value)


def test_two_kinds_of_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="one kind of features"):
        from_tables({"a": NodeTable({"id": [1], "x": [1]}, features=["x"], category="x")}, {})


def test_text_files_of_any_form_are_described_in_python(tmp_path: Path) -> None:
    (tmp_path / "users.dat").write_text("a::1\nb::2\n")
    (tmp_path / "films.csv").write_text("id;x\n7;1\n")
    (tmp_path / "ratings.txt").write_text("a|7|5\nb|7|3\n")
    graph = from_tables(
        {
            "user": NodeTable(tmp_path / "users.dat", separator="::", columns=["id", "age"]),
            "film": NodeTable(tmp_path / "films.csv", separator=";", features=["x"]),
        },
        {
            ("user", "rates", "film"): EdgeTable(
                tmp_path / "ratings.txt",
                separator="|",
                columns=["src", "dst", "stars"],
                weight="stars",
            )
        },
    )
    assert graph.ids["user"].to_pylist() == ["a", "b"]
    assert graph.relation("rates").weight.tolist() == [5.0, 3.0]
    (tmp_path / "sets.dat").write_text("s::user::a\ns::film::7\n")
    columns = ["hyperedge", "node_type", "node"]
    table = HyperedgeTable(
        tmp_path / "sets.dat", node_type="node_type", separator="::", columns=columns
    )
    assert read_hyperedges(table, graph, "sets").members.nnz == 2


def test_a_dict_with_a_whole_table_tells_the_right_form() -> None:
    table = pa.table({"id": [1, 2], "age": [3, 4]})
    with pytest.raises(DataError, match=r"hetgraph.NodeTable\(table, features=\[...\]\)"):
        from_tables({"user": {"table": table, "features": ["age"]}}, {})
