"""Ratings with side information: real counts, written files, the HDF5 reader and its absence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import torch

from hetgraph import load_dataset
from hetgraph.catalog import Dataset
from hetgraph.catalog.collection import Files
from hetgraph.catalog.manifest import FileEntry, Manifest
from hetgraph.datasets.recsys import RatingSets
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.io import EdgeTable, from_tables
from hetgraph.tasks import audit, make_task

AMAZON = {
    "user_item.dat": "1\t0\t5\t100\n0\t2\t3.5\t90\n",
    "item_view.dat": "0,0\n1,1\n",
    "item_category.dat": "3,0\n",
    "item_brand.dat": "0,1\n",
}


def read(folder: Path, name: str) -> Dataset:
    """Loads a data set of the collection from other files than the published ones."""
    entries = tuple(FileEntry(path.name, 0, "0" * 64, ()) for path in folder.iterdir())
    return RatingSets().load(name, Files(folder, Manifest("recsys", name, files=entries)))


@pytest.fixture
def amazon(tmp_path: Path) -> Path:
    """Two users and four items, two of them rated."""
    folder = tmp_path / "Amazon"
    folder.mkdir()
    for name, text in AMAZON.items():
        (folder / name).write_text(text)
    return folder


def test_the_files_of_amazon_are_read_exactly(amazon: Path) -> None:
    dataset = read(amazon, "Amazon")
    graph, target = dataset.graph, dataset.edge_target
    assert graph.num_nodes == {"user": 2, "item": 4, "view": 2, "category": 1, "brand": 2}
    assert target is not None
    assert target.edges.tolist() == [[1, 0], [0, 2]]
    assert target.target.tolist() == [5.0, 3.5]
    assert target.time is not None
    assert target.time.tolist() == [100, 90]
    rates = graph.relation("rates")
    assert rates.weight is None  # the target is not an input
    assert rates.edge_time is not None
    assert torch.stack(graph.relation("in_category").edges()).tolist() == [[3], [0]]
    assert len(graph.schema.reverses) == 4


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("item_view.dat", "0,0\n-1,1\n", r"item_view\.dat line 2: item is -1, below 0"),
        ("item_brand.dat", "0\t1\n", r"item_brand\.dat is damaged"),
        ("user_item.dat", "0\t0\tgood\t1\n", r"user_item\.dat is damaged"),
    ],
)
def test_damaged_files_of_amazon_are_told(amazon: Path, name: str, text: str, message: str) -> None:
    (amazon / name).write_text(text)
    with pytest.raises(FileFormatError, match=message):
        read(amazon, "Amazon")


def test_amazon_has_the_published_counts_and_hides_test_ratings(data_root: Path) -> None:
    """The counts of the files are those of the manifest, which loading compares."""
    dataset = load_dataset("recsys/Amazon", root=data_root, cache=False)
    task = make_task(dataset, options={"split": "time"})
    audit(task)
    target = dataset.edge_target
    assert target is not None
    assert target.time is not None
    assert task.spec.kind == "edge-regression"
    last = target.time[task.index("test")]
    assert last.numel() == 39164  # a fifth; ratings of one day are in one split
    assert int(last.min()) > int(target.time[task.index("train")].max())


def test_amazon_is_a_graph_of_tables_by_one_call(data_root: Path) -> None:
    folder = data_root / "recsys/Amazon"

    def table(name: str, columns: list[str], delimiter: str) -> pa.Table:
        return pa.csv.read_csv(
            folder / name,
            read_options=pa.csv.ReadOptions(column_names=columns),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter),
        )

    ratings = table("user_item.dat", ["user", "item", "rating", "time"], "\t")
    brands = table("item_brand.dat", ["item", "brand"], ",")
    graph = from_tables(
        nodes={"user": 6170, "item": 2753, "brand": 334},
        edges={
            ("user", "rates", "item"): EdgeTable(ratings, "user", "item", time="time"),
            ("item", "of_brand", "brand"): EdgeTable(brands, "item", "brand"),
        },
    )
    ours = load_dataset("recsys/Amazon", root=data_root, cache=False).graph
    for name in ("rates", "of_brand"):
        assert torch.equal(graph.relation(name).indices, ours.relation(name).indices)
        assert torch.equal(graph.relation(name).indptr, ours.relation(name).indptr)


# ------------------------------------------------------------------------------ Douban

RATINGS = np.array([[5.0, 0.0, 1.0], [0.0, 2.0, 0.0]])
TEST = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
KNOWS = np.array([[0.0, 1.0], [1.0, 0.0]])


def write(folder: Path, **changes: Any) -> Path:
    """Writes a MATLAB 7.3 file of two users and three items; a matrix can be replaced."""
    h5py = pytest.importorskip("h5py")
    train = ((RATINGS != 0) & (TEST == 0)).astype(float)
    matrices = {"M": RATINGS, "Otraining": train, "Otest": TEST, "W_users": KNOWS, **changes}
    with h5py.File(folder / "training_test_dataset.mat", "w") as file:
        for name, matrix in matrices.items():
            if matrix is not None:
                file[name] = matrix.T
    return folder


def test_the_matrices_of_douban_are_read_exactly(tmp_path: Path) -> None:
    dataset = read(write(tmp_path), "douban")
    target, split = dataset.edge_target, dataset.splits["default"]
    assert target is not None
    assert dataset.graph.num_nodes == {"user": 2, "item": 3}
    assert target.edges.tolist() == [[0, 0, 1], [0, 2, 1]]
    assert target.target.tolist() == [5.0, 1.0, 2.0]
    assert (split.train.tolist(), split.test.tolist()) == ([0, 2], [1])
    knows = dataset.graph.relation("knows")
    assert torch.stack(knows.edges()).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Otest": None}, "has no matrix Otest"),
        ({"Otest": TEST[:, :2]}, "M, Otraining and Otest differ in shape"),
        ({"Otraining": (RATINGS != 0).astype(float)}, "Otraining and Otest share ratings"),
        ({"Otest": TEST * 0}, "are not the ratings of M"),
        ({"W_users": np.zeros((3, 3))}, r"W_users is \[3, 3\], expected 2 users twice"),
    ],
)
def test_matrices_that_do_not_fit_are_told(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(FileFormatError, match=message):
        read(write(tmp_path, **changes), "douban")


def test_another_file_is_no_matlab_file(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    (tmp_path / "training_test_dataset.mat").write_bytes(b"MATLAB 5.0" * 50)
    with pytest.raises(FileFormatError, match=r"is no MATLAB 7\.3 file"):
        read(tmp_path, "douban")


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "training_test_dataset.mat").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ConfigError, match=r"pip install 'hetgraph\[hdf5\]'"):
        read(tmp_path, "douban")


def test_douban_has_the_published_counts(data_root: Path) -> None:
    """The counts of the file are those of the manifest, which loading compares."""
    pytest.importorskip("h5py")
    dataset = load_dataset("recsys/douban", root=data_root, cache=False)
    task = make_task(dataset)
    audit(task)
    assert task.index("test").numel() == 13689
    assert task.index("train").numel() + task.index("valid").numel() == 123202
