"""Data sets as folders: the cache of parsed sets, and a way to keep one's own."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from hetgraph.catalog.dataset import Dataset, LinkSplit, NodeLabels, NodeValues, Split
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import FileFormatError, UserError
from hetgraph.files import atomic_dir
from hetgraph.tensorfile import load_tensors, save_tensors

__all__ = ["cache_key", "load_cached", "read_dataset", "store_cached", "write_dataset"]

_LOG = logging.getLogger("hetgraph.data")
_FORMAT = 1
_MARKER = "dataset.json"


def write_dataset(dataset: Dataset, folder: Path) -> None:
    """Writes a data set to a folder: the graph, JSON and safetensors, never pickle.

    Raises:
        UserError: If the folder holds something else or cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    labels: dict[str, Any] | None = None
    if dataset.labels is not None:
        plain = ("node_type", "num_classes", "multi_label", "class_names")
        labels = {field: getattr(dataset.labels, field) for field in plain}
        tensors["labels.index"] = dataset.labels.index
        tensors["labels.target"] = dataset.labels.target
    for number, split in enumerate(dataset.splits.values()):
        for part in ("train", "valid", "test"):
            if getattr(split, part) is not None:
                tensors[f"splits.{number}.{part}"] = getattr(split, part)
    for number, link in enumerate(dataset.links.values()):
        tensors |= {f"links.{number}.{part}": pairs for part, pairs in link.parts().items()}
    for number, hypergraph in enumerate(dataset.hypergraphs.values()):
        tensors |= _hypergraph_tensors(f"hypergraphs.{number}.", hypergraph)
    values = None
    if dataset.values is not None:
        values = {"node_type": dataset.values.node_type, "name": dataset.values.name}
        tensors["values.index"] = dataset.values.index
        tensors["values.target"] = dataset.values.target
    content = {
        "format": _FORMAT,
        "name": dataset.name,
        "labels": labels,
        "values": values,
        "hypergraphs": [[name, one.type_names] for name, one in dataset.hypergraphs.items()],
        "splits": list(dataset.splits),
        "links": [[name, list(link.edge_type)] for name, link in dataset.links.items()],
        "metapaths": dict(dataset.metapaths),
        "task": dataset.task,
        "info": dict(dataset.info),
    }
    with atomic_dir(folder, marker=_MARKER) as temporary:
        dataset.graph.save(temporary / "graph")
        whole = {key: value.contiguous() for key, value in tensors.items()}
        save_tensors(whole, temporary / "dataset.safetensors")
        (temporary / _MARKER).write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_dataset(folder: Path) -> Dataset:
    """Reads what :func:`write_dataset` wrote.

    Raises:
        FileFormatError: If the folder is not such a data set, or damaged.
    """
    try:
        content = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise FileFormatError(
                f"{folder} has format {content['format']}, expected {_FORMAT}: "
                "write it again with this version of hetgraph."
            )
        tensors = load_tensors(folder / "dataset.safetensors")
        labels = content["labels"]
        if labels is not None:
            labels = NodeLabels(
                **{**labels, "class_names": tuple(labels["class_names"])},
                index=tensors["labels.index"],
                target=tensors["labels.target"],
            )
        values = content.get("values")
        if values is not None:
            values = NodeValues(
                **values, index=tensors["values.index"], target=tensors["values.target"]
            )
        graph = HeteroGraph.load(folder / "graph")
        return Dataset(
            name=content["name"],
            graph=graph,
            labels=labels,
            values=values,
            hypergraphs={
                name: _hypergraph(f"hypergraphs.{number}.", tensors, names, graph)
                for number, (name, names) in enumerate(content.get("hypergraphs", ()))
            },
            splits={
                name: Split(
                    train=tensors[f"splits.{number}.train"],
                    valid=tensors.get(f"splits.{number}.valid"),
                    test=tensors[f"splits.{number}.test"],
                )
                for number, name in enumerate(content["splits"])
            },
            links={
                name: LinkSplit(
                    edge_type=EdgeType(*triple),
                    valid=tensors.get(f"links.{number}.valid"),
                    test=tensors[f"links.{number}.test"],
                    valid_negatives=tensors.get(f"links.{number}.valid_negatives"),
                    test_negatives=tensors.get(f"links.{number}.test_negatives"),
                )
                for number, (name, triple) in enumerate(content["links"])
            },
            metapaths=content["metapaths"],
            task=content.get("task", ""),
            info=content["info"],
        )
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(
            f"{folder} is not a saved data set, or it is damaged "
            f"({type(error).__name__}: {reason[:200]})."
        ) from error


def _hypergraph_tensors(prefix: str, hypergraph: Hypergraph) -> dict[str, Tensor]:
    incidence = hypergraph.incidence
    parts = {
        "indptr": incidence.indptr,
        "indices": incidence.indices,
        "edge_type": hypergraph.edge_type,
    }
    return {prefix + key: value for key, value in parts.items()}


def _hypergraph(
    prefix: str, tensors: Mapping[str, Tensor], type_names: list[str], graph: HeteroGraph
) -> Hypergraph:
    edge_type = tensors[f"{prefix}edge_type"]
    indptr, indices = tensors[f"{prefix}indptr"], tensors[f"{prefix}indices"]
    incidence = CSR(indptr, indices, edge_type.numel())
    return Hypergraph(incidence, edge_type, tuple(type_names), graph.num_nodes)


def cache_key(loader: str, files: Mapping[str, str], options: Mapping[str, Any]) -> str:
    """Returns a digest of everything a parsed data set depends on.

    Args:
        loader: The loader's fingerprint.
        files: sha256 by file name.
        options: The loader's settings.
    """
    content = {"format": _FORMAT, "loader": loader, "files": files, "options": options}
    text = json.dumps(content, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def load_cached(folder: Path) -> Dataset | None:
    """Returns the data set in ``folder``, or ``None`` if there is none that can be used."""
    if not (folder / _MARKER).is_file():
        return None
    try:
        return read_dataset(folder)
    except UserError as error:
        _LOG.warning("the cached data set %s cannot be used and is parsed again: %s", folder, error)
        return None


def store_cached(dataset: Dataset, folder: Path) -> None:
    """Writes a data set into the cache; a cache that cannot be written is only logged."""
    try:
        write_dataset(dataset, folder)
    except (UserError, OSError) as error:
        _LOG.info("%s is not cached: %s", dataset.name, error)
