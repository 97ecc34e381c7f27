r"""Node importance: nodes with texts, importance scores, and the released hypergraphs.

The tables are tab-separated with one header line; row k is node k, and ``\N`` means no text.
``node_hyperedge_array.npy`` holds one row (node, hyperedge) per membership. The files lack the
triples of FB15k; those of FB15k-237, a subset over the same entities, are used instead.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Values
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.textscan import read_columns
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.numbering import node_spans
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import FileFormatError

_INTEGER, _FLOAT, _TEXT = pa.int64(), pa.float64(), pa.string()
_FB15K_NODES = {
    "mid": _TEXT, "pageviews": _INTEGER, "entity_name": _TEXT, "wiki_url": _TEXT, "valid": _INTEGER,
}  # fmt: skip
_FB15K_TEXTS = {"node_id": _INTEGER, "mid": _TEXT, "node_description": _TEXT}
_TMDB5K_NODES = {"node_id": _INTEGER, "score": _FLOAT, "valid": _INTEGER, "description": _TEXT}
_TRIPLE_FILES = ("train.txt", "valid.txt", "test.txt")
_TRIPLES = {"head": _TEXT, "relation": _TEXT, "tail": _TEXT}
_NO_TEXT = "\\N"
_READ_ERRORS = (OSError, EOFError, ValueError, TypeError, RuntimeError, pickle.UnpicklingError)


class NodeImportanceSets(Collection):
    """FB15k (page views of entities) and TMDB5K (popularity of movies)."""

    name = "nie"
    version: ClassVar[int] = 1
    task: ClassVar[str] = "node-importance"

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a data set of the collection.

        Raises:
            FileFormatError: If a file is damaged or inconsistent with another one.
        """
        return _load_fb15k(files) if name == "FB15k" else _load_tmdb5k(files)


def _load_fb15k(files: Files) -> Dataset:
    nodes = _table(files.path("node_infos.tsv"), _FB15K_NODES)
    texts = _table(files.path("fb15k_description.tsv"), _FB15K_TEXTS)
    if texts["mid"] != nodes["mid"]:
        raise FileFormatError(f"{files.folder}: the two tables list different entities.")
    counts = {"entity": nodes.num_rows}
    graph = HeteroGraph(
        num_nodes=counts,
        relations=_read_triples(files, nodes["mid"].combine_chunks()),
        ids={"entity": nodes["mid"]},
        text={"entity": _texts(texts["node_description"])},
        name=files.manifest.full_name,
    ).with_reverses()
    return Dataset(
        name=files.manifest.full_name,
        graph=graph,
        targets=_values("entity", nodes["pageviews"], nodes["valid"], "page views"),
        hypergraphs={"released": _read_hypergraph(files, counts, "hyperedge_types.npy")},
        task="node-importance",
        info={
            "triples": "FB15k-237 triples, not FB15k's",
            "counts": {"relations": len(graph.relations) // 2},
        },
    )


def _load_tmdb5k(files: Files) -> Dataset:
    nodes = _table(files.path("node_info.tsv"), _TMDB5K_NODES)
    counts: Mapping[str, int] = files.manifest.loader["node_types"]
    if nodes.num_rows != sum(counts.values()):
        raise FileFormatError(
            f"{files.folder}: {nodes.num_rows} nodes, expected {sum(counts.values())}."
        )
    texts = _texts(nodes["description"])
    blocks = {
        name: texts.slice(span.start, counts[name]) for name, span in node_spans(counts).items()
    }
    movies = nodes.slice(0, counts["movie"])
    if pc.sum(nodes["valid"]).as_py() != pc.sum(movies["valid"]).as_py():
        raise FileFormatError(f"{files.folder}: a node that is not a movie has a score.")
    graph = HeteroGraph(
        num_nodes=counts,
        relations={},
        text={name: block for name, block in blocks.items() if block.null_count < len(block)},
        name=files.manifest.full_name,
    )
    return Dataset(
        name=files.manifest.full_name,
        graph=graph,
        targets=_values("movie", movies["score"], movies["valid"], "popularity"),
        hypergraphs={"released": _read_hypergraph(files, counts, "hyperedge_types.pt")},
        task="node-importance",
        info={"triples": "none released"},
    )


def _table(path: Path, columns: Mapping[str, pa.DataType]) -> pa.Table:
    header, _, data = path.read_bytes().partition(b"\n")
    if header.decode("utf-8", "replace").split() != list(columns):
        raise FileFormatError(f"{path} does not begin with the header {' '.join(columns)}.")
    return read_columns(data, columns, str(path))


def _texts(column: pa.ChunkedArray) -> pa.Array:
    column = column.combine_chunks()
    return pc.if_else(pc.equal(column, _NO_TEXT), pa.scalar(None, column.type), column)


def _values(node_type: str, scores: pa.Array, valid: pa.Array, name: str) -> Values:
    index = np.flatnonzero(valid.to_numpy() == 1)
    target = scores.to_numpy().astype(np.float64)[index]
    return Values(node_type, torch.from_numpy(index), torch.from_numpy(target), name)


def _read_hypergraph(files: Files, counts: Mapping[str, int], types: str) -> Hypergraph:
    path = files.path("node_hyperedge_array.npy")
    pairs, edge_type = _array(path), _array(files.path(types))
    if pairs.dim() != 2 or pairs.shape[1] != 2:
        raise FileFormatError(f"{path} has shape {list(pairs.shape)}, expected [n, 2].")
    return Hypergraph.from_pairs(pairs[:, 0], pairs[:, 1], edge_type, num_nodes=counts)


def _array(path: Path) -> Tensor:
    """Reads an array that numpy or torch saved; nothing in the file can run code."""
    try:
        if path.suffix == ".npy":
            return torch.from_numpy(np.load(path, allow_pickle=False))
        return torch.as_tensor(torch.load(path, weights_only=True))
    except _READ_ERRORS as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{path} is damaged: {reason[:200]}.") from error


def _read_triples(files: Files, mids: pa.Array) -> dict[EdgeType, Relation]:
    """Reads training, validation and test triples, as links are not a target here."""
    paths = [files.path(name) for name in _TRIPLE_FILES]
    triples = pa.concat_tables(
        [read_columns(path.read_bytes(), _TRIPLES, str(path)) for path in paths]
    ).combine_chunks()
    ends = []
    for column in ("head", "tail"):
        rows = pc.index_in(triples[column], value_set=mids).combine_chunks()
        if rows.null_count:
            row = pc.index(rows.is_null(), True).as_py()
            raise FileFormatError(
                f"{paths[0].parent}: {triples[column][row]} is not an entity of FB15k."
            )
        ends.append(rows.to_numpy().astype(np.int64))
    names = pc.unique(triples["relation"]).sort()
    number = pc.index_in(triples["relation"], value_set=names).to_numpy()
    order = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[order], np.arange(len(names) + 1))
    src, dst = (ids[order] for ids in ends)
    return {
        EdgeType("entity", name, "entity"): Relation.from_edges(
            src[start:stop], dst[start:stop], len(mids), len(mids)
        )
        for name, start, stop in zip(names.to_pylist(), bounds[:-1], bounds[1:], strict=True)
    }
