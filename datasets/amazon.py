"""Co-purchase graphs of Amazon (Shchur et al., 2018): one numpy archive without pickles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.catalog.collection import Collection, Files
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, FileFormatError

Ints = npt.NDArray[np.int64]

_BOUGHT = EdgeType("product", "bought_with", "product")
_TRAIN, _VALID = 20, 30  # Usual numbers of nodes per class.


class Amazon(Collection):
    """Photo: one node type, one undirected relation.

    No split is published. The split ``"default"`` draws 20 training and 30 validation nodes per
    class with ``numpy.random.default_rng(split_seed)``; the rest is for the test. The default
    seed is 0, so that the default split is the same for everyone.
    """

    name = "amazon"
    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Any]] = {"split_seed": 0}

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a data set of the collection; see :meth:`load_folder` for the format."""
        path = files.path(files.manifest.files[0].name)
        return _load(path, files.manifest.full_name, options.get("split_seed", 0))

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads an ``.npz`` with the members ``adj_*``, ``attr_*`` and ``labels``.

        Raises:
            FileFormatError: If the file is missing, damaged or inconsistent.
        """
        archives = self.folder_files(path)
        if len(archives) != 1:
            raise FileFormatError(f"{path} has {len(archives)} .npz files, expected one.")
        return _load(archives[0], f"amazon:{path}", options.get("split_seed", 0))

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the archive."""
        return (path,) if path.is_file() else sorted(path.glob("*.npz"))


def _load(path: Path, full_name: str, seed: int) -> Dataset:
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ConfigError(f"split_seed is {seed!r}, expected an integer of 0 or more.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            members = {name: archive[name] for name in archive.files}
        adjacency, features = _csr(members, "adj"), _csr(members, "attr")
        classes = members["labels"].astype(np.int64)
        names = tuple(str(name) for name in members.get("class_names", ()))
    except Exception as error:  # Damaged archives raise many types of errors.
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{path} is damaged ({type(error).__name__}: {reason}).") from error
    size = classes.size
    if adjacency.shape != (size, size) or features.shape[0] != size:
        raise FileFormatError(
            f"{path}: the adjacency is {adjacency.shape} and the features {features.shape}; "
            f"expected {size} nodes as in labels."
        )
    relation, counts = _symmetric(adjacency)
    return Dataset(
        full_name,
        HeteroGraph(
            num_nodes={"product": size},
            relations={_BOUGHT: relation},
            features={"product": CSR.from_scipy(features)},
            reverses=((_BOUGHT, _BOUGHT),),
            name=full_name,
        ),
        targets=Labels(
            node_type="product",
            num_classes=int(classes.max()) + 1,
            index=torch.arange(size),
            target=torch.from_numpy(classes),
            class_names=names,
        ),
        splits={"default": _draw_split(classes, seed)},
        info={"counts": counts, "split_seed": seed},
    )


def _csr(members: Mapping[str, npt.NDArray[Any]], prefix: str) -> sp.csr_array:
    arrays = tuple(members[f"{prefix}_{name}"] for name in ("data", "indices", "indptr"))
    matrix = sp.csr_array(arrays, shape=tuple(members[f"{prefix}_shape"]))
    matrix.check_format(full_check=True)
    return matrix


def _symmetric(adjacency: sp.csr_array) -> tuple[Relation, dict[str, int]]:
    """Returns edges in both directions without repeats and self loops, and the raw counts."""
    heads, tails = adjacency.nonzero()
    heads, tails = heads.astype(np.int64), tails.astype(np.int64)
    size = adjacency.shape[0]
    loops = int((heads == tails).sum())
    keys = np.concatenate([heads * size + tails, tails * size + heads])
    keys = np.unique(keys[keys // size != keys % size])
    relation = Relation.from_edges(keys // size, keys % size, size, size)
    counts = {
        "stored_entries": int(adjacency.nnz),
        "self_loops": loops,
        "isolated_nodes": int((relation.degree == 0).sum()),
    }
    return relation, counts


def _draw_split(classes: Ints, seed: int) -> Split:
    order = np.random.default_rng(seed).permutation(classes.size)
    chosen: dict[str, list[Ints]] = {"train": [], "valid": [], "test": []}
    for label in range(int(classes.max()) + 1):
        members = order[classes[order] == label]
        chosen["train"].append(members[:_TRAIN])
        chosen["valid"].append(members[_TRAIN : _TRAIN + _VALID])
        chosen["test"].append(members[_TRAIN + _VALID :])
    return Split(
        **{name: torch.from_numpy(np.sort(np.concatenate(ids))) for name, ids in chosen.items()}
    )
