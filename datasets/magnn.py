"""The data sets of MAGNN (Fu et al., WWW 2020): IMDB, and LastFM with its split of the links.

IMDB is one zip: ``adjM.npz`` (all nodes by all nodes), ``features_T.npz`` for each type T,
``node_types.npy``, ``labels.npy`` (movies) and ``train_val_test_idx.npz``. LastFM is text with ids
from 1 and ``train_val_test_idx.npz``, row numbers of ``user_artist.dat``. As in MAGNN, only the
training rows are edges, play counts are left out, and a tag counts where it was given to an artist
at least twice.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
import torch

from hetgraph.catalog import Dataset, Labels, Links, Split
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.textscan import read_columns
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.naming import complete_reverses, relation_name
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import FileFormatError

Ints = npt.NDArray[np.int64]

_SPLITS = ("train", "val", "test")


class MAGNN(Collection):
    """IMDB (node classification) and LastFM (link prediction)."""

    name = "magnn"
    version: ClassVar[int] = 1

    def task_of(self, name: str, *, target: str = "") -> str:
        """Returns the task family of a data set."""
        return "link-prediction" if name == "LastFM" else "node-classification"

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a data set of the collection.

        Raises:
            FileFormatError: If a file is damaged or inconsistent with another one.
        """
        return _load_lastfm(files) if name == "LastFM" else _load_imdb(files)


# -------------------------------------------------------------------------------- IMDB


def _load_imdb(files: Files) -> Dataset:
    path = files.path("IMDB_processed.zip")
    names: list[str] = files.manifest.loader["node_types"]
    members = _members(path)
    kinds = _array(members, "node_types.npy", path)
    bounds = np.searchsorted(kinds, np.arange(len(names) + 1))
    if (np.diff(kinds) < 0).any() or bounds[-1] != kinds.size:
        raise FileFormatError(f"{path}: node_types.npy is not sorted, or has more types.")
    sizes = dict(zip(names, np.diff(bounds).tolist(), strict=True))
    adjacency = _sparse(members, "adjM.npz", path)
    if adjacency.shape != (kinds.size, kinds.size):
        raise FileFormatError(f"{path}: adjM.npz is {adjacency.shape}, not of {kinds.size} nodes.")
    features = {
        name: _sparse(members, f"features_{number}.npz", path) for number, name in enumerate(names)
    }
    for name, matrix in features.items():
        if matrix.shape[0] != sizes[name]:
            raise FileFormatError(f"{path}: {matrix.shape[0]} {name}s have features.")
    relations, reverses = complete_reverses(_blocks(adjacency, names, bounds))
    graph = HeteroGraph(
        num_nodes=sizes,
        relations=relations,
        features={name: CSR.from_scipy(matrix) for name, matrix in features.items()},
        reverses=reverses,
        name=files.manifest.full_name,
    )
    classes: list[str] = files.manifest.loader["classes"]
    target = torch.from_numpy(_array(members, "labels.npy", path).astype(np.int64))
    labels = Labels(
        names[0], len(classes), torch.arange(target.numel()), target, class_names=tuple(classes)
    )
    split = Split(*(torch.from_numpy(ids) for ids in _split(members, path)))
    return Dataset(files.manifest.full_name, graph, labels, splits={"default": split})


def _blocks(matrix: sp.csr_array, names: list[str], bounds: Ints) -> dict[EdgeType, Relation]:
    """Returns a relation for each pair of types that has an edge."""
    relations = {}
    for i, src in enumerate(names):
        for j, dst in enumerate(names):
            block = matrix[bounds[i] : bounds[i + 1], bounds[j] : bounds[j + 1]].tocoo()
            if block.nnz:
                key = EdgeType(src, relation_name(src, dst), dst)
                row, col = (ids.astype(np.int64) for ids in (block.row, block.col))
                relations[key] = Relation.from_edges(row, col, block.shape[0], block.shape[1])
    return relations


def _members(path: Path) -> dict[str, bytes]:
    """Returns the arrays of a zip by file name, without those of meta-path instances."""
    try:
        with zipfile.ZipFile(path) as archive:
            wanted = [name for name in archive.namelist() if name.endswith((".npz", ".npy"))]
            top = [name for name in wanted if not name.endswith("_idx.npy")]
            return {name.rpartition("/")[2]: archive.read(name) for name in top}
    except Exception as error:  # zlib and zipfile raise many types of errors.
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{path} cannot be read ({reason}).") from error


