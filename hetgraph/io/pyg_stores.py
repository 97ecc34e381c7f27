"""The stores of a ``HeteroData``: nodes of a type, or edges of a type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.entries import node_count
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError, SchemaError
from hetgraph.io.attributes import Choice, id_column, numbers, side_by_side

__all__ = ["StoreReader", "number_of_nodes"]

_UNTOLD = {"num_nodes", "n_id", "batch", "ptr", "input_id", "batch_size"}
"""Bookkeeping of the loaders, which says nothing of the graph."""
_SIZED = ("x", "y", "ids", "text", "train_mask", "val_mask", "test_mask", "n_id", "pos", "batch")


@dataclass
class StoreReader:
    """Reads store by store, and collects the names of what is left."""

    nodes: Mapping[str, Choice]
    edges: Mapping[str, Choice]
    given_counts: Mapping[str, int]
    counts: dict[str, int] = field(default_factory=dict)
    features: dict[str, Tensor | CSR] = field(default_factory=dict)
    ids: dict[str, pa.Array] = field(default_factory=dict)
    text: dict[str, list[str]] = field(default_factory=dict)
    relations: dict[EdgeType, Relation] = field(default_factory=dict)
    left: list[tuple[Any, str]] = field(default_factory=list)

    def read_nodes(self, node_type: str, store: Mapping[str, Any]) -> None:
        """Reads the count, features, ids and texts of a node type."""
        count = self.counts[node_type] = number_of_nodes(node_type, store, self.given_counts)
        present = [key for key in store if store[key] is not None]
        names = self.nodes["features"].names(node_type, present)
        if names == ("x",):
            self.features[node_type] = _features(node_type, store["x"])
        elif names:
            columns = {key: store[key] for key in names}
            stacked = side_by_side(f"nodes of type {node_type!r}", columns, count)
            if stacked is not None:
                self.features[node_type] = stacked
        ids, text = (self.nodes[kind].name(node_type, present) for kind in ("ids", "text"))
        if ids is not None:
            self.ids[node_type] = id_column(f"nodes of type {node_type!r}", store[ids])
        if text is not None:
            self.text[node_type] = list(store[text])
        used = {*names, ids, text, *_UNTOLD}
        self.left += [(node_type, key) for key in present if key not in used]

    def read_edges(self, key: EdgeType, store: Mapping[str, Any]) -> None:
        """Reads the edges of a type with weights, features and times."""
        for end in (key.src, key.dst):
            if end not in self.counts:
                raise SchemaError(
                    f"edge type ({key}) has nodes of type {end!r}, which is unknown; "
                    f"set data[{end!r}].num_nodes or give num_nodes={{{end!r}: ...}}."
                )
        src, dst, value = _edges(key, store)
        present = [name for name in store if store[name] is not None]
        weight = self.edges["weight"].name(key, present)
        time = self.edges["time"].name(key, present)
        names = self.edges["features"].names(key, present)
        if key not in self.edges["features"].given:
            names = tuple(name for name in names if name not in (weight, time))
        where = f"edges ({key})"
        columns = {name: store[name] for name in names}
        if value is not None and value.dim() > 1 and not names:
            columns, value = {"adj_t": value}, None
        given = {
            "weight": value if weight is None else _one_number(where, weight, store[weight]),
            "edge_features": side_by_side(where, columns, src.numel()),
            "edge_time": None if time is None else torch.as_tensor(store[time]),
        }
        try:
            self.relations[key] = Relation.from_edges(
                src, dst, self.counts[key.src], self.counts[key.dst], **given
            )
        except DataError as error:
            raise DataError(
                f"edge type ({key}), {self.counts[key.src]} {key.src!r} sources and "
                f"{self.counts[key.dst]} {key.dst!r} destinations: {error}"
            ) from error
        used = {"edge_index", "adj_t", *names, weight, time}
        self.left += [(key, name) for name in present if name not in used]


def _one_number(where: str, name: str, values: Any) -> Tensor:
    """Returns ``[n]`` weights of ``[n]`` or ``[n, 1]`` numbers."""
    rows = numbers(where, name, values, len(values))
    if rows.shape[1] != 1:
        raise DataError(
            f"{where}: attribute {name!r} has {rows.shape[1]} numbers an edge, expected one as the "
            "weight; name it in edge_features."
        )
    return rows[:, 0]


def number_of_nodes(node_type: str, store: Mapping[str, Any], given: Mapping[str, int]) -> int:
    """Returns the number of nodes of a type: as given, as stored, or the length of an attribute.

    Raises:
        DataError: If it cannot be told, or is no number of nodes.
    """
    number = given[node_type] if node_type in given else store.get("num_nodes")
    if number is not None:
        return node_count(f"node type {node_type!r}", number)
    for key in _SIZED:
        if key in store:
            value = store[key]
            return int(value.shape[0]) if hasattr(value, "shape") else len(value)
    sizes = {int(value.shape[0]) for value in store.values() if getattr(value, "shape", ())}
    if len(sizes) == 1:
        return sizes.pop()
    raise DataError(
        f"node type {node_type!r} has neither x nor num_nodes; "
        f"set data[{node_type!r}].num_nodes = <number>."
    )


def _features(node_type: str, x: Any) -> Tensor | CSR:
    if isinstance(x, Tensor) and x.layout != torch.strided:
        return _from_sparse(x)
    if hasattr(x, "sparse_sizes"):  # torch_sparse.SparseTensor
        return _from_sparse(x.to_torch_sparse_csr_tensor())
    if not isinstance(x, (Tensor, np.ndarray)):
        raise DataError(f"x of {node_type!r} is a {type(x).__name__}; expected a tensor.")
    tensor = torch.as_tensor(x).detach()
    if tensor.dim() == 1 and not tensor.is_floating_point() and tensor.dtype != torch.bool:
        return tensor if tensor.dtype == torch.int32 else tensor.long()
    if tensor.dim() == 1:
        tensor = tensor[:, None]
    return tensor if tensor.is_floating_point() else tensor.float()


def _from_sparse(matrix: Tensor) -> CSR:
    """Returns a sparse tensor of any layout as a CSR, without weights if all values are 1."""
    coo = matrix.to_sparse(layout=torch.sparse_coo).coalesce()
    rows, cols = coo.indices()
    values = coo.values()
    if not values.is_floating_point():
        values = values.float()
    weight = None if bool((values == 1).all()) else values
    return CSR.from_coo(rows, cols, (matrix.shape[0], matrix.shape[1]), weight)


def _edges(key: EdgeType, store: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor | None]:
    """Returns sources, destinations and the weights of an adjacency matrix."""
    if "edge_index" in store:
        index = store["edge_index"]
        index = index.as_tensor() if hasattr(index, "as_tensor") else index
        if index.dim() != 2 or index.shape[0] != 2 or index.is_floating_point():
            raise DataError(
                f"edge_index of ({key}) is {index.dtype} of shape {list(index.shape)}; expected "
                "integers of shape [2, num_edges]."
            )
        return index[0], index[1], None
    if "adj_t" not in store:
        raise DataError(f"edge type ({key}) has neither edge_index nor adj_t; set edge_index.")
    matrix = store["adj_t"]
    if hasattr(matrix, "coo"):  # torch_sparse.SparseTensor
        dst, src, value = matrix.coo()
        return src, dst, value
    coo = matrix.to_sparse(layout=torch.sparse_coo)
    dst, src = coo._indices()
    value = coo._values()
    return src, dst, None if bool((value == 1).all()) else value
