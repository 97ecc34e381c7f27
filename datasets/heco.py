"""The data sets of HeCo (Wang et al., KDD 2021): edge lists, features and three label budgets.

``XY.txt`` lists edges between the types with the initials X and Y, ``X_feat.npz`` holds features,
``labels.npy`` the classes of the target type, and ``{train,val,test}_K.npy`` a split with K
training labels per class. Meta-path products, positive pairs and neighbour lists (``pap.npz``,
``pos.npz``, ``nei_*.npy``) follow from the edges and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.textscan import read_columns
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.naming import complete_reverses, relation_name
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, FileFormatError, suggest

Ints = npt.NDArray[np.int64]

_TYPES = {
    "a": "author",
    "c": "conference",
    "d": "director",
    "m": "movie",
    "p": "paper",
    "r": "reference",
    "s": "subject",
    "t": "term",
    "w": "writer",
}
_EDGE_FILE = re.compile(r"[a-z]{2}\.txt")
_READ = re.compile(r"[a-z]{2}\.txt|[a-z]_feat\.npz|labels\.npy|(train|val|test)_\d+\.npy")
_PREFIXES = {"train": "train", "valid": "val", "test": "test"}


class HeCo(Collection):
    """ACM, DBLP and AMiner with 20, 40 or 60 training labels per class."""

    name = "heco"
    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Any]] = {"target": None}

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a data set of the collection; see :meth:`load_folder` for the format."""
        target = options.get("target") or files.manifest.loader["target"]
        return _load(files.folder, files.manifest.full_name, target)

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a folder of edge lists, features, labels and splits.

        The option ``target`` is the labelled type; default: the first type of all meta-path files
        (``pap.npz``, ...) of the folder.

        Raises:
            FileFormatError: If a file is missing, damaged or inconsistent with another one.
            ConfigError: If the target type is unknown or ambiguous.
        """
        return _load(path, f"heco:{path}", options.get("target") or _guess_target(path))

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the files of the folder that are read."""
        if not path.is_dir():
            return ()
        return sorted(file for file in path.iterdir() if _READ.fullmatch(file.name))


def _load(folder: Path, full_name: str, target: str) -> Dataset:
    names = sorted(file.name for file in folder.glob("*.txt") if _EDGE_FILE.fullmatch(file.name))
    if not names:
        raise FileFormatError(
            f"{folder} has no edge list; expected files such as pa.txt, named by two initials."
        )
    edges = {name[:2]: _read_edges(folder / name) for name in names}
    initials = sorted({letter for pair in edges for letter in pair})
    types = {letter: _TYPES.get(letter, letter) for letter in initials}
    if target not in types.values():
        raise ConfigError(f"unknown target type {target!r}.{suggest(target, types.values())}")
    features = {
        types[letter]: _read_features(folder / f"{letter}_feat.npz")
        for letter in initials
        if (folder / f"{letter}_feat.npz").is_file()
    }
    labels = _read_array(folder / "labels.npy")
    # The target type comes first, the others in alphabetical order of their initials.
    ordered = sorted(types.values(), key=lambda name: name != target)
    counts = {name: _count(name, target, types, edges, features, labels) for name in ordered}
    for pair, columns in edges.items():
        _check_edges(folder / f"{pair}.txt", columns, [counts[types[letter]] for letter in pair])
    relations, reverses = complete_reverses(
        {
            _edge_type(types[pair[0]], types[pair[1]]): Relation.from_edges(
                src, dst, counts[types[pair[0]]], counts[types[pair[1]]]
            )
            for pair, (src, dst) in edges.items()
        }
    )
    graph = HeteroGraph(
        num_nodes=counts,
        relations=relations,
        features={name: features[name] for name in ordered if name in features},
        reverses=reverses,
        name=full_name,
    )
    classes = torch.from_numpy(labels.astype(np.int64))
    node_labels = Labels(
        node_type=target,
        num_classes=int(classes.max()) + 1,
        index=torch.arange(classes.numel()),
        target=classes,
    )
    splits = _read_splits(folder, classes.numel())
    return Dataset(full_name, graph, node_labels, splits=splits)


