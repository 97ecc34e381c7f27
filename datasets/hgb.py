"""The Heterogeneous Graph Benchmark (Lv et al., KDD 2021): text files, zipped or plain.

``node.dat`` holds ``id, name, type, features``, ``link.dat`` ``head, tail, type, weight``,
``label.dat`` and ``label.dat.test`` ``id, name, type, class[,class...]``, ``link.dat.test`` the
held-out links; ``info.dat`` names the types. The unreliable counts of ``meta.dat`` are not used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Links, Split
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.textscan import read_columns
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.naming import complete_reverses, relation_name
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.datasets._hgb_files import Nodes, Source, read_info, read_nodes
from hetgraph.errors import FileFormatError, UserError
from hetgraph.files import user_path

Ints = npt.NDArray[np.int64]

_FILES = ("node.dat", "link.dat", "info.dat", "label.dat", "label.dat.test", "link.dat.test")
_SHUFFLED = "label.dat.test_full"
_TEST_LINKS, _LINKS = "link.dat.test", "link-prediction"
_LINK_COLUMNS = {"head": pa.int64(), "tail": pa.int64(), "type": pa.int64(), "weight": pa.float64()}
_LABEL_COLUMNS = {"node": pa.int64(), "name": pa.string(), "type": pa.int64(), "label": pa.string()}


class HGB(Collection):
    """ACM, DBLP, IMDB and AMiner (node classification), LastFM (link prediction).

    Data sets with held-out links and without labels are for link prediction.
    """

    name = "hgb"
    version: ClassVar[int] = 1

    def task_of(self, name: str, *, target: str = "") -> str:
        """Returns the task family of a data set, judging by its files."""
        if name in self.names():
            files = {entry.name for entry in self.manifest(name).files}
            only_links = _TEST_LINKS in files and "label.dat" not in files
        else:
            try:
                source = Source(user_path(name))
            except (UserError, OSError):
                return self.task  # Loading it reports the mistake.
            only_links = source.has(_TEST_LINKS) and not source.has("label.dat")
        return _LINKS if only_links else self.task

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads a data set of the collection; see :meth:`load_folder` for the format."""
        return _load(files.folder, files.manifest.full_name, files.manifest.loader)

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a folder with ``node.dat`` and ``link.dat``, or a zip of it.

        In the first release of the benchmark ``label.dat.test`` holds half of the test nodes, and
        ``label.dat.test_full`` all of them with shuffled classes. The latter file is ignored, and
        the split is named ``"half"`` instead of ``"default"``.

        Raises:
            FileFormatError: If a file is missing, damaged or inconsistent with another one.
        """
        return _load(path, f"hgb:{path}", {})

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the zip, or the files of the folder that are read."""
        if path.is_file():
            return (path,)
        files = [path / name for name in _FILES if (path / name).is_file()]
        # Even an empty file counts: its presence changes the name of the split.
        files += [path / _SHUFFLED] if (path / _SHUFFLED).is_file() else []
        return files if (path / "node.dat").is_file() else sorted(path.glob("*.zip"))


def _load(path: Path, full_name: str, settings: Mapping[str, Any]) -> Dataset:
    source = Source(path)
    info = read_info(source, settings)
    nodes = read_nodes(source, info)
    links = _read_links(source, "link.dat", nodes)
    names = _edge_types(links, nodes, info)
    relations, reverses = complete_reverses(
        {
            edge_type: _relation(links.filter(pc.equal(links["type"], code)), edge_type, nodes)
            for code, edge_type in names.items()
        }
    )
    graph = HeteroGraph(
        num_nodes={name: nodes.count(number) for number, name in enumerate(nodes.types)},
        relations=relations,
        features=nodes.features,
        reverses=reverses,
        ids={
            name: pa.array(np.flatnonzero(nodes.kind == number))
            for number, name in enumerate(nodes.types)
        },
        text=nodes.text,
        name=full_name,
    )
    labels, splits = _read_labels(source, nodes, info)
    links_held = _read_link_splits(source, nodes, names)
    return Dataset(
        name=full_name,
        graph=graph,
        targets=links_held if labels is None else {labels.kind: labels, **links_held},
        splits=splits,
        task=_LINKS if links_held and labels is None else "",
        info={"counts": {"links": links.num_rows}},
    )


# ------------------------------------------------------------------------------- names


def _edge_types(links: pa.Table, nodes: Nodes, info: Mapping[str, Any]) -> dict[int, EdgeType]:
    """Returns the edge type of every link number, with the node types found in the links."""
    edge_types: dict[int, EdgeType] = {}
    for code in np.unique(links["type"].to_numpy()):
        own = links.filter(pc.equal(links["type"], int(code)))
        head, tail = nodes.kind[own["head"].to_numpy()], nodes.kind[own["tail"].to_numpy()]
        for role, kinds in (("heads", head), ("tails", tail)):
            if (kinds != kinds[0]).any():
                mixed = " and ".join(sorted({nodes.types[kind] for kind in kinds}))
                raise FileFormatError(f"link.dat: link type {code} has {role} of types {mixed}.")
        src, dst = nodes.types[head[0]], nodes.types[tail[0]]
        words = re.split(r"\s*(?:->|-)\s*", info["links"].get(int(code), ""))
        name = words[1] if len(words) == 3 else relation_name(src, dst)
        edge_type = EdgeType(src, name, dst)
        if edge_type in edge_types.values():
            edge_type = EdgeType(src, f"{name}_{code}", dst)
        edge_types[int(code)] = edge_type
    return edge_types


