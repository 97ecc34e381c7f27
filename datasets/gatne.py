"""The multiplex sets of GATNE (Cen et al., KDD 2019): several undirected relations of one type.

``train.txt`` holds ``relation, node, node``; ``valid.txt`` and ``test.txt`` the same with a last
column, 1 for a link and 0 for a pair that is none. All are separated by spaces.

The files list some links in both directions, and the parts were drawn from these lines: the other
direction of a held-out link can be a training line. Such training lines are left out here, and so
are validation links that are test links. ``info["counts"]`` tells how many there were.
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

from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.dataset import Dataset, LinkSplit
from hetgraph.catalog.textscan import read_columns
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import FileFormatError

Ints = npt.NDArray[np.int64]

_COLUMNS = {"relation": pa.string(), "src": pa.int64(), "dst": pa.int64()}
_PARTS = ("train", "valid", "test")


class GATNE(Collection):
    """amazon: products with two undirected relations; held-out links and negatives of both.

    The files number the relations and do not say which is which (the paper: viewed or bought
    together), so relation ``N`` and its link split are called ``link_N``.
    """

    name = "gatne"
    version: ClassVar[int] = 1
    task: ClassVar[str] = "link-prediction"

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a set of the collection; see :meth:`load_folder` for the format."""
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
        return [path / f"{part}.txt" for part in _PARTS if (path / f"{part}.txt").is_file()]


def _load(folder: Path, full_name: str, node_type: str) -> Dataset:
    tables = {part: _read(folder / f"{part}.txt", labelled=part != "train") for part in _PARTS}
    ends = [table[column].to_numpy() for table in tables.values() for column in ("src", "dst")]
    ids = np.unique(np.concatenate(ends))
    relations: dict[EdgeType, Relation] = {}
    links: dict[str, LinkSplit] = {}
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
        shown = valid[:, ~_linked(valid, test, ids.size)]
        kept = train[:, ~_linked(train, np.concatenate([valid, test], axis=1), ids.size)]
        counts["train_dropped"] += train.shape[1] - kept.shape[1]
        counts["valid_dropped"] += valid.shape[1] - shown.shape[1]
        relations[key] = _undirected(kept, ids.size)
        if name in held_names:
            parts = [torch.from_numpy(x) for x in (shown, test, valid_negatives, test_negatives)]
            links[key.name] = LinkSplit(key, *parts)
    graph = HeteroGraph(
        num_nodes={node_type: ids.size},
        relations=relations,
        reverses=tuple((key, key) for key in relations),
        ids={node_type: pa.array(ids)},
        name=full_name,
    )
    info = {"counts": counts}
    return Dataset(full_name, graph, links=links, task="link-prediction", info=info)


def _read(path: Path, *, labelled: bool) -> pa.Table:
    if not path.is_file():
        raise FileFormatError(f"{path.parent} has no {path.name}, which a GATNE set needs.")
    columns = {**_COLUMNS, **({"label": pa.int64()} if labelled else {})}
    return read_columns(path.read_bytes(), columns, str(path), delimiter=" ")


def _pairs(table: pa.Table, relation: str, ids: Ints, label: int | None = None) -> Ints:
    """Returns the ``[2, n]`` positions in ``ids`` of the pairs of a relation, in file order."""
    chosen = pc.equal(table["relation"], relation)
    if label is not None:
        chosen = pc.and_(chosen, pc.equal(table["label"], label))
    found = table.filter(chosen)
    both = np.stack([found[column].to_numpy() for column in ("src", "dst")])
    return np.searchsorted(ids, both)


def _undirected_keys(pairs: Ints, num_nodes: int) -> Ints:
    """Returns ``[n]`` numbers that are equal for the two directions of a pair."""
    low, high = pairs.min(axis=0), pairs.max(axis=0)
    keys: Ints = low * num_nodes + high
    return keys


def _linked(pairs: Ints, others: Ints, num_nodes: int) -> npt.NDArray[np.bool_]:
    """Tells of each pair whether it is among others, in either direction."""
    return np.isin(_undirected_keys(pairs, num_nodes), _undirected_keys(others, num_nodes))


def _undirected(pairs: Ints, num_nodes: int) -> Relation:
    """Returns each pair once in both directions; it is its own reverse."""
    keys = np.unique(_undirected_keys(pairs, num_nodes))
    low, high = _split(keys, num_nodes)
    loop = low == high
    src, dst = torch.cat([low, high[~loop]]), torch.cat([high, low[~loop]])
    return Relation.from_edges(src, dst, num_nodes, num_nodes)


def _split(keys: Ints, num_nodes: int) -> tuple[Tensor, Tensor]:
    both = torch.from_numpy(keys)
    return both // num_nodes, both % num_nodes
