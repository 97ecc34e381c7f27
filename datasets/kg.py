"""Knowledge graphs to be completed: FB15k-237 and WN18RR.

``train.txt``, ``valid.txt`` and ``test.txt`` hold ``head, relation, tail``: texts, separated by
tabs. Entities and relations are numbered in sorted order over all three files. The training
triples are the edges; the others are held-out links of all relations.
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

from hetgraph.catalog import Dataset, Links
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.textscan import read_columns
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import FileFormatError

Ints = npt.NDArray[np.int64]

_TRIPLES = {"head": pa.string(), "relation": pa.string(), "tail": pa.string()}
_SPLITS = ("train", "valid", "test")
_ENTITY = "entity"


class KnowledgeGraphs(Collection):
    """FB15k-237 (Freebase) and WN18RR (WordNet): entities, relations, held-out triples."""

    name = "kg"
    version: ClassVar[int] = 1
    task: ClassVar[str] = "link-prediction"

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a data set of the collection; see :meth:`load_folder` for the format."""
        return _load(files.folder, files.manifest.full_name)

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a folder with ``train.txt``, ``valid.txt`` and ``test.txt``.

        Raises:
            FileFormatError: If a file is missing or damaged, or a relation that is held out has no
                training triple.
        """
        return _load(path, f"kg:{path}")

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the three files."""
        return [path / f"{split}.txt" for split in _SPLITS if (path / f"{split}.txt").is_file()]


def _load(folder: Path, full_name: str) -> Dataset:
    tables = {split: _read(folder / f"{split}.txt") for split in _SPLITS}
    both = [table[column] for table in tables.values() for column in ("head", "tail")]
    entities = pc.unique(pa.chunked_array([c for column in both for c in column.chunks])).sort()
    names = pc.unique(tables["train"]["relation"]).sort()
    coded = {
        split: _coded(folder / f"{split}.txt", table, entities, names)
        for split, table in tables.items()
    }
    keys = tuple(EdgeType(_ENTITY, name, _ENTITY) for name in names.to_pylist())
    pairs, kinds = coded["train"]
    graph = HeteroGraph(
        num_nodes={_ENTITY: len(entities)},
        relations={
            key: Relation.from_edges(
                pairs[0, kinds == code], pairs[1, kinds == code], len(entities), len(entities)
            )
            for code, key in enumerate(keys)
        },
        ids={_ENTITY: entities},
        name=full_name,
    ).with_reverses()
    # A data set of one relation has no positions of relations.
    several = len(keys) > 1
    held = {split: [torch.from_numpy(array) for array in coded[split]] for split in _SPLITS[1:]}
    links = Links(
        keys,
        held["valid"][0],
        held["test"][0],
        valid_type=held["valid"][1] if several else None,
        test_type=held["test"][1] if several else None,
    )
    counts = {
        "relations": len(keys),
        "triples": sum(table.num_rows for table in tables.values()),
        "entities_in_train": int(np.unique(pairs).size),
    }
    return Dataset(full_name, graph, links, task="link-prediction", info={"counts": counts})


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise FileFormatError(f"{path.parent} has no {path.name}, which a knowledge graph needs.")
    return read_columns(path.read_bytes(), _TRIPLES, str(path))


def _coded(path: Path, table: pa.Table, entities: pa.Array, names: pa.Array) -> tuple[Ints, Ints]:
    """Returns ``[2, n]`` entities, heads first, and ``[n]`` relations of a file, in its order."""
    kinds = pc.index_in(table["relation"], value_set=names)
    if kinds.null_count:
        row = pc.index(kinds.is_null(), True).as_py()
        raise FileFormatError(
            f"{path} line {row + 1}: the relation {table['relation'][row].as_py()!r} is not in "
            "train.txt, so that nothing can be learned of it."
        )
    ends = [
        pc.index_in(table[column], value_set=entities).to_numpy() for column in ("head", "tail")
    ]
    return np.stack(ends).astype(np.int64), kinds.to_numpy().astype(np.int64)
