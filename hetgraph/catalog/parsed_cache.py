"""Data sets as folders: the cache of parsed data sets, and saved ones of the user."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from hetgraph.catalog.collection import Collection
from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.split import Split
from hetgraph.catalog.targets.base import Target
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.errors import FileFormatError, UserError
from hetgraph.files import atomic_dir, cache_root
from hetgraph.registry import targets
from hetgraph.tensorfile import load_tensors, save_tensors

__all__ = [
    "cache_key",
    "load_cached",
    "parsed_folder",
    "read_dataset",
    "store_cached",
    "write_dataset",
]

_LOG = logging.getLogger("hetgraph.data")
_FORMAT = 2
_MARKER = "dataset.json"


def write_dataset(dataset: Dataset, folder: Path) -> None:
    """Writes a data set to a folder: the graph, JSON and safetensors, never pickle.

    Raises:
        UserError: If the folder contains something else or cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for number, target in enumerate(dataset.targets.values()):
        fields = target.tensors()
        tensors |= {f"targets.{number}.{name}": value for name, value in fields.items()}
    for number, split in enumerate(dataset.splits.values()):
        for which in ("train", "valid", "test"):
            if getattr(split, which) is not None:
                tensors[f"splits.{number}.{which}"] = getattr(split, which)
    for number, hypergraph in enumerate(dataset.hypergraphs.values()):
        tensors |= _hypergraph_tensors(f"hypergraphs.{number}.", hypergraph)
    content = {
        "format": _FORMAT,
        "name": dataset.name,
        "targets": [[name, target.kind, target.meta()] for name, target in dataset.targets.items()],
        "hypergraphs": [
            [name, hypergraph.type_names] for name, hypergraph in dataset.hypergraphs.items()
        ],
        "splits": list(dataset.splits),
        "metapaths": dict(dataset.metapaths),
        "task": dataset.task,
        "info": dict(dataset.info),
    }
    with atomic_dir(folder, marker=_MARKER) as temporary:
        dataset.graph.save(temporary / "graph")
        contiguous = {key: value.contiguous() for key, value in tensors.items()}
        save_tensors(contiguous, temporary / "dataset.safetensors")
        (temporary / _MARKER).write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_dataset(folder: Path) -> Dataset:
    """Reads a data set that :func:`write_dataset` wrote.

    Raises:
        FileFormatError: If the folder is no such data set, or is damaged.
    """
    try:
        content = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise FileFormatError(
                f"{folder} has format {content['format']}, expected {_FORMAT}: "
                "write it again with this version of hetgraph."
            )
        tensors = load_tensors(folder / "dataset.safetensors")
        graph = HeteroGraph.load(folder / "graph")
        return Dataset(
            name=content["name"],
            graph=graph,
            targets={
                name: _target(kind, meta, f"targets.{number}.", tensors)
                for number, (name, kind, meta) in enumerate(content["targets"])
            },
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
            metapaths=content["metapaths"],
            task=content.get("task", ""),
            info=content["info"],
        )
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(
            f"{folder} is not a saved data set, or is damaged "
            f"({type(error).__name__}: {reason[:200]})."
        ) from error


def _target(
    kind: str, meta: Mapping[str, Any], prefix: str, tensors: Mapping[str, Tensor]
) -> Target:
    fields = {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
    target: Target = targets.get(kind).read(meta, fields)
    return target


def _hypergraph_tensors(prefix: str, hypergraph: Hypergraph) -> dict[str, Tensor]:
    incidence = hypergraph.incidence
    fields = {
        "indptr": incidence.indptr,
        "indices": incidence.indices,
        "edge_type": hypergraph.edge_type,
    }
    return {prefix + key: value for key, value in fields.items()}


def _hypergraph(
    prefix: str, tensors: Mapping[str, Tensor], type_names: list[str], graph: HeteroGraph
) -> Hypergraph:
    edge_type = tensors[f"{prefix}edge_type"]
    indptr, indices = tensors[f"{prefix}indptr"], tensors[f"{prefix}indices"]
    incidence = CSR(indptr, indices, edge_type.numel())
    return Hypergraph(incidence, edge_type, tuple(type_names), graph.num_nodes)


def cache_key(loader: str, files: Mapping[str, str], options: Mapping[str, Any]) -> str:
    """Returns a digest of everything that a parsed data set depends on.

    Args:
        loader: The loader's fingerprint.
        files: sha256 by file name.
        options: Options of the loader.
    """
    content = {"format": _FORMAT, "loader": loader, "files": files, "options": options}
    text = json.dumps(content, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def parsed_folder(
    collection: Collection, full_name: str, digests: Mapping[str, str], settings: Mapping[str, Any]
) -> Path | None:
    """Returns the cache folder of a parsed data set; ``None`` if it is not to be cached."""
    if not collection.cached:
        return None
    key = cache_key(collection.fingerprint(), digests, settings)
    readable = "".join(
        letter if letter.isalnum() or letter in "-." else "-" for letter in full_name
    )
    return cache_root() / f"{readable[:80]}-{key}"


def load_cached(folder: Path) -> Dataset | None:
    """Returns the data set cached in ``folder``, or ``None`` if it is missing or unusable."""
    if not (folder / _MARKER).is_file():
        return None
    try:
        return read_dataset(folder)
    except UserError as error:
        _LOG.warning("the cached data set %s is unusable and is parsed again: %s", folder, error)
        return None


def store_cached(dataset: Dataset, folder: Path) -> None:
    """Writes a data set into the cache; a failure is only logged."""
    try:
        write_dataset(dataset, folder)
    except (UserError, OSError) as error:
        _LOG.info("%s is not cached: %s", dataset.name, error)
