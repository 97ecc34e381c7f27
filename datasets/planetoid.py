"""Citation networks with the Planetoid split (Yang et al., ICML 2016).

Eight files ``ind.NAME.*`` from Python 2: features ``x``, ``tx``, ``allx`` (sparse), one-hot classes
``y``, ``ty``, ``ally``, neighbour lists ``graph``, and the text ``test.index``.
"""

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
from hetgraph.catalog.unpickle import load_pickle
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import FileFormatError

Ints = npt.NDArray[np.int64]

_FILES = ("x", "y", "tx", "ty", "allx", "ally", "graph", "test.index")
_CITES = EdgeType("paper", "cites", "paper")
_NUM_VALID = 500


class Planetoid(Collection):
    """Cora and Citeseer: one node type, one undirected relation."""

    name = "planetoid"
    version: ClassVar[int] = 1

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a data set of the collection; see :meth:`load_folder` for the format."""
        return _load(files.folder, files.manifest.full_name)

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a folder with the eight files of one data set.

        Edges are stored in both directions without repeats and self loops. Nodes
        that ``test.index`` skips are isolated, with zero features and without a label.

        Raises:
            FileFormatError: If a file is missing, damaged or inconsistent with another one.
        """
        return _load(path, f"planetoid:{path}")

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the files of the folder that are read."""
        return sorted(file for file in path.glob("ind.*") if file.is_file())


def _load(folder: Path, full_name: str) -> Dataset:
    files = _read_files(folder)
    test = files["test.index"]
    known = files["allx"].shape[0]
    size = max(known, int(test.max()) + 1)
    if test.min() < known or files["tx"].shape[0] != test.size:
        raise FileFormatError(
            f"{folder}: test.index lists {test.size} nodes from {test.min()} on; expected "
            f"{files['tx'].shape[0]} nodes that follow the {known} of allx."
        )
    # Row i of tx belongs to the node on line i of test.index.
    tail = files["tx"].tocoo()
    rest = (tail.data, (test[tail.row] - known, tail.col))
    features = sp.vstack([files["allx"], sp.csr_array(rest, shape=(size - known, tail.shape[1]))])
    onehot = np.zeros((size, files["ally"].shape[1]), dtype=np.int64)
    onehot[:known], onehot[test] = files["ally"], files["ty"]
    relation, counts = _citations(files["graph"], size, folder)
    labelled = np.flatnonzero(onehot.any(axis=1))
    num_train = files["y"].shape[0]
    return Dataset(
        full_name,
        HeteroGraph(
            num_nodes={"paper": size},
            relations={_CITES: relation},
            features={"paper": CSR.from_scipy(features)},
            reverses=((_CITES, _CITES),),
            name=full_name,
        ),
        targets=Labels(
            node_type="paper",
            num_classes=onehot.shape[1],
            index=torch.from_numpy(labelled),
            target=torch.from_numpy(onehot[labelled].argmax(axis=1)),
        ),
        splits={
            "default": Split(
                train=torch.arange(num_train),
                valid=torch.arange(num_train, min(num_train + _NUM_VALID, known)),
                test=torch.from_numpy(np.sort(test)),
            )
        },
        info={"counts": counts},
    )


def _read_files(folder: Path) -> dict[str, Any]:
    contents: dict[str, Any] = {}
    for name in _FILES:
        # The dot in the pattern keeps ind.cora.allx apart from ind.cora.x.
        paths = sorted(folder.glob(f"ind.*.{name}"))
        if len(paths) != 1:
            raise FileFormatError(f"{folder} has {len(paths)} files ind.*.{name}, expected one.")
        path = paths[0]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise FileFormatError(f"{path} cannot be read: {error.strerror}.") from error
        if name == "test.index":
            contents[name] = _integers(data, path)
        else:
            contents[name] = load_pickle(data, str(path))
            _check_kind(contents[name], name, path)
    return contents


def _integers(data: bytes, path: Path) -> Ints:
    try:
        numbers = np.array(data.split(), dtype="S20").astype(np.int64)
    except (ValueError, OverflowError) as error:
        raise FileFormatError(f"{path} is not a list of node ids ({error}).") from error
    if numbers.size == 0 or np.unique(numbers).size != numbers.size or numbers.min() < 0:
        raise FileFormatError(f"{path} is empty, or lists a negative id or a node twice.")
    return numbers


def _check_kind(value: Any, name: str, path: Path) -> None:
    if name == "graph":
        valid = isinstance(value, dict)
    elif name.endswith("x"):
        valid = sp.issparse(value)
    else:
        valid = isinstance(value, np.ndarray) and value.ndim == 2
    if not valid:
        raise FileFormatError(f"{path} holds a {type(value).__name__}, not what its name says.")


def _citations(
    graph: Mapping[int, list[int]], size: int, folder: Path
) -> tuple[Relation, dict[str, int]]:
    """Returns the symmetric relation, and the counts of the lists before clean-up."""
    lists = list(graph.values())
    heads = np.repeat(np.fromiter(graph, np.int64, len(lists)), [len(nodes) for nodes in lists])
    tails = np.fromiter((node for nodes in lists for node in nodes), np.int64, heads.size)
    if heads.size and max(heads.max(), tails.max()) >= size:
        raise FileFormatError(
            f"{folder}: the graph lists node {max(heads.max(), tails.max())}, but the features end "
            f"at {size - 1}."
        )
    low, high = np.minimum(heads, tails), np.maximum(heads, tails)
    pairs = np.unique(low * size + high)
    low, high = pairs // size, pairs % size
    loops = int((low == high).sum())
    low, high = low[low != high], high[low != high]
    src, dst = np.concatenate([low, high]), np.concatenate([high, low])
    counts = {
        "list_entries": int(heads.size),
        "undirected_edges": int(pairs.size),
        "self_loops": loops,
    }
    return Relation.from_edges(src, dst, size, size), counts