def _edge_type(src: str, dst: str) -> EdgeType:
    return EdgeType(src, relation_name(src, dst), dst)


def _guess_target(folder: Path) -> str:
    names = [file.stem for file in folder.glob("*.npz")] if folder.is_dir() else []
    first = {name[0] for name in names if len(name) > 2 and name == name[::-1]}
    if len(first) != 1:
        raise ConfigError(
            f"{folder} does not show which type is labelled; "
            "set the option target, such as target='paper'."
        )
    letter = first.pop()
    return _TYPES.get(letter, letter)


# ------------------------------------------------------------------------------- files


def _read_edges(path: Path) -> tuple[Ints, Ints]:
    data = _read_bytes(path).replace(b" ", b"\t")
    table = read_columns(data, {"src": pa.int64(), "dst": pa.int64()}, str(path))
    return table["src"].to_numpy(), table["dst"].to_numpy()


def _check_edges(path: Path, columns: tuple[Ints, Ints], bounds: Sequence[int]) -> None:
    for ids, bound in zip(columns, bounds, strict=True):
        bad = np.flatnonzero((ids < 0) | (ids >= bound))
        if bad.size:
            raise FileFormatError(
                f"{path} line {bad[0] + 1}: node {ids[bad[0]]} does not exist; the ids of its type "
                f"run from 0 to {bound - 1}."
            )


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror}.") from error


def _read_array(path: Path) -> npt.NDArray[Any]:
    if not path.is_file():
        raise FileFormatError(f"{path} is missing; every data set of this format needs it.")
    try:
        array = np.load(path, allow_pickle=False)
    except Exception as error:  # Damaged archives raise many types of errors.
        raise FileFormatError(f"{path} is damaged ({type(error).__name__}: {error}).") from error
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "iuf":
        raise FileFormatError(f"{path} does not hold a list of numbers.")
    return array


def _read_features(path: Path) -> Tensor | CSR:
    """Reads ``scipy.sparse.save_npz``, or a plain ``.npy`` array under that name."""
    try:
        with path.open("rb") as file:
            is_array = file.read(6) == b"\x93NUMPY"
        if is_array:
            return torch.from_numpy(np.load(path, allow_pickle=False).astype(np.float32))
        matrix = sp.load_npz(path)
        if matrix.format in ("csr", "csc"):
            matrix.check_format(full_check=True)
        return CSR.from_scipy(matrix)
    except Exception as error:  # Damaged archives raise many types of errors.
        raise FileFormatError(f"{path} is damaged ({type(error).__name__}: {error}).") from error


def _count(
    name: str,
    target: str,
    types: Mapping[str, str],
    edges: Mapping[str, tuple[Ints, Ints]],
    features: Mapping[str, Tensor | CSR],
    labels: npt.NDArray[Any],
) -> int:
    """Returns the number of nodes of a type; labels and features include isolated nodes."""
    if name == target:
        return int(labels.size)
    if name in features:
        return int(features[name].shape[0])
    sizes = [
        int(ids.max()) + 1
        for pair, columns in edges.items()
        for letter, ids in zip(pair, columns, strict=True)
        if types[letter] == name and ids.size
    ]
    return max(sizes, default=0)


def _read_splits(folder: Path, size: int) -> dict[str, Split]:
    budgets = sorted(int(path.stem[6:]) for path in folder.glob("train_*.npy"))
    splits = {}
    for budget in budgets:
        split = {}
        for name, prefix in _PREFIXES.items():
            path = folder / f"{prefix}_{budget}.npy"
            ids = _read_array(path).astype(np.int64)
            if ids.size and (ids.min() < 0 or ids.max() >= size):
                raise FileFormatError(f"{path} lists node {ids.max()}, but {size} have labels.")
            split[name] = torch.from_numpy(ids)
        splits[str(budget)] = Split(**split)
    return splits
