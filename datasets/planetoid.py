"""Citation networks with the Planetoid split (Yang et al., ICML 2016).

Eight files ``ind.NAME.*`` of Python 2: features ``x``, ``tx``, ``allx`` (sparse), one-hot classes
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

from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.dataset import Dataset, NodeLabels, Split
from hetgraph.catalog.unpickle import load_pickle
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import FileFormatError

Ints = npt.NDArray[np.int64]

_SPLITS = ("x", "y", "tx", "ty", "allx", "ally", "graph", "test.index")
_CITES = EdgeType("paper", "cites", "paper")
_NUM_VALID = 500


class Planetoid(Collection):
    """Cora and Citeseer: one node type, one undirected relation."""

    name = "planetoid"
    version: ClassVar[int] = 1

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a set of the collection; see :meth:`load_folder` for the format."""
        return _load(files.folder, files.manifest.full_name)

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a folder with the eight files of one set.

        Edges are stored in both directions without repeats and self loops. Nodes that
        ``test.index`` skips exist, have zero features and no label.

        Raises:
            FileFormatError: If a file is missing, damaged or contradicts another one.
        """
        return _load(path, f"planetoid:{path}")

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the files of the folder that are read."""
        return sorted(file for file in path.glob("ind.*") if file.is_file())


def _load(folder: Path, full_name: str) -> Dataset:
    parts = _read_parts(folder)
    test = parts["test.index"]
    known = parts["allx"].shape[0]
    size = max(known, int(test.max()) + 1)
    if test.min() < known or parts["tx"].shape[0] != test.size:
        raise FileFormatError(
            f"{folder}: test.index lists {test.size} nodes from {test.min()} on; expected "
            f"{parts['tx'].shape[0]} nodes that follow the {known} of allx."
        )
    # Row i of tx belongs to the node on line i of test.index.
    tail = parts["tx"].tocoo()
    rest = (tail.data, (test[tail.row] - known, tail.col))
    features = sp.vstack([parts["allx"], sp.csr_array(rest, shape=(size - known, tail.shape[1]))])
    onehot = np.zeros((size, parts["ally"].shape[1]), dtype=np.int64)
    onehot[:known], onehot[test] = parts["ally"], parts["ty"]
    relation, counts = _citations(parts["graph"], size, folder)
    labelled = np.flatnonzero(onehot.any(axis=1))
    num_train = parts["y"].shape[0]
    return Dataset(
        full_name,
        HeteroGraph(
            num_nodes={"paper": size},
            relations={_CITES: relation},
            features={"paper": CSR.from_scipy(features)},
            reverses=((_CITES, _CITES),),
            name=full_name,
        ),
        labels=NodeLabels(
            node_type="paper",
            num_classes=onehot.shape[1],
            index=torch.from_numpy(labelled),
            target=torch.from_numpy(onehot[labelled].argmax(axis=1)),
        ),
        splits={
            "default": Split(
                train=torch.arange(num_train),
                valid=torch.arange(num_train, num_train + _NUM_VALID),
                test=torch.from_numpy(np.sort(test)),
            )
        },
        info={"counts": counts},
    )


def _read_parts(folder: Path) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for split in _SPLITS:
        found = sorted(folder.glob(f"ind.*.{split}"))
        # "ind.cora.x" but not "ind.cora.allx": the glob already asks for the dot.
        if len(found) != 1:
            raise FileFormatError(f"{folder} has {len(found)} files ind.*.{split}, expected one.")
        try:
            data = found[0].read_bytes()
        except OSError as error:
            raise FileFormatError(f"{found[0]} cannot be read: {error.strerror}.") from error
        if split == "test.index":
            parts[split] = _integers(data, found[0])
        else:
            parts[split] = load_pickle(data, str(found[0]))
            _check_kind(parts[split], split, found[0])
    return parts


def _integers(data: bytes, path: Path) -> Ints:
    try:
        numbers = np.array(data.split(), dtype="S20").astype(np.int64)
    except (ValueError, OverflowError) as error:
        raise FileFormatError(f"{path} is not a list of node ids ({error}).") from error
    if numbers.size == 0 or np.unique(numbers).size != numbers.size or numbers.min() < 0:
        raise FileFormatError(f"{path} is empty, or lists a negative id or a node twice.")
    return numbers


def _check_kind(value: Any, split: str, path: Path) -> None:
    if split == "graph":
        good = isinstance(value, dict)
    elif split.endswith("x"):
        good = sp.issparse(value)
    else:
        good = isinstance(value, np.ndarray) and value.ndim == 2
    if not good:
        raise FileFormatError(f"{path} holds a {type(value).__name__}, not what its name says.")


def _citations(
    graph: Mapping[int, list[int]], size: int, folder: Path
) -> tuple[Relation, dict[str, int]]:
    """Returns the symmetric relation, and what the lists held before clean-up."""
    lists = list(graph.values())
    heads = np.repeat(np.fromiter(graph, np.int64, len(lists)), [len(one) for one in lists])
    tails = np.fromiter((node for one in lists for node in one), np.int64, heads.size)
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
