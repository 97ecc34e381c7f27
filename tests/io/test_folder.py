from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hetgraph.catalog import Dataset, EdgeLabels, EdgeValues, Labels, Split
from hetgraph.data import HeteroGraph
from hetgraph.errors import ConfigError, DataError, FileFormatError, UserError
from hetgraph.files import OutputError
from hetgraph.io import load_tables, save_tables
from hetgraph.io.folder import table_files

DECLARED = """
name: shop
nodes:
  user: {file: nodes/user.csv, id: key, features: [age, income], text: about}
  item: {file: nodes/item.csv}
  brand: null
edges:
  - {type: [user, buys, item], file: buys.csv, src: who, dst: what, weight: times, time: when}
  - {type: [item, of, brand], file: of.csv}
reverses: []
labels: {node_type: user, column: kind, classes: [young, old, robot]}
splits: {default: part}
metapaths: {UIU: user-item-user}
info: {license: CC0, date: 2020-01-01}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "nodes").mkdir(parents=True)
    (folder / "nodes" / "user.csv").write_text(
        "key,age,income,about,kind,part\n"
        'u1,20,1.5,"likes, commas",young,train\n'
        "u2,70,2.5,,old,test\n"
        "u3,30,0,plain,young,val\n"
        "u4,31,0,plain,,\n"
    )
    (folder / "nodes" / "item.csv").write_text("id\n007\n008\n")
    (folder / "buys.csv").write_text("who,what,times,when\nu2,007,3,2020\nu1,008,1,1999\n")
    (folder / "of.csv").write_text("src,dst\n007,acme\n008,acme\n")
    (folder / "tables.yaml").write_text(DECLARED)
    return folder


def test_declared_tables_become_a_data_set(shop: Path) -> None:
    dataset = load_tables(shop)
    graph = dataset.graph
    assert graph.num_nodes == {"user": 4, "item": 2, "brand": 1}
    table = np.array([[20, 1.5], [70, 2.5], [30, 0], [31, 0]])
    scaled = (table - table.mean(axis=0)) / table.std(axis=0)
    assert torch.equal(graph.features["user"], torch.tensor(scaled, dtype=torch.float32))
    assert graph.text["user"].to_pylist() == ["likes, commas", "", "plain", "plain"]
    assert graph.ids["item"].to_pylist() == ["007", "008"]
    assert graph.relation("buys").weight.tolist() == [3.0, 1.0]
    assert graph.relation("buys").edge_time.tolist() == [2020, 1999]
    assert graph.schema.reverse_of("buys") == ("item", "rev_buys", "user")
    labels, split = dataset.labels, dataset.splits["default"]
    assert labels is not None
    assert labels.class_names == ("young", "old", "robot")
    assert labels.index.tolist() == [0, 1, 2]
    assert labels.target.tolist() == [0, 1, 0]
    assert (split.train.tolist(), split.test.tolist()) == ([0], [1])
    assert split.valid is not None
    assert split.valid.tolist() == [2]
    assert dataset.metapaths == {"UIU": "user-item-user"}
    assert dataset.info == {"license": "CC0", "date": "2020-01-01"}


def test_a_folder_may_be_relative(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_tables("shop").sha256 == load_tables(shop).sha256
    (shop / "tables.yaml").unlink()
    (shop / "nodes" / "user.csv").unlink()
    assert load_tables("shop").graph.num_nodes == {"item": 2}


def test_names_of_files_and_columns_are_enough(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "edges").mkdir()
    paper = pa.table(
        {
            "id": ["p1", "p2", "p3", "p4", "p5", "p6"],
            "features": [[1.0, 2.0]] * 6,
            "label": ["x", "y", None, "x", "y", "y"],
        }
    )
    pq.write_table(paper, tmp_path / "nodes" / "paper.parquet")
    (tmp_path / "edges" / "author__writes__paper.csv").write_text("src,dst,weight\n5,p2,0.5\n")
    dataset = load_tables(tmp_path)
    assert dataset.graph.num_nodes == {"paper": 6, "author": 1}
    assert dataset.graph.features["paper"].shape == (6, 2)
    assert dataset.graph.ids["author"].to_pylist() == [5]
    assert dataset.graph.relation("writes").weight.tolist() == [0.5]
    assert dataset.labels is not None
    assert dataset.labels.num_classes == 2
    split = dataset.splits["random-60-20-20"]
    ids = torch.cat([split.train, split.valid, split.test])
    assert [len(chosen) for chosen in (split.train, split.valid, split.test)] == [3, 1, 1]
    assert sorted(ids.tolist()) == dataset.labels.index.tolist()
    assert [path.name for path in table_files(tmp_path)] == [
        "author__writes__paper.csv",
        "paper.parquet",
    ]


def as_dataset(graph: HeteroGraph, *, multi_label: bool) -> Dataset:
    target = torch.tensor([2, 0, 2, 0])
    if multi_label:
        target = torch.tensor([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]], dtype=torch.bool)
    labels = Labels(
        node_type="paper",
        num_classes=3,
        index=torch.tensor([0, 1, 3, 6]),
        target=target,
        multi_label=multi_label,
        class_names=("ä b", "true", "3"),
    )
    half = Split(torch.tensor([0]), None, torch.tensor([6]))
    full = Split(torch.tensor([0, 3]), torch.tensor([1]), torch.tensor([6]))
    return Dataset(
        "x", graph, labels, {"full": full, "half": half}, metapaths={"A": "paper-author"}
    )


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_a_data_set_is_saved_and_loaded(
    rich_graph: HeteroGraph, tmp_path: Path, format: Any, multi_label: bool
) -> None:
    if format == "csv":
        rich_graph = rich_graph.with_features("paper", torch.randn(7, 3))
    given = as_dataset(rich_graph, multi_label=multi_label)
    save_tables(given, tmp_path / "t", format=format)
    loaded = load_tables(tmp_path / "t")
    assert loaded.graph.schema == rich_graph.schema
    assert loaded.graph.content_hash == rich_graph.content_hash
    assert loaded.metapaths == given.metapaths
    for key, value in vars(given.labels).items():
        other = getattr(loaded.labels, key)
        assert torch.equal(other, value) if isinstance(value, torch.Tensor) else other == value
    assert list(loaded.splits) == ["full", "half"]
    assert loaded.splits["half"].valid is None
    assert loaded.splits["full"].train.tolist() == [0, 3]


def test_strange_type_names_come_back(tmp_path: Path) -> None:
    names = ["a/b", "a b", "A-B", "../x", "__", "."]
    graph = HeteroGraph(num_nodes=dict.fromkeys(names, 2), relations={})
    save_tables(graph, tmp_path / "t")
    assert load_tables(tmp_path / "t").graph.content_hash == graph.content_hash
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_numbered_classes_without_names_come_back(toy_graph: HeteroGraph, tmp_path: Path) -> None:
    labels = Labels("paper", 4, torch.arange(3), torch.tensor([3, 0, 3]))
    save_tables(Dataset("d", toy_graph, labels, {}), tmp_path / "t", format="csv")
    path = tmp_path / "t" / "tables.yaml"
    path.write_text(path.read_text() + "splits: {s: part}\n")
    path = tmp_path / "t" / "nodes" / "paper.csv"
    lines = path.read_text().splitlines()
    lines = [
        f"{line},{part}" for line, part in zip(lines, ["part", "train", "test", ""], strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")
    loaded = load_tables(tmp_path / "t").labels
    assert loaded is not None
    assert (loaded.num_classes, loaded.target.tolist(), loaded.class_names) == (4, [3, 0, 3], ())


def test_only_own_folders_are_replaced(shop: Path, toy_graph: HeteroGraph, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="was not written by save_tables"):
        save_tables(toy_graph, shop)
    assert (shop / "buys.csv").exists()
    save_tables(toy_graph, tmp_path / "t")
    save_tables(toy_graph.with_features("paper", None), tmp_path / "t")
    assert "paper" not in load_tables(tmp_path / "t").graph.features


# --------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("nodes:\n", "nods:\n", "unknown key 'nods'. Did you mean 'nodes'?"),
        ("features:", "featurs:", "unknown key 'nodes.user.featurs'. Did you mean 'features'?"),
        ("src: who", "src: whom", "no column 'whom'. Did you mean 'who'?"),
        ("file: of.csv", "", "the key 'edges.1.file' is missing"),
        ("file: of.csv", "file: off.csv", "there is no such file"),
        (
            "[item, of, brand]",
            "[item, brand]",
            "edges.1.type is ['item', 'brand'], expected [source, name, destination]",
        ),
        (
            "reverses: []",
            "reverses: [[a, b]]",
            "reverses.0.0 is 'a', expected [source, name, destination]",
        ),
        ("reverses: []", "reverses: [a]", "reverses.0 is 'a', expected a pair of edge types"),
        ("reverses: []", "reverses: 5", "reverses is 5, expected a list"),
        ("[item, of, brand]", "[item, on, brand]", "edges.1.type.1 is True, expected text"),
        ("[age, income]", "3", "nodes.user.features is 3, expected a column, a list of columns"),
        ("[age, income]", "[age, age]", "column 'age' is declared twice"),
        ("[age, income]", "{age: {fil: mean}}", "unknown key 'fil'. Did you mean 'fill'?"),
        ("[age, income]", "{age: {fill: 3, scale: big}}", "scale is 'big', expected one of 'none'"),
        ("[age, income]", "{age: onehott}", "unknown encoder 'onehott'. Did you mean 'onehot'?"),
        ("[age, income]", "{age: 3}", "column 'age': 3 is no encoder; expected its name"),
        ("[age, income]", "{age: {encode: [a]}}", "encode is ['a'], expected a name"),
        ("brand: null", "3: null", "the key 3 of nodes is no text; put it in quotes"),
        ("{UIU: user-item-user}", "[UIU]", "metapaths is ['UIU'], expected names with values"),
        ("name: shop", "hyperedges: [a.csv]", "hyperedges is ['a.csv'], expected names"),
        ("name: shop", "splits: {a: b}", "key 'splits' is given twice"),
        ("node_type: user", "node_type: usr", "Did you mean 'user'?"),
        ("column: kind, ", "", "has no column"),
        ("[young, old, robot]", "[young]", "class 'old' is not declared"),
        ("default: part", "default: kind", "holds 'young'; expected train, valid, test"),
        ("name: shop", "name: [", "cannot be read as YAML"),
        ("item: {file: nodes/item.csv}", "itm: {file: nodes/item.csv}", "Did you mean 'itm'?"),
        ("text: about", "txt: about", "Did you mean 'text'?"),
    ],
)
def test_a_wrong_declaration_is_one_clear_line(
    shop: Path, old: str, new: str, expected: str
) -> None:
    path = shop / "tables.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError) as caught:
        load_tables(shop)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_tables_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"expected tables\.yaml, or nodes/<type>\.parquet"):
        load_tables(tmp_path)
    (tmp_path / "edges").mkdir()
    (tmp_path / "edges" / "writes.csv").write_text("src,dst\n")
    with pytest.raises(FileFormatError, match="<source>__<name>__<destination>"):
        load_tables(tmp_path)


def test_two_label_columns_need_a_declaration(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    for name in "ab":
        (tmp_path / "nodes" / f"{name}.csv").write_text("id,label\n1,x\n")
    with pytest.raises(ConfigError, match="both 'a' and 'b' have a column 'label'"):
        load_tables(tmp_path)


def test_too_few_labels_to_split(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "a.csv").write_text("id,label\n1,x\n2,y\n")
    with pytest.raises(DataError, match="2 labelled 'a' nodes are too few"):
        load_tables(tmp_path)


def test_sparse_features_need_parquet(rich_graph: HeteroGraph, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="use format='parquet'"):
        save_tables(rich_graph, tmp_path / "t", format="csv")
    with pytest.raises(ConfigError, match="'xml' is unknown"):
        save_tables(rich_graph, tmp_path / "t", format="xml")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ forms of the files


def test_files_without_a_header_and_packed_files(tmp_path: Path) -> None:
    (tmp_path / "users.dat").write_text("1::F::10\n2::M::NA\n")
    (tmp_path / "films.csv.gz").write_bytes(gzip.compress("id;title\n7;Tölö\n9;b\n".encode()))
    (tmp_path / "ratings.dat").write_text("1::7::5::100\n2::9::3::200\n2::7::::300\n")
    (tmp_path / "tags.txt").write_text("7|old\n9|new\n")
    (tmp_path / "sets.dat").write_text("a::7::film\na::9::film\n")
    (tmp_path / "tables.yaml").write_text(r"""