# ------------------------------------------------------------------------------- links


def _read_links(source: Source, name: str, nodes: Nodes) -> pa.Table:
    links = read_columns(source.read(name), _LINK_COLUMNS, source.label(name))
    for column in ("head", "tail"):
        _check_ids(links[column].to_numpy(), nodes, f"{source.label(name)}", f"{column} of a link")
    return links


def _check_ids(ids: Ints, nodes: Nodes, label: str, what: str) -> None:
    bad = np.flatnonzero((ids < 0) | (ids >= nodes.kind.size))
    if bad.size:
        raise FileFormatError(
            f"{label} line {bad[0] + 1}: {ids[bad[0]]} as {what} is not in node.dat, whose ids run "
            f"from 0 to {nodes.kind.size - 1}."
        )


def _relation(links: pa.Table, edge_type: EdgeType, nodes: Nodes) -> Relation:
    weight = links["weight"].to_numpy()
    return Relation.from_edges(
        nodes.local[links["head"].to_numpy()],
        nodes.local[links["tail"].to_numpy()],
        nodes.count(nodes.types.index(edge_type.src)),
        nodes.count(nodes.types.index(edge_type.dst)),
        weight=None if (weight == 1).all() else weight.astype(np.float32),
    )


def _read_link_splits(
    source: Source, nodes: Nodes, names: Mapping[int, EdgeType]
) -> dict[str, Links]:
    if not source.has(_TEST_LINKS):
        return {}
    links = _read_links(source, _TEST_LINKS, nodes)
    codes = np.unique(links["type"].to_numpy()).tolist()
    if len(codes) != 1 or codes[0] not in names:
        raise FileFormatError(
            f"{source.label(_TEST_LINKS)} has the link types {codes}; expected one type, and "
            f"one of {sorted(names)} as in link.dat."
        )
    ends = np.stack([nodes.local[links[column].to_numpy()] for column in ("head", "tail")])
    return {"default": Links((names[codes[0]],), valid=None, test=torch.from_numpy(ends))}


# ------------------------------------------------------------------------------- labels


def _read_labels(
    source: Source, nodes: Nodes, info: Mapping[str, Any]
) -> tuple[Labels | None, dict[str, Split]]:
    if not source.has("label.dat"):
        return None, {}
    tables = [
        read_columns(source.read(name), _LABEL_COLUMNS, source.label(name))
        for name in ("label.dat", "label.dat.test")
    ]
    for split_table, name in zip(tables, ("label.dat", "label.dat.test"), strict=True):
        _check_ids(split_table["node"].to_numpy(), nodes, source.label(name), "labelled node")
    table = pa.concat_tables(tables).combine_chunks()
    ids = table["node"].to_numpy()
    kinds = np.unique(nodes.kind[ids])
    if kinds.size != 1:
        types = " and ".join(nodes.types[kind] for kind in kinds) or "none"
        raise FileFormatError(
            f"{source.label('label.dat')}: labelled nodes of types {types}; expected one type."
        )
    unique, count = np.unique(ids, return_counts=True)
    if (count > 1).any():
        raise FileFormatError(
            f"{source.label('label.dat')}: node {unique[count > 1][0]} is labelled twice, "
            "counting label.dat.test."
        )
    target, classes = _classes(table["label"], source.label("label.dat"))
    names = info["classes"].get(int(nodes.codes[kinds[0]]), {})
    numbers = range(classes) if names else ()
    class_names = tuple(str(names.get(str(number), number)) for number in numbers)
    size = tables[0].num_rows
    local = torch.from_numpy(nodes.local[ids])
    labels = Labels(
        node_type=nodes.types[kinds[0]],
        num_classes=classes,
        index=local,
        target=target,
        multi_label=target.dim() == 2,
        class_names=class_names,
    )
    protocol = "half" if source.has(_SHUFFLED) else "default"
    split = Split(train=local[:size].clone(), valid=None, test=local[size:].clone())
    return labels, {protocol: split}


def _classes(column: pa.ChunkedArray, label: str) -> tuple[Tensor, int]:
    """Returns ``[n]`` classes, or ``[n, num_classes]`` bool if a node has several classes."""
    lists = pc.split_pattern(column.combine_chunks(), ",")
    try:
        flat = pc.list_flatten(lists).cast(pa.int64()).to_numpy().copy()
    except pa.ArrowInvalid as error:
        raise FileFormatError(f"{label}: a class is not a whole number ({error}).") from error
    if flat.size and flat.min() < 0:
        raise FileFormatError(f"{label}: class {flat.min()} is negative; expected 0 or more.")
    classes = int(flat.max()) + 1
    if flat.size == len(column):
        return torch.from_numpy(flat), classes
    target = torch.zeros(len(column), classes, dtype=torch.bool)
    rows = np.repeat(np.arange(len(column)), pc.list_value_length(lists).to_numpy())
    target[rows, flat] = True
    return target, classes