# ------------------------------------------------------------------------------ LastFM


def _load_lastfm(files: Files) -> Dataset:
    listens = _pairs(files.path("user_artist.dat"), ("user", "artist", "plays"))
    knows = _pairs(files.path("user_user(original).dat"), ("user", "friend"))
    given = _pairs(files.path("artist_tag.dat"), ("artist", "tag"))
    users = int(max(listens[0].max(), knows.max())) + 1
    artists = int(max(listens[1].max(), given[0].max())) + 1
    distinct, times = np.unique(given, axis=1, return_counts=True)
    kept = distinct[:, times > 1]
    tags, tag = np.unique(kept[1], return_inverse=True)
    path = files.path("train_val_test_idx.npz")
    rows = dict(zip(_SPLITS, _split({path.name: path.read_bytes()}, path), strict=True))
    if not np.array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(len(listens.T))):
        raise FileFormatError(f"{path}: the rows are not a partition of user_artist.dat.")
    pairs = {name: torch.from_numpy(listens[:, ids]) for name, ids in rows.items()}
    key = EdgeType("user", relation_name("user", "artist"), "artist")
    relations, reverses = complete_reverses(
        {
            key: Relation.from_edges(pairs["train"][0], pairs["train"][1], users, artists),
            EdgeType("user", "knows", "user"): Relation.from_edges(
                knows[0], knows[1], users, users
            ),
            EdgeType("artist", "tagged", "tag"): Relation.from_edges(
                kept[0], tag, artists, tags.size
            ),
        }
    )
    graph = HeteroGraph(
        num_nodes={"user": users, "artist": artists, "tag": tags.size},
        relations=relations,
        reverses=reverses,
        ids={
            "user": pa.array(np.arange(users) + 1),
            "artist": pa.array(np.arange(artists) + 1),
            "tag": pa.array(tags + 1),
        },
        name=files.manifest.full_name,
    )
    links = Links((key,), pairs["val"], pairs["test"])
    return Dataset(files.manifest.full_name, graph, links, task="link-prediction")


def _pairs(path: Path, columns: tuple[str, ...]) -> Ints:
    """Returns the ``[2, n]`` first two columns of a text file, from 0."""
    table = read_columns(path.read_bytes(), dict.fromkeys(columns, pa.int64()), str(path))
    pairs = np.stack([table[name].to_numpy() for name in columns[:2]]) - 1
    if not pairs.size or pairs.min() < 0:
        raise FileFormatError(f"{path} is empty or holds an id below 1.")
    return pairs


# -------------------------------------------------------------------------- both sets


def _split(members: Mapping[str, bytes], path: Path) -> list[Ints]:
    archive = _open(members, "train_val_test_idx.npz", path)
    try:
        return [np.asarray(archive[f"{name}_idx"], dtype=np.int64) for name in _SPLITS]
    except (KeyError, ValueError) as error:
        raise FileFormatError(f"{path}: train_val_test_idx.npz is damaged ({error}).") from error


def _array(members: Mapping[str, bytes], name: str, path: Path) -> Ints:
    return np.asarray(_open(members, name, path))


def _open(members: Mapping[str, bytes], name: str, path: Path) -> Any:
    """Reads an array or an archive of arrays; nothing in it can run code."""
    if name not in members:
        raise FileFormatError(f"{path} has no {name}.")
    try:
        return np.load(io.BytesIO(members[name]), allow_pickle=False)
    except Exception as error:  # numpy and zipfile raise many types of errors.
        raise FileFormatError(f"{path}: {name} is damaged ({error}).") from error


def _sparse(members: Mapping[str, bytes], name: str, path: Path) -> sp.csr_array:
    if name not in members:
        raise FileFormatError(f"{path} has no {name}.")
    try:
        return sp.csr_array(sp.load_npz(io.BytesIO(members[name])))
    except Exception as error:  # scipy and numpy raise many types of errors.
        raise FileFormatError(f"{path}: {name} is damaged ({error}).") from error
