"""The multi-behaviour data sets of DiffGraph (Li et al., WSDM 2025).

There is one user x item matrix per behaviour: ``train_mat_X.pkl`` holds the times (Unix seconds)
of behaviour X, ``test_mat.pkl`` one later purchase of some users. The pickles are scipy matrices;
nothing in them can run code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
import torch

from hetgraph.catalog import Dataset, Links
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.unpickle import load_pickle
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, FileFormatError, suggest

_PREFIX, _TEST = "train_mat_", "test_mat.pkl"


class DiffGraphSets(Collection):
    """Retail Rocket and Tmall: what users viewed, put into the cart, and bought."""

    name = "diffgraph"
    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Any]] = {"target": "buy"}
    task: ClassVar[str] = "recommendation"

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a data set of the collection; see :meth:`load_folder` for the format."""
        return _load(files.folder, files.manifest.full_name, options.get("target", "buy"))

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a folder with ``train_mat_X.pkl`` for each behaviour X, and ``test_mat.pkl``.

        Args:
            path: The folder.
            **options: ``target``: the behaviour to predict.

        Raises:
            FileFormatError: If a file is missing, damaged, or differs from the others in shape.
            ConfigError: If there is no such behaviour.
        """
        return _load(path, f"diffgraph:{path}", options.get("target", "buy"))

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the matrices of the folder."""
        return sorted(path.glob("*_mat*.pkl"))


def _load(folder: Path, full_name: str, target: str) -> Dataset:
    matrices = {
        path.stem.removeprefix(_PREFIX): _read(path) for path in folder.glob(f"{_PREFIX}*.pkl")
    }
    if not matrices or not (folder / _TEST).is_file():
        raise FileFormatError(f"{folder} needs {_PREFIX}X.pkl for a behaviour X, and {_TEST}.")
    if target not in matrices:
        raise ConfigError(f"{folder} has no behaviour {target!r}.{suggest(target, matrices)}")
    test = _read(folder / _TEST)
    shape = test.shape
    for name, matrix in matrices.items():
        if matrix.shape != shape:
            raise FileFormatError(
                f"{folder}: {_PREFIX}{name}.pkl is {matrix.shape}, {_TEST} is {shape}."
            )
    relations: dict[EdgeType, Relation] = {}
    reverses = []
    for name in [target, *sorted(set(matrices) - {target})]:
        key, back = EdgeType("user", name, "item"), EdgeType("item", f"rev_{name}", "user")
        relations[key] = _relation(matrices[name])
        relations[back] = relations[key].transpose
        reverses.append((key, back))
    graph = HeteroGraph(
        num_nodes={"user": shape[0], "item": shape[1]},
        relations=relations,
        reverses=tuple(reverses),
        name=full_name,
    )
    held = torch.from_numpy(np.stack([test.row, test.col]).astype(np.int64))
    links = {"default": Links((EdgeType("user", target, "item"),), None, held)}
    return Dataset(full_name, graph, links, task="recommendation")


def _read(path: Path) -> sp.coo_matrix:
    value = load_pickle(path.read_bytes(), str(path))
    if not sp.issparse(value):
        raise FileFormatError(f"{path} holds a {type(value).__name__}, expected a sparse matrix.")
    return value.tocoo()


def _relation(matrix: sp.coo_matrix) -> Relation:
    return Relation.from_edges(
        matrix.row.astype(np.int64),
        matrix.col.astype(np.int64),
        *matrix.shape,
        edge_time=matrix.data.astype(np.int64),
    )