nodes:
  user: {file: users.dat, separator: "::", columns: [id, sex, age], category: sex}
  film: {file: films.csv.gz, separator: ;, text: title}
edges:
  - {type: [user, rates, film], file: ratings.dat, separator: "::", src: user, dst: film,
     columns: [user, film, stars, when], time: when}
edge_values: {edge: [user, rates, film], column: stars}
edge_labels: {edge: [film, tagged, film], file: tags.txt, separator: "|", columns: [src, tag],
              dst: src, column: tag}
hyperedges:
  sets: {file: sets.dat, separator: "::", columns: [set, film, kind], hyperedge: set, node: film,
         node_type: kind}
task: edge-regression
""")
    text = (tmp_path / "tables.yaml").read_text()
    dataset = load_tables(tmp_path)
    graph = dataset.graph
    assert graph.features["user"].tolist() == [2, 3]  # after the codes of missing and unknown
    assert graph.text["film"].to_pylist() == ["Tölö", "b"]
    assert sorted(graph.relation("rates").edge_time.tolist()) == [100, 200, 300]
    stars, tags = dataset.targets["edge_values"], dataset.targets["edge_labels"]
    assert isinstance(stars, EdgeValues)
    assert sorted(stars.target.tolist()) == [3.0, 5.0]
    assert isinstance(tags, EdgeLabels)
    assert (tags.class_names, tags.edges.tolist()) == (("new", "old"), [[0, 1], [0, 1]])
    assert dataset.hypergraphs["sets"].num_edges == 1
    (tmp_path / "tables.yaml").write_text(text.replace("columns: [id, sex, age]", "columns: 3"))
    with pytest.raises(ConfigError, match=r"nodes\.user\.columns is 3, expected"):
        load_tables(tmp_path)


def test_folders_packed_files_and_json_lines_are_tables_by_their_names(tmp_path: Path) -> None:
    parts = tmp_path / "nodes" / "user"
    parts.mkdir(parents=True)
    (tmp_path / "edges").mkdir()
    pq.write_table(pa.table({"id": ["a", "b"], "label": ["x", "y"]}), parts / "part-0.parquet")
    pq.write_table(pa.table({"id": [*"cdef"], "label": [*"xyxy"]}), parts / "part-1.parquet")
    (tmp_path / "nodes" / "item.jsonl").write_text('{"id": 7, "features": [1, 2]}\n')
    (tmp_path / "nodes" / "README.md").write_text("# not a table")
    edges = tmp_path / "edges" / "user__buys__item.tsv.gz"
    edges.write_bytes(gzip.compress(b"src\tdst\tweight\nf\t7\t2\n"))
    dataset = load_tables(tmp_path)
    assert dataset.graph.num_nodes == {"item": 1, "user": 6}
    assert dataset.graph.ids["user"].to_pylist() == [*"abcdef"]
    assert dataset.graph.features["item"].tolist() == [[1.0, 2.0]]
    assert dataset.graph.relation("buys").edges()[0].tolist() == [5]
    assert dataset.labels is not None
    assert dataset.labels.class_names == ("x", "y")
    (tmp_path / "nodes" / "user.csv").write_text("id\na\n")
    with pytest.raises(FileFormatError, match=r"user and user\.csv in nodes are tables named"):
        load_tables(tmp_path)


def test_several_files_are_one_table_of_a_declaration(tmp_path: Path) -> None:
    for number in (0, 1):
        (tmp_path / f"p{number}.csv").write_text(f"id,x\n{number},{number}.5\n")
    for file in ("[p0.csv, p1.csv]", "p*.csv"):
        (tmp_path / "tables.yaml").write_text(
            f"nodes: {{a: {{file: {file}, features: {{x: {{scale: none}}}}}}}}\n"
        )
        assert load_tables(tmp_path).graph.features["a"].tolist() == [[0.5], [1.5]]
    (tmp_path / "tables.yaml").write_text("nodes: {a: {file: [p0.csv, p9.csv]}}\n")
    with pytest.raises(FileFormatError, match=r"p9\.csv.*no such file"):
        load_tables(tmp_path)


# ------------------------------------------------------------ NA among classes and numbers


def test_na_is_a_class_and_an_empty_cell_is_not(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "edges").mkdir()
    (tmp_path / "nodes" / "a.csv").write_text(
        "id,label,value,category,text\nNA,NA,NA,null,NA\nnan,null,2,x,nan\nb,,,NA,\nc,NA,3,x,d\n"
        "d,null,4,x,x\ne,NA,5,x,y\nf,null,6,NA,z\n"
    )
    (tmp_path / "edges" / "a__r__a.csv").write_text("src,dst,kind\nNA,nan,NA\nnan,b,\nb,NA,null\n")
    dataset = load_tables(tmp_path)
    graph, labels, values = dataset.graph, dataset.labels, dataset.values
    assert labels is not None
    assert labels.class_names == ("NA", "null")
    assert (labels.index.tolist(), labels.target.tolist()) == (
        [0, 1, 3, 4, 5, 6],
        [0, 1, 0, 1, 0, 1],
    )
    assert values is not None
    assert values.index.tolist() == [1, 3, 4, 5, 6]
    assert graph.features["a"].tolist() == [3, 4, 2, 4, 4, 4, 2]  # null, x, NA: words like others
    assert graph.text["a"].to_pylist() == ["NA", "nan", "", "d", "x", "y", "z"]
    assert graph.ids["a"].to_pylist() == ["NA", "nan", "b", "c", "d", "e", "f"]
    (tmp_path / "tables.yaml").write_text(
        "nodes: {a: nodes/a.csv}\nedges: [{type: [a, r, a], file: edges/a__r__a.csv}]\n"
        "edge_labels: {edge: [a, r, a], column: kind}\n"
    )
    kinds = load_tables(tmp_path).targets["edge_labels"]
    assert isinstance(kinds, EdgeLabels)
    assert kinds.class_names == ("NA", "null")
    assert kinds.edges.tolist() == [[0, 2], [1, 0]]


def test_numbers_as_classes_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "a.csv").write_text("id,label\n" + "1,0\n2,1\n3,NA\n4,0\n5,1\n6,0\n")
    labels = load_tables(tmp_path).labels
    assert labels is not None
    assert (labels.index.tolist(), labels.num_classes) == ([0, 1, 3, 4, 5], 2)


def test_a_class_named_na_is_saved_and_loaded(tmp_path: Path) -> None:
    graph = HeteroGraph(num_nodes={"a": 4}, relations={})
    codes = torch.tensor([0, 1, 1])
    labels = Labels("a", 2, torch.arange(3), codes, class_names=("NA", "nan"))
    split = Split(torch.tensor([0]), torch.tensor([1]), torch.tensor([2]))
    dataset = Dataset("x", graph, labels, {"s": split})
    for format in ("csv", "parquet"):
        save_tables(dataset, tmp_path / format, format=format)  # type: ignore[arg-type]
        again = load_tables(tmp_path / format)
        assert again.labels is not None
        assert again.labels.class_names == ("NA", "nan")
        assert again.sha256 == dataset.sha256
