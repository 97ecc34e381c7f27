"""The data sets of Graph Transformer Networks (Yun et al., NeurIPS 2019): three pickles in a zip.

``edges.pkl`` lists square matrices over all nodes, each followed by its transpose,
``node_features.pkl`` is one array for all nodes, ``labels.pkl`` lists ``[node, class]`` pairs for
training, validation and test. The nodes of a type are one range of ids.

DBLP lacks the terms of the papers. HeCo's DBLP has the same papers in the same order, so they can
be taken from there (option ``terms``).
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.loading import load_dataset
from hetgraph.catalog.manifest import Manifest
from hetgraph.catalog.unpickle import load_pickle
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.naming import complete_reverses, relation_name
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, DataError, FileFormatError
from hetgraph.settings import merge

Ints = npt.NDArray[np.int64]

_FILES = ("edges.pkl", "node_features.pkl", "labels.pkl")


class GTN(Collection):
    """ACM, DBLP and IMDB as preprocessed for Graph Transformer Networks."""

    name = "gtn"
    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Any]] = {"terms": False}

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a data set of the collection; see :meth:`load_folder` for the format.

        The option ``terms`` adds the terms of DBLP's papers, from ``heco/dblp`` in the same root
        folder.

        Raises:
            ConfigError: If the data set has no terms.
            DataError: If the papers of the two data sets differ.
        """
        manifest = files.manifest
        dataset = _load(
            files.path(manifest.files[0].name),
            manifest.full_name,
            manifest.loader["node_types"],
        )
        if not _flag(options):
            return dataset
        if "terms" not in manifest.loader:
            raise ConfigError(f"{manifest.full_name} has no terms; only gtn/DBLP does.")
        source = load_dataset(manifest.loader["terms"]["source"], files.folder.parents[1])
        return replace(dataset, graph=_with_terms(dataset.graph, source.graph))

    def statistics(self, manifest: Manifest, **options: Any) -> Mapping[str, Any]:
        """Returns the published statistics; with ``terms`` also those of the terms."""
        if not _flag(options):
            return manifest.statistics
        return merge(manifest.statistics, manifest.loader["terms"]["statistics"])

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a folder with the three pickles, or with one zip of them, or the zip.

        The files do not name the types; they become ``type0``, ``type1``, ... in the order of ids.

        Raises:
            FileFormatError: If a file is missing, damaged or inconsistent with another one.
            ConfigError: If the option ``terms`` is set.
        """
        if _flag(options):
            raise ConfigError("data.terms is for gtn/DBLP; a folder of this format has no terms.")
        return _load(path, f"gtn:{path}", ())

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the zip, or the pickles of the folder."""
        if path.is_file():
            return (path,)
        files = [path / name for name in _FILES if (path / name).is_file()]
        return files or sorted(path.glob("*.zip"))


def _load(path: Path, full_name: str, names: Sequence[str]) -> Dataset:
    pickles = _read_pickles(path)
    matrices = _check_matrices(pickles["edges.pkl"], path)
    size = matrices[0].shape[0]
    starts = _type_starts(matrices)
    names = names or tuple(f"type{number}" for number in range(len(starts)))
    if len(names) != len(starts):
        raise FileFormatError(
            f"{path}: the edges connect {len(starts)} node types, expected {len(names)}."
        )
    stops = [*starts[1:], size]
    ranges = dict(zip(names, zip(starts, stops, strict=True), strict=True))
    stored: dict[EdgeType, Relation] = {}
    for number, matrix in enumerate(matrices):
        edge_type, relation = _relation(matrix, ranges, f"{path}: edge matrix {number}")
        if edge_type in stored:
            edge_type = edge_type._replace(name=f"{edge_type.name}_{number}")
        stored[edge_type] = relation
    relations, reverses = complete_reverses(stored)
    features = pickles["node_features.pkl"]
    if not isinstance(features, np.ndarray) or features.ndim != 2 or features.shape[0] != size:
        raise FileFormatError(f"{path}: node_features.pkl is not an array with {size} rows.")
    graph = HeteroGraph(
        num_nodes={name: stop - start for name, (start, stop) in ranges.items()},
        relations=relations,
        features={
            name: CSR.from_scipy(sp.csr_array(features[start:stop].astype(np.float32)))
            for name, (start, stop) in ranges.items()
        },
        reverses=reverses,
        name=full_name,
    )
    labels, split = _labels(pickles["labels.pkl"], ranges, f"{path}: labels.pkl")
    return Dataset(full_name, graph, labels, splits={"default": split})


def _flag(options: Mapping[str, Any]) -> bool:
    """Returns the option ``terms``, which is text on the command line."""
    given = options.get("terms", False)
    values = {"true": True, "false": False}
    if str(given).lower() not in values:
        raise ConfigError(f"data.terms is {given!r}, expected true or false.")
    return values[str(given).lower()]


