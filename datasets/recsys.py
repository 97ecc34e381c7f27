"""Ratings with side information: Amazon (as in HERec) and Douban (as in Monti et al., NIPS 2017).

Amazon is four text files without header: ``user_item.dat`` (user, item, rating, Unix time; tabs)
and ``item_X.dat`` (item, X; commas) for X in view, category and brand. Douban is a MATLAB 7.3 file,
that is HDF5: the rating matrix ``M``, the masks ``Otraining`` and ``Otest``, the user graph
``W_users``.

Ratings are the target and not weights of edges, where models could read those of test edges.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from hetgraph.catalog import Dataset, EdgeValues, Split
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.textscan import read_columns
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.naming import complete_reverses
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import FileFormatError
from hetgraph.optional import Package, require

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_RATES = EdgeType("user", "rates", "item")
_RATINGS = {"user": pa.int64(), "item": pa.int64(), "rating": pa.float64(), "time": pa.int64()}
_SIDES = {"view": "has_view", "category": "in_category", "brand": "of_brand"}
_MATRICES = ("M", "Otraining", "Otest", "W_users")


_H5PY = Package("h5py", "hetgraph[hdf5]")


class RatingSets(Collection):
    """Amazon (items with views, categories and brands) and douban (users who know each other)."""

    name = "recsys"
    version: ClassVar[int] = 1
    task: ClassVar[str] = "edge-regression"

    def packages(self, name: str) -> tuple[Package, ...]:
        """Returns h5py, which reads ``douban``."""
        return (_H5PY,) if name == "douban" else ()

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a data set of the collection.

        Raises:
            FileFormatError: If a file is damaged or inconsistent with another one.
            ConfigError: If h5py, which reads ``douban``, is not installed.
        """
        return _load_douban(files) if name == "douban" else _load_amazon(files)


def _load_amazon(files: Files) -> Dataset:
    path = files.path("user_item.dat")
    ratings = _table(path, _RATINGS, "\t")
    sides = {
        name: _table(files.path(f"item_{name}.dat"), {"item": pa.int64(), name: pa.int64()}, ",")
        for name in _SIDES
    }
    items = [ratings["item"], *(table["item"] for table in sides.values())]
    sizes = {"user": _size(ratings["user"]), "item": max(map(_size, items))}
    sizes |= {name: _size(table[name]) for name, table in sides.items()}
    pairs = np.stack([ratings["user"], ratings["item"]])
    relations = {
        _RATES: Relation.from_edges(
            pairs[0], pairs[1], sizes["user"], sizes["item"], edge_time=ratings["time"]
        )
    }
    for name, table in sides.items():
        relations[EdgeType("item", _SIDES[name], name)] = Relation.from_edges(
            table["item"], table[name], sizes["item"], sizes[name]
        )
    target = EdgeValues(
        _RATES,
        torch.from_numpy(pairs),
        torch.from_numpy(ratings["rating"]),
        torch.from_numpy(ratings["time"]),
        "rating",
    )
    return _dataset(files, sizes, relations, target)


def _load_douban(files: Files) -> Dataset:
    path = files.path("training_test_dataset.mat")
    ratings, train, test, knows = _read_matlab(path)
    if not ratings.shape == train.shape == test.shape:
        raise FileFormatError(f"{path}: M, Otraining and Otest differ in shape.")
    if knows.shape != (ratings.shape[0],) * 2:
        raise FileFormatError(
            f"{path}: W_users is {list(knows.shape)}, expected {ratings.shape[0]} users twice."
        )
    if (train.astype(bool) & test.astype(bool)).any():
        raise FileFormatError(f"{path}: Otraining and Otest share ratings.")
    if ((ratings != 0) != (train + test > 0)).any():
        raise FileFormatError(f"{path}: Otraining and Otest are not the ratings of M.")
    users, items = np.nonzero(ratings)
    friends = np.nonzero(knows)
    sizes = {"user": ratings.shape[0], "item": ratings.shape[1]}
    relations = {
        _RATES: Relation.from_edges(users, items, sizes["user"], sizes["item"]),
        EdgeType("user", "knows", "user"): Relation.from_edges(
            friends[0], friends[1], sizes["user"], sizes["user"]
        ),
    }
    target = EdgeValues(
        _RATES,
        torch.from_numpy(np.stack([users, items])),
        torch.from_numpy(ratings[users, items]),
        name="rating",
    )
    held = torch.from_numpy(test[users, items] != 0)
    split = Split((~held).nonzero().squeeze(1), None, held.nonzero().squeeze(1))
    return _dataset(files, sizes, relations, target, {"default": split})


def _dataset(
    files: Files,
    sizes: dict[str, int],
    relations: dict[EdgeType, Relation],
    target: EdgeValues,
    splits: dict[str, Split] | None = None,
) -> Dataset:
    complete, reverses = complete_reverses(relations)
    name = files.manifest.full_name
    graph = HeteroGraph(num_nodes=sizes, relations=complete, reverses=reverses, name=name)
    return Dataset(name, graph, target, splits=splits or {}, task="edge-regression")


def _table(path: Path, columns: dict[str, pa.DataType], delimiter: str) -> dict[str, Any]:
    """Returns the columns of a file as arrays of their own."""
    table = read_columns(path.read_bytes(), columns, str(path), delimiter=delimiter)
    arrays = {name: table[name].to_numpy().copy() for name in columns}
    for name, values in arrays.items():
        if values.size and values.min() < 0:
            row = int(values.argmin())
            raise FileFormatError(f"{path} line {row + 1}: {name} is {values[row]}, below 0.")
    return arrays


def _size(ids: Ints) -> int:
    return int(ids.max()) + 1 if ids.size else 0


def _read_matlab(path: Path) -> list[Floats]:
    """Reads the matrices; MATLAB stores them by columns, so that HDF5 has the transposes."""
    h5py = require(*_H5PY)
    try:
        with h5py.File(path, "r") as file:
            if lacking := [name for name in _MATRICES if name not in file]:
                raise FileFormatError(f"{path} has no matrix {', '.join(lacking)}.")
            return [np.asarray(file[name], dtype=np.float64).T for name in _MATRICES]
    except FileFormatError:
        raise
    except Exception as error:  # h5py raises many types of errors.
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{path} is no MATLAB 7.3 file ({reason[:200]}).") from error
