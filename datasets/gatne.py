"""The multiplex data sets of GATNE (Cen et al., KDD 2019): undirected relations of one node type.

``train.txt`` holds ``relation, node, node``; ``valid.txt`` and ``test.txt`` have one more column, 1
for a link and 0 for a negative pair. Columns are separated by spaces.

The files list some links in both directions, and the splits were drawn from these lines, so the
reverse of a held-out link can be a training line. Such training lines are dropped here, as are
validation links that are also test links; ``info["counts"]`` has their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Links
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.textscan import read_columns
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import FileFormatError

Ints = npt.NDArray[np.int64]

_COLUMNS = {"relation": pa.string(), "src": pa.int64(), "dst": pa.int64()}
_SPLITS = ("train", "valid", "test")


class GATNE(Collection):
    """amazon: products with two undirected relations, held-out links and negative pairs of both.

    The files number the relations without naming them (in the paper: viewed or bought together),
    so relation ``N`` and its held-out links are named ``link_N``.
    """

    name = "gatne"
    version: ClassVar[int] = 1
    task: ClassVar[str] = "link-prediction"

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a data set of the collection; see :meth:`load_folder` for the format."""
        manifest = files.manifest
        return _load(files.folder, manifest.full_name, manifest.loader.get("node_type", "node"))

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a folder with ``train.txt``, ``valid.txt`` and ``test.txt``.

        Raises:
            FileFormatError: If a file is missing or damaged, or a held-out relation has no
                training link.
        """
        return _load(path, f"gatne:{path}", "node")

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the three files."""
        return [path / f"{split}.txt" for split in _SPLITS if (path / f"{split}.txt").is_file()]


def _load(folder: Path, full_name: str, node_type: str) -> Dataset:
    tables = {split: _read(folder / f"{split}.txt", labelled=split != "train") for split in _SPLITS}
    ends = [table[column].to_numpy() for table in tables.values() for column in ("src", "dst")]
    ids = np.unique(np.concatenate(ends))
    relations: dict[EdgeType, Relation] = {}
    links: dict[str, Links] = {}
    counts = {"train_lines": tables["train"].num_rows, "train_dropped": 0, "valid_dropped": 0}
    held_names = set(pc.unique(tables["test"]["relation"]).to_pylist())
    names = sorted(pc.unique(tables["train"]["relation"]).to_pylist())
    if lacking := sorted(held_names - set(names)):
        raise FileFormatError(f"{folder}: relation {lacking[0]!r} of test.txt is not in train.txt.")
    for name in names:
        key = EdgeType(node_type, f"link_{name}", node_type)
        train = _pairs(tables["train"], name, ids)
        test, test_negatives = (_pairs(tables["test"], name, ids, label) for label in (1, 0))
        valid, valid_negatives = (_pairs(tables["valid"], name, ids, label) for label in (1, 0))
        kept_valid = valid[:, ~_linked(valid, test, ids.size)]
        kept_train = train[:, ~_linked(train, np.concatenate([valid, test], axis=1), ids.size)]
        counts["train_dropped"] += train.shape[1] - kept_train.shape[1]
        counts["valid_dropped"] += valid.shape[1] - kept_valid.shape[1]
        relations[key] = _undirected(kept_train, ids.size)
        if name in held_names:
            pairs = (kept_valid, test, valid_negatives, test_negatives)
            links[key.name] = Links((key,), *map(torch.from_numpy, pairs))
    graph = HeteroGraph(
        num_nodes={node_type: ids.size},
        relations=relations,
        reverses=tuple((key, key) for key in relations),
        ids={node_type: pa.array(ids)},
        name=full_name,
    )
    info = {"counts": counts}
    return Dataset(full_name, graph, links, task="link-prediction", info=info)


def _read(path: Path, *, labelled: bool) -> pa.Table:
    if not path.is_file():
        raise FileFormatError(f"{path.parent} has no {path.name}, which a GATNE data set needs.")
    columns = {**_COLUMNS, **({"label": pa.int64()} if labelled else {})}
    return read_columns(path.read_bytes(), columns, str(path), delimiter=" ")


def _pairs(table: pa.Table, relation: str, ids: Ints, label: int | None = None) -> Ints:
    """Returns the ``[2, n]`` positions in ``ids`` of the pairs of a relation, in file order."""
    chosen = pc.equal(table["relation"], relation)
    if label is not None:
        chosen = pc.and_(chosen, pc.equal(table["label"], label))
    own = table.filter(chosen)
    both = np.stack([own[column].to_numpy() for column in ("src", "dst")])
    return np.searchsorted(ids, both)


def _undirected_keys(pairs: Ints, num_nodes: int) -> Ints:
    """Returns ``[n]`` keys that are equal for both directions of a pair."""
    low, high = pairs.min(axis=0), pairs.max(axis=0)
    keys: Ints = low * num_nodes + high
    return keys


def _linked(pairs: Ints, others: Ints, num_nodes: int) -> npt.NDArray[np.bool_]:
    """Returns whether each pair is among the others, in either direction."""
    return np.isin(_undirected_keys(pairs, num_nodes), _undirected_keys(others, num_nodes))


def _undirected(pairs: Ints, num_nodes: int) -> Relation:
    """Returns the symmetric relation of the pairs, without repeats."""
    keys = np.unique(_undirected_keys(pairs, num_nodes))
    low, high = _split(keys, num_nodes)
    loop = low == high
    src, dst = torch.cat([low, high[~loop]]), torch.cat([high, low[~loop]])
    return Relation.from_edges(src, dst, num_nodes, num_nodes)


def _split(keys: Ints, num_nodes: int) -> tuple[Tensor, Tensor]:
    both = torch.from_numpy(keys)
    return both // num_nodes, both % num_nodes