def _with_terms(graph: HeteroGraph, source: HeteroGraph) -> HeteroGraph:
    """Adds the terms of another graph with the same papers, compared by their conferences."""
    mentions = EdgeType("paper", "mentions", "term")
    mentioned = EdgeType("term", "mentioned_in", "paper")
    held = EdgeType("paper", "published_in", "conference")
    ours, theirs = graph.relation(held), source.relation(held)
    if not (torch.equal(ours.indptr, theirs.indptr) and torch.equal(ours.indices, theirs.indices)):
        raise DataError(f"the papers of {graph.name} and {source.name} differ.")
    new = {key: source.relation(key) for key in (mentions, mentioned)}
    return graph.replace(
        num_nodes={**graph.num_nodes, "term": source.num_nodes["term"]},
        relations={**graph.relations, **new},
        features={**graph.features, "term": source.features["term"]},
        reverses=(*graph.schema.reverses, (mentions, mentioned)),
    )


def _read_pickles(path: Path) -> dict[str, Any]:
    if path.is_dir() and not (path / _FILES[0]).is_file():
        archives = sorted(path.glob("*.zip"))
        if len(archives) != 1:
            raise FileFormatError(f"{path} has neither {_FILES[0]} nor exactly one zip file.")
        path = archives[0]
    try:
        if path.is_dir():
            data = {name: (path / name).read_bytes() for name in _FILES}
        else:
            with zipfile.ZipFile(path) as archive:
                data = {name: archive.read(name) for name in _FILES}
    except Exception as error:  # zlib and zipfile raise many types of errors.
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{path} cannot be read ({reason}).") from error
    return {name: load_pickle(content, f"{path}:{name}") for name, content in data.items()}


def _check_matrices(edges: Any, path: Path) -> list[sp.csr_array]:
    if not isinstance(edges, list) or not edges or not all(map(sp.issparse, edges)):
        raise FileFormatError(f"{path}: edges.pkl is not a list of sparse matrices.")
    size = edges[0].shape[0]
    if any(matrix.shape != (size, size) or not matrix.nnz for matrix in edges):
        raise FileFormatError(
            f"{path}: edges.pkl has an empty matrix or one that is not {size} x {size}."
        )
    return [sp.csr_array(matrix) for matrix in edges]


def _type_starts(matrices: Sequence[sp.csr_array]) -> list[int]:
    """Returns the first id of every type, the smallest row or column ids of the matrices.

    The rows of a matrix are in the range of one type, and so are its columns. The first type
    starts at 0.
    """
    ends = [ids for matrix in matrices for ids in matrix.nonzero()]
    spans = sorted({(int(ids.min()), int(ids.max())) for ids in ends})
    starts = [0]
    reach = spans[0][1]
    for low, high in spans:
        if low > reach:
            starts.append(low)
        reach = max(reach, high)
    return starts


def _relation(
    matrix: sp.csr_array, ranges: dict[str, tuple[int, int]], label: str
) -> tuple[EdgeType, Relation]:
    ends: list[tuple[str, Ints, int]] = []
    for ids in matrix.nonzero():
        for name, (start, stop) in ranges.items():
            if ids.min() >= start and ids.max() < stop:
                ends.append((name, ids - start, stop - start))
    if len(ends) != 2:
        raise FileFormatError(f"{label} connects nodes of more than two types.")
    (src, src_ids, num_src), (dst, dst_ids, num_dst) = ends
    relation = Relation.from_edges(src_ids, dst_ids, num_src, num_dst)
    return EdgeType(src, relation_name(src, dst), dst), relation


def _labels(value: Any, ranges: dict[str, tuple[int, int]], label: str) -> tuple[Labels, Split]:
    try:
        train, valid, test = (np.asarray(pairs, dtype=np.int64).reshape(-1, 2) for pairs in value)
    except (TypeError, ValueError) as error:
        raise FileFormatError(
            f"{label} is not three lists of [node, class] ({' '.join(str(error).split())})."
        ) from error
    table = np.concatenate([train, valid, test])
    owners = [
        name
        for name, (start, stop) in ranges.items()
        if table.size and table[:, 0].min() >= start and table[:, 0].max() < stop
    ]
    if not owners:
        raise FileFormatError(f"{label} is empty or has nodes of several types.")
    target = torch.from_numpy(table[:, 1].copy())
    index = torch.from_numpy(table[:, 0] - ranges[owners[0]][0])
    bounds = (train.shape[0], train.shape[0] + valid.shape[0])
    labels = Labels(owners[0], int(target.max()) + 1, index, target)
    return labels, Split(*(ids.clone() for ids in index.tensor_split(bounds)))
