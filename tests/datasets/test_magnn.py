"""MAGNN's IMDB and LastFM: real counts, written files, damaged files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from hetgraph import load_dataset
from hetgraph.catalog import Dataset
from hetgraph.catalog.collection import Files
from hetgraph.catalog.loading import dataset_task
from hetgraph.catalog.manifest import FileEntry, Manifest
from hetgraph.data import EdgeType
from hetgraph.datasets.magnn import MAGNN
from hetgraph.errors import FileFormatError
from hetgraph.tasks import audit, make_task

LOADER = {"node_types": ["movie", "director", "actor"], "classes": ["Action", "Comedy"]}


def read(folder: Path, name: str) -> Dataset:
    """Loads a data set of the collection from other files than the published ones."""
    entries = tuple(FileEntry(path.name, 0, "0" * 64, ()) for path in folder.iterdir())
    manifest = Manifest("magnn", name, files=entries, loader=LOADER)
    return MAGNN().load(name, Files(folder, manifest))


# -------------------------------------------------------------------------------- IMDB


def packed(save: Any, *values: Any, **named: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *values, **named)
    return buffer.getvalue()


def write_imdb(folder: Path, changes: Mapping[str, bytes | None] | None = None) -> Path:
    """Writes two movies, one director and two actors; a member can be replaced."""
    edges = np.zeros((5, 5), dtype=np.int32)
    for movie, other in ((0, 2), (1, 2), (0, 3), (1, 4)):
        edges[movie, other] = edges[other, movie] = 1
    members: dict[str, bytes | None] = {
        "adjM.npz": packed(sp.save_npz, sp.csr_matrix(edges)),
        "node_types.npy": packed(np.save, np.array([0, 0, 1, 2, 2])),
        "labels.npy": packed(np.save, np.array([1, 0])),
        "train_val_test_idx.npz": packed(
            np.savez, train_idx=np.array([1]), val_idx=np.array([0]), test_idx=np.array([0])
        ),
        "0/0-1-0_idx.npy": b"never read",
    }
    for number, count in enumerate((2, 1, 2)):
        members[f"features_{number}.npz"] = packed(sp.save_npz, sp.csr_matrix(np.eye(count, 4)))
    members |= changes or {}
    with zipfile.ZipFile(folder / "IMDB_processed.zip", "w") as archive:
        for name, data in members.items():
            if data is not None:
                archive.writestr(f"IMDB_processed/{name}", data)
    return folder


def test_the_archive_of_imdb_is_read_exactly(tmp_path: Path) -> None:
    dataset = read(write_imdb(tmp_path), "IMDB")
    graph, labels = dataset.graph, dataset.labels
    assert graph.num_nodes == {"movie": 2, "director": 1, "actor": 2}
    stars = EdgeType("movie", "stars", "actor")
    assert torch.stack(graph.relations[stars].edges()).tolist() == [[0, 1], [0, 1]]
    assert graph.schema.reverse_of(stars) == EdgeType("actor", "acts_in", "movie")
    assert graph.features["actor"].to_dense().tolist() == np.eye(2, 4).tolist()  # type: ignore[operator]
    assert labels is not None
    assert (labels.target.tolist(), labels.class_names) == ([1, 0], ("Action", "Comedy"))
    assert dataset.splits["default"].train.tolist() == [1]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("labels.npy", None, r"has no labels\.npy"),
        ("features_1.npz", None, r"has no features_1\.npz"),
        ("labels.npy", b"nothing", r"labels\.npy is damaged"),
        ("adjM.npz", b"nothing", r"adjM\.npz is damaged"),
        ("node_types.npy", packed(np.save, np.array([0, 2, 1, 2, 2])), "is not sorted"),
        ("node_types.npy", packed(np.save, np.array([0, 1, 1, 2, 3])), "has more types"),
        ("node_types.npy", packed(np.save, np.array([0, 1, 2, 2])), "not of 4 nodes"),
        ("node_types.npy", packed(np.save, np.array([0, 0, 0, 1, 2])), "2 movies have features"),
        ("train_val_test_idx.npz", packed(np.savez, a=np.zeros(1)), "train_idx is not"),
    ],
)
def test_damaged_members_are_told(
    tmp_path: Path, name: str, data: bytes | None, message: str
) -> None:
    with pytest.raises(FileFormatError, match=message):
        read(write_imdb(tmp_path, {name: data}), "IMDB")


def test_another_file_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "IMDB_processed.zip").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match="cannot be read"):
        read(tmp_path, "IMDB")


def test_imdb_has_the_published_counts(data_root: Path) -> None:
    """The counts of the files are those of the manifest, which loading compares."""
    dataset = load_dataset("magnn/IMDB", root=data_root, cache=False)
    labels = dataset.labels
    assert labels is not None
    assert torch.bincount(labels.target).tolist() == [1135, 1584, 1559]
    audit(make_task(dataset))
    assert dataset_task("magnn/IMDB") == "node-classification"


# ------------------------------------------------------------------------------ LastFM

LASTFM = {
    "user_artist.dat": "1\t1\t10\n1\t2\t7\n2\t1\t5\n3\t3\t1\n",
    "user_user(original).dat": "1\t2\n2\t1\n",
    "artist_tag.dat": "1\t9\n1\t9\n2\t9\n4\t5\n4\t5\n4\t5\n",
}
ROWS = {"train_idx": np.array([0, 3]), "val_idx": np.array([1]), "test_idx": np.array([2])}


@pytest.fixture
def lastfm(tmp_path: Path) -> Path:
    """Three users, four artists, two tags that count and one that was given once."""
    for name, text in LASTFM.items():
        (tmp_path / name).write_text(text)
    np.savez(tmp_path / "train_val_test_idx.npz", **ROWS)
    return tmp_path


def test_the_files_of_lastfm_are_read_exactly(lastfm: Path) -> None:
    dataset = read(lastfm, "LastFM")
    graph, links = dataset.graph, dataset.links["links"]
    assert graph.num_nodes == {"user": 3, "artist": 4, "tag": 2}
    assert graph.ids["tag"].to_pylist() == [5, 9]
    listens = graph.relation("listens_to")
    assert listens.weight is None
    assert torch.stack(listens.edges()).tolist() == [[0, 2], [0, 2]]
    assert torch.stack(graph.relation("tagged").edges()).tolist() == [[3, 0], [0, 1]]
    assert links.valid is not None
    assert (links.valid.tolist(), links.test.tolist()) == ([[0], [1]], [[1], [0]])


def test_rows_that_are_no_partition_and_ids_below_1_are_told(lastfm: Path) -> None:
    np.savez(lastfm / "train_val_test_idx.npz", **{**ROWS, "val_idx": np.array([0])})
    with pytest.raises(FileFormatError, match="not a partition"):
        read(lastfm, "LastFM")
    (lastfm / "user_user(original).dat").write_text("0\t1\n")
    with pytest.raises(FileFormatError, match=r"user_user\(original\)\.dat is empty or holds an"):
        read(lastfm, "LastFM")


def test_lastfm_has_the_published_counts_and_those_of_hgb(data_root: Path) -> None:
    """The counts of the files are those of the manifest, which loading compares."""
    dataset = load_dataset("magnn/LastFM", root=data_root, cache=False)
    audit(make_task(dataset))
    assert dataset_task("magnn/LastFM") == "link-prediction"
    links = dataset.links["links"]
    assert links.valid is not None
    known = torch.stack(dataset.graph.relation("listens_to").edges())
    pairs = torch.cat([known, links.valid, links.test], dim=1)
    assert torch.unique(pairs, dim=1).shape[1] == 92834
