"""Conversion from and to PyTorch Geometric's ``HeteroData``.

The attributes of a store are read as follows; others are ignored.

=============================  ==========================================================
node ``x``                     features: dense, sparse, or categories if ``[n]`` integers
node ``num_nodes``             number of nodes of a type without features
node ``ids``, ``text``         lists of the user's ids and of texts
node ``y``, ``*_mask``         labels and splits, by :func:`from_pyg_dataset`
edge ``edge_index``, ``adj_t`` the edges
edge ``edge_weight``           weights; also ``edge_attr`` if it is ``[num_edges]``
edge ``edge_attr``             edge features
edge ``time``, ``edge_time``   edge times
=============================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError, SchemaError, suggest
from hetgraph.io.pyg_targets import read_labels, read_splits, write_targets
from hetgraph.io.reverses import link_reverses
from hetgraph.optional import require

__all__ = ["from_pyg", "from_pyg_dataset", "to_pyg"]

_SIZED = ("x", "y", "ids", "text", "train_mask", "val_mask", "test_mask", "n_id", "pos", "batch")


def from_pyg(
    data: Any,
    *,
    num_nodes: Mapping[str, int] | None = None,
    find_reverses: bool = True,
    name: str = "",
) -> HeteroGraph:
    """Builds a graph from a ``HeteroData``.

    Args:
        data: A ``torch_geometric.data.HeteroData``.
        num_nodes: Number of nodes of each type without features and ``num_nodes``.
        find_reverses: Declare relations that are exact transposes of each other as reverses, so
            that splits and audits account for them.
        name: Name of the graph.

    Raises:
        DataError: Naming the type, the value and what was expected.
        SchemaError: If ``data`` is not a ``HeteroData`` or an edge type has an unknown node type.

    Example:
        >>> from torch_geometric.data import HeteroData
        >>> data = HeteroData()
        >>> data["paper"].x = torch.eye(3)
        >>> data["paper", "cites", "paper"].edge_index = torch.tensor([[0, 1], [2, 2]])
        >>> from_pyg(data).relation("cites").num_edges
        2
    """
    if not (hasattr(data, "node_types") and hasattr(data, "edge_types")):
        raise SchemaError(
            f"expected a HeteroData, got a {type(data).__name__}; a homogeneous Data becomes one "
            "with data.to_heterogeneous()."
        )
    counts: dict[str, int] = {}
    features: dict[str, Tensor | CSR] = {}
    columns: dict[str, dict[str, list[Any]]] = {"ids": {}, "text": {}}
    for node_type in dict.fromkeys([*data.node_types, *(num_nodes or {})]):
        store = data[node_type] if node_type in data.node_types else {}
        counts[node_type] = _count(node_type, store, num_nodes or {})
        if "x" in store:
            features[node_type] = _features(node_type, store["x"])
        for attribute, by_type in columns.items():
            if attribute in store:
                by_type[node_type] = list(store[attribute])
    relations: dict[EdgeType, Relation] = {}
    for key in (EdgeType(*triple) for triple in data.edge_types):
        for end in (key.src, key.dst):
            if end not in counts:
                raise SchemaError(
                    f"edge type ({key}) has nodes of type {end!r}, which is unknown; "
                    f"set data[{end!r}].num_nodes or give num_nodes={{{end!r}: ...}}."
                )
        relations[key] = _relation(key, data[tuple(key)], counts)
    linked, pairs = link_reverses(relations) if find_reverses else (relations, ())
    return HeteroGraph(
        num_nodes=counts, relations=linked, features=features, reverses=pairs, name=name, **columns
    )


def from_pyg_dataset(
    data: Any, *, node_type: str | None = None, name: str = "pyg", **options: Any
) -> Dataset:
    """Builds a data set from a ``HeteroData`` with ``y`` and masks.

    Negative and NaN labels mean not labelled; ``[n, num_classes]`` labels are multi-label. Masks
    of shape ``[n, k]`` give ``k`` splits. Without train and test masks the labelled nodes are
    split 60/20/20.

    Args:
        data: A ``torch_geometric.data.HeteroData``.
        node_type: The target type; default: the only one with ``y``.
        name: Name of the data set.
        **options: As for :func:`from_pyg`.

    Raises:
        SchemaError: If the target type is ambiguous or has no ``y``.

    Example:
        >>> from torch_geometric.data import HeteroData
        >>> data = HeteroData()
        >>> data["paper"].y = torch.tensor([0, 1, -1, 0, 1, 1])
        >>> from_pyg_dataset(data).labels.index.tolist()
        [0, 1, 3, 4, 5]
    """
    graph = from_pyg(data, name=name, **options)
    labelled = [key for key in data.node_types if "y" in data[key]]
    if node_type is None and not labelled:
        return Dataset(name, graph)
    if node_type is None and len(labelled) > 1:
        raise SchemaError(
            f"several node types have y; choose one of them: node_type in {labelled}."
        )
    target = node_type or labelled[0]
    if target not in labelled:
        raise SchemaError(f"node type {target!r} has no y.{suggest(target, labelled)}")
    labels = read_labels(target, torch.as_tensor(data[target]["y"]), graph.num_nodes[target])
    splits = read_splits(data[target]) or labels.default_splits()
    return Dataset(name, graph, labels, splits)


def to_pyg(data: HeteroGraph | Dataset) -> Any:
    """Returns a ``HeteroData``; for a data set with ``y`` and the masks of its first split.

    Nodes without a label have ``y`` -1, or NaN if labels are multi-label.

    Raises:
        ConfigError: If torch_geometric is not installed.

    Example:
        >>> graph = HeteroGraph(num_nodes={"paper": 3}, relations={})
        >>> to_pyg(graph)["paper"].num_nodes
        3
    """
    hetero = require("torch_geometric.data", "hetgraph[pyg]").HeteroData()
    graph = data.graph if isinstance(data, Dataset) else data
    for node_type, count in graph.num_nodes.items():
        store = hetero[node_type]
        store.num_nodes = count
        features = graph.features.get(node_type)
        if features is not None:
            store.x = _sparse_tensor(features) if isinstance(features, CSR) else features
        if node_type in graph.ids:
            store.ids = graph.ids[node_type].to_pylist()
        if node_type in graph.text:
            store.text = graph.text[node_type].to_pylist()
    for key, relation in graph.relations.items():
        edges = hetero[tuple(key)]
        edges.edge_index = torch.stack(relation.edges())
        if relation.weight is not None:
            edges.edge_weight = relation.weight
        if relation.edge_features is not None:
            edges.edge_attr = relation.edge_features
        if relation.edge_time is not None:
            edges.time = relation.edge_time
    if isinstance(data, Dataset) and data.labels is not None:
        write_targets(hetero[data.labels.node_type], data)
    return hetero


# ------------------------------------------------------------------------------ reading


def _count(node_type: str, store: Mapping[str, Any], given: Mapping[str, int]) -> int:
    if node_type in given:
        return int(given[node_type])
    if "num_nodes" in store:
        return int(store["num_nodes"])
    for key in _SIZED:
        if key in store:
            value = store[key]
            return int(value.shape[0]) if hasattr(value, "shape") else len(value)
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


def _relation(key: EdgeType, store: Mapping[str, Any], counts: Mapping[str, int]) -> Relation:
    src, dst, weight = _edges(key, store, counts)
    attributes = store.get("edge_attr")
    weight = store.get("edge_weight", weight)
    if attributes is not None and attributes.dim() == 1:
        if weight is None:
            weight, attributes = attributes, None
        else:
            attributes = attributes[:, None]
    if attributes is not None and not attributes.is_floating_point():
        attributes = attributes.float()
    if weight is not None:
        weight = weight.flatten()
    try:
        return Relation.from_edges(
            src,
            dst,
            counts[key.src],
            counts[key.dst],
            weight=weight,
            edge_features=attributes,
            edge_time=store.get("time", store.get("edge_time")),
        )
    except DataError as error:
        raise DataError(
            f"edge type ({key}), {counts[key.src]} {key.src!r} sources and {counts[key.dst]} "
            f"{key.dst!r} destinations: {error}"
        ) from error


def _edges(
    key: EdgeType, store: Mapping[str, Any], counts: Mapping[str, int]
) -> tuple[Tensor, Tensor, Tensor | None]:
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


# ------------------------------------------------------------------------------ writing


def _sparse_tensor(matrix: CSR) -> Tensor:
    values = torch.ones(matrix.nnz) if matrix.weight is None else matrix.weight
    return torch.sparse_csr_tensor(
        matrix.indptr.long(), matrix.indices.long(), values, size=matrix.shape
    )
