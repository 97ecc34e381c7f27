"""Official graph files: pickled PyG objects, read without running any code in them."""

from __future__ import annotations

import collections
import types
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hetgraph.catalog.unpickle import ForbiddenError, restricted_unpickler
from hetgraph.data import CSR, EdgeType
from hetgraph.errors import FileFormatError
from hetgraph.files import atomic_path
from hetgraph.optional import require
from hetgraph.sampling import Neighbourhood

__all__ = ["GraphFile", "read_graph_file", "write_graph_file"]


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A subgraph as stored in a file.

    Args:
        x: ``[num_nodes, dim]`` vectors by node type; the node in question is the first.
        edges: ``[2, num_edges]`` sources and destinations by edge type.
        tokens: Vectors of an earlier tokenizer, if the file has any. They are kept apart here; in
            the official implementation they replace ``x``.
    """

    x: Mapping[str, Tensor]
    edges: Mapping[EdgeType, Tensor]
    tokens: Mapping[str, Tensor] | None = None

    def subgraph(self) -> Neighbourhood:
        """Returns the edges as relations between the node ids of the file."""
        sizes = {name: len(vectors) for name, vectors in self.x.items()}
        relations = {
            key: CSR.from_coo(pair[1], pair[0], (sizes[key.dst], sizes[key.src]))
            for key, pair in self.edges.items()
        }
        return Neighbourhood({name: torch.arange(n) for name, n in sizes.items()}, relations)


def read_graph_file(path: Path) -> GraphFile:
    """Reads a ``HeteroData`` that ``torch.save`` wrote; PyG need not be installed.

    Only tensors, containers and the storage classes of PyG are allowed, and only their values are
    read; a file that names any other class is refused.

    Raises:
        FileFormatError: If the file is damaged, asks for anything else, or contradicts itself.
    """
    if not zipfile.is_zipfile(path):
        raise FileFormatError(f"{path} is not a file that torch.save writes.")
    try:
        loaded = torch.load(path, map_location="cpu", pickle_module=_SAFE, weights_only=False)
        nodes = {key: _values(store) for key, store in loaded.__dict__["_node_store_dict"].items()}
        edges = {key: _values(store) for key, store in loaded.__dict__["_edge_store_dict"].items()}
        whole = _values(loaded.__dict__["_global_store"])
    except ForbiddenError as error:
        raise FileFormatError(
            f"{path} asks for {error}, which is not among the allowed classes; it was not read "
            "further."
        ) from error
    except Exception as error:  # a damaged stream can raise nearly anything
        reason = " ".join(str(error).split())[:200]
        raise FileFormatError(f"{path} holds no heterogeneous graph ({reason}).") from error
    made = GraphFile(
        x={str(key): values["x"].float() for key, values in nodes.items() if "x" in values},
        edges={EdgeType(*key): values["edge_index"].long() for key, values in edges.items()},
        tokens=whole.get("x_dict"),
    )
    _check(path, made)
    return made


def write_graph_file(path: Path, graph: GraphFile) -> None:
    """Writes a file that the official implementation reads; it needs torch-geometric.

    Raises:
        ConfigError: If the package is missing.
        OutputError: If the file cannot be written.
    """
    data = require("torch_geometric.data", "hetgraph[pyg]").HeteroData()
    for name, x in graph.x.items():
        data[name].x = x
    for key, pair in graph.edges.items():
        data[tuple(key)].edge_index = pair
    if graph.tokens is not None:
        data.x_dict = dict(graph.tokens)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        torch.save(data, temporary)


class _Record:
    """Stands in for the classes of PyG: stores its state and has no behaviour."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state if isinstance(state, dict) else {})


_STORES = ("BaseStorage", "NodeStorage", "EdgeStorage", "GlobalStorage")
_NOTES = (
    ("graph_store", "EdgeAttr"),
    ("graph_store", "EdgeLayout"),
    ("feature_store", "TensorAttr"),
)
_ALLOWED: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch_geometric.data.hetero_data", "HeteroData"): _Record,
    **{("torch_geometric.data.storage", name): _Record for name in _STORES},
    **{(f"torch_geometric.data.{module}", name): _Record for module, name in _NOTES},
}


# `torch.load` derives from the unpickler to find the data of tensors, and resolves the names of
# storages itself.
_SAFE: Any = types.SimpleNamespace(Unpickler=restricted_unpickler(_ALLOWED), __name__="pickle")


def _values(store: Any) -> dict[str, Any]:
    return dict(store.__dict__["_mapping"])


def _check(path: Path, graph: GraphFile) -> None:
    for name, x in graph.x.items():
        if x.dim() != 2:
            raise FileFormatError(f"{path}: x of {name!r} has shape {list(x.shape)}, expected 2-D.")
    for key, pair in graph.edges.items():
        if pair.dim() != 2 or pair.shape[0] != 2:
            raise FileFormatError(
                f"{path}: edges of {key} have shape {list(pair.shape)}, expected [2, n]."
            )
        for row, end in enumerate((key.src, key.dst)):
            if end not in graph.x:
                raise FileFormatError(f"{path}: {key} needs nodes of {end!r}, which have no x.")
            bound = len(graph.x[end])
            if pair.numel() and not (int(pair[row].min()) >= 0 and int(pair[row].max()) < bound):
                raise FileFormatError(f"{path}: {key} names a {end} outside 0..{bound - 1}.")
    for name, tokens in (graph.tokens or {}).items():
        if len(tokens) != len(graph.x.get(name, ())):
            raise FileFormatError(
                f"{path}: {len(tokens)} tokens for {len(graph.x.get(name, ()))} {name} nodes."
            )
