"""Conversion from and to PyTorch Geometric's ``HeteroData``.

Without further words these attributes of a store are read; a warning lists all others.

=============================  ==========================================================
node ``x``                     features: dense, sparse, or categories if ``[n]`` integers
node ``num_nodes``             number of nodes of a type without features
node ``ids``, ``text``         lists of the user's ids and of texts
node ``y``, ``*_mask``         target and splits, by :func:`from_pyg_dataset`
edge ``edge_index``, ``adj_t`` the edges
edge ``edge_weight, weight``   weights
edge ``edge_attr``             edge features, ``[num_edges, 1]`` if it is ``[num_edges]``
edge ``time``, ``edge_time``   edge times
=============================  ==========================================================
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Values
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import SchemaError, suggest
from hetgraph.io.attributes import Choice, EdgeNames, NodeNames, tell_left
from hetgraph.io.pyg_stores import StoreReader, number_of_nodes
from hetgraph.io.pyg_targets import read_splits, read_target, write_targets
from hetgraph.io.reverses import link_reverses
from hetgraph.optional import require

__all__ = ["from_pyg", "from_pyg_dataset", "to_pyg"]

_TARGET = ("y", "train_mask", "val_mask", "test_mask")


def from_pyg(
    data: Any,
    *,
    features: NodeNames | None = None,
    text: Mapping[str, str] | None = None,
    ids: Mapping[str, str] | None = None,
    edge_features: EdgeNames | None = None,
    edge_weight: Mapping[Any, str] | None = None,
    edge_time: Mapping[Any, str] | None = None,
    num_nodes: Mapping[str, int] | None = None,
    find_reverses: bool = True,
    name: str = "",
) -> HeteroGraph:
    """Builds a graph from a ``HeteroData``.

    Attributes that are neither read nor named are listed in one warning. Named attributes are read
    as numbers, unscaled, one beside the other.

    Args:
        data: A ``torch_geometric.data.HeteroData``.
        features: Attributes by node type that become the features, ``{"paper": ["x", "year"]}``;
            default: ``x``.
        text: The attribute with the texts by node type; default: ``text``.
        ids: The attribute with the user's ids by node type; default: ``ids``.
        edge_features: Attributes by edge type that become the edge features; default:
            ``edge_attr``.
        edge_weight: The attribute with the weights by edge type; default: ``edge_weight``, or else
            ``weight``.
        edge_time: The attribute with the times by edge type; default: ``time``, or else
            ``edge_time``.
        num_nodes: Number of nodes of each type without features and ``num_nodes``.
        find_reverses: Declare relations with the same edges in opposite directions as reverses, so
            that splits and audits account for them.
        name: Name of the graph.

    Raises:
        DataError: Naming the type, the value and what was expected.
        SchemaError: If ``data`` is not a ``HeteroData`` or an edge type has an unknown node type.

    Example:
        >>> from torch_geometric.data import HeteroData
        >>> data = HeteroData()
        >>> data["paper"].x = torch.eye(3)
        >>> data["paper"].year = torch.tensor([1999, 2001, 2001])
        >>> data["paper", "cites", "paper"].edge_index = torch.tensor([[0, 1], [2, 2]])
        >>> graph = from_pyg(data, features={"paper": ["x", "year"]})
        >>> graph.relation("cites").num_edges, graph.features["paper"].shape[1]
        (2, 4)
    """
    if not (hasattr(data, "node_types") and hasattr(data, "edge_types")):
        raise SchemaError(
            f"expected a HeteroData, got a {type(data).__name__}; a homogeneous Data becomes one "
            "with data.to_heterogeneous()."
        )
    types = list(dict.fromkeys([*data.node_types, *(num_nodes or {})]))
    keys = [EdgeType(*triple) for triple in data.edge_types]
    nodes = {
        "features": Choice.of("features", features, types, "x"),
        "text": Choice.of("text", text, types, "text"),
        "ids": Choice.of("ids", ids, types, "ids"),
    }
    edges = {
        "weight": Choice.of("edge_weight", edge_weight, keys, "edge_weight", "weight"),
        "features": Choice.of("edge_features", edge_features, keys, "edge_attr"),
        "time": Choice.of("edge_time", edge_time, keys, "time", "edge_time"),
    }
    reader = StoreReader(nodes, edges, dict(num_nodes or {}))
    for node_type in types:
        reader.read_nodes(node_type, data[node_type] if node_type in data.node_types else {})
    for key in keys:
        reader.read_edges(key, data[tuple(key)])
    tell_left([*_of_graph(data), *reader.left])
    relations = reader.relations
    linked, pairs = link_reverses(relations) if find_reverses else (relations, ())
    return HeteroGraph(
        num_nodes=reader.counts,
        relations=linked,
        features=reader.features,
        reverses=pairs,
        ids=reader.ids,
        text=reader.text,
        name=name,
    )


def from_pyg_dataset(
    data: Any, *, node_type: str | None = None, name: str = "pyg", **options: Any
) -> Dataset:
    """Builds a data set from a ``HeteroData`` with ``y`` and masks.

    Whole numbers are classes, negative ones mean not labelled; ``[n, num_classes]`` labels are
    multi-label. A floating-point ``y`` holds values for node regression, NaN where not known; write
    ``y.long()`` if they are classes. Masks of shape ``[n, k]`` give ``k`` splits. Without train and
    test masks the labelled nodes are split 60/20/20.

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
    labelled = [key for key in getattr(data, "node_types", ()) if "y" in data[key]]
    if node_type is None and not labelled:
        return Dataset(name, from_pyg(data, name=name, **options))
    if node_type is None and len(labelled) > 1:
        raise SchemaError(
            f"several node types have y; choose one of them: node_type in {labelled}."
        )
    target = node_type or labelled[0]
    if target not in labelled:
        raise SchemaError(f"node type {target!r} has no y.{suggest(target, labelled)}")
    graph = from_pyg(_without_target(data, target), name=name, **options)
    known = read_target(target, torch.as_tensor(data[target]["y"]), graph.num_nodes[target])
    splits = read_splits(data[target]) or known.default_splits()
    task = "node-regression" if isinstance(known, Values) else ""
    return Dataset(name, graph, known, splits, task=task)


def to_pyg(data: HeteroGraph | Dataset) -> Any:
    """Returns a ``HeteroData``; for a data set with ``y`` and masks, of its labels or values.

    Nodes without a label have ``y`` -1, or NaN if labels are multi-label or values. Several splits
    become masks ``[n, k]``. A warning lists what a ``HeteroData`` has no place for.

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
    if isinstance(data, Dataset):
        write_targets(hetero, data)
    return hetero


def _of_graph(data: Any) -> list[tuple[str, str]]:
    """Attributes of a ``HeteroData`` that are of no type."""
    store = getattr(data, "_global_store", {})
    return [("", key) for key in store if store[key] is not None]


def _without_target(data: Any, target: str) -> Any:
    """A view of a ``HeteroData`` without the attributes that are read as target and splits."""
    view = copy.copy(data)
    store = view[target]
    if store.get("num_nodes") is None:
        store.num_nodes = number_of_nodes(target, store, {})
    for key in _TARGET:
        if key in store:
            del store[key]
    return view


def _sparse_tensor(matrix: CSR) -> Tensor:
    values = torch.ones(matrix.nnz) if matrix.weight is None else matrix.weight
    return torch.sparse_csr_tensor(
        matrix.indptr.long(), matrix.indices.long(), values, size=matrix.shape
    )
