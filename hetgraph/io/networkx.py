"""Conversion from a typed ``networkx.MultiDiGraph``.

The attribute ``type`` of a node is its type; that of an edge, or its key in a multigraph, is the
relation. Without further words, node attributes ``x`` and ``text`` hold features and text, edge
attributes ``weight``, ``x`` and ``time`` hold weights, features and times; a warning lists all
others. Integers in ``x`` are categories; other numbers become float32. Types without nodes or
edges do not exist in networkx.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError, SchemaError
from hetgraph.io.attributes import (
    Choice,
    EdgeNames,
    NodeNames,
    id_column,
    side_by_side,
    tell_left,
)
from hetgraph.io.owners import Owners
from hetgraph.io.reverses import link_reverses

__all__ = ["from_networkx", "networkx_nodes"]

_PLAIN = (str, int, float, bytes)


def networkx_nodes(graph: Any, *, node_type: str = "type") -> dict[str, list[Hashable]]:
    """Returns the nodes of a networkx graph by type, in the order :func:`from_networkx` uses.

    Entry ``i`` of a list is node ``i`` of its type, any hashable value.

    Args:
        graph: A networkx graph.
        node_type: Node attribute with the type.

    Raises:
        SchemaError: If a node has no type.

    Example:
        >>> import networkx
        >>> given = networkx.DiGraph()
        >>> given.add_nodes_from(["ann", "bob"], type="person")
        >>> networkx_nodes(given)
        {'person': ['ann', 'bob']}
    """
    nodes: dict[str, list[Hashable]] = {}
    for node, attributes in graph.nodes(data=True):
        if node_type not in attributes:
            raise SchemaError(
                f"node {node!r} has no attribute {node_type!r}; set graph.nodes[{node!r}]"
                f"[{node_type!r}] or give node_type=<another attribute>."
            )
        nodes.setdefault(str(attributes[node_type]), []).append(node)
    return nodes


def from_networkx(
    graph: Any,
    *,
    node_type: str = "type",
    edge_type: str = "type",
    features: NodeNames | None = None,
    text: Mapping[str, str] | None = None,
    edge_features: EdgeNames | None = None,
    edge_weight: Mapping[Any, str] | None = None,
    edge_time: Mapping[Any, str] | None = None,
    find_reverses: bool = True,
    name: str = "",
) -> HeteroGraph:
    """Builds a graph from a typed ``networkx.MultiDiGraph`` or ``DiGraph``.

    ``ids`` holds the nodes of a type if they are all texts, integers, floats or bytes, and
    otherwise their ``repr``; :func:`networkx_nodes` always returns the nodes. Attributes that are
    neither read nor named are listed in one warning. Named attributes are read as numbers,
    unscaled, one beside the other.

    Args:
        graph: The networkx graph.
        node_type: Node attribute with the type.
        edge_type: Edge attribute with the name of the relation, or with the edge type as a triple.
        features: Attributes by node type that become the features, ``{"person": ["age"]}``;
            default: ``x``.
        text: The attribute with the texts by node type; default: ``text``.
        edge_features: Attributes by edge type that become the edge features; default: ``x``.
        edge_weight: The attribute with the weights by edge type; default: ``weight``.
        edge_time: The attribute with the times by edge type: numbers, dates or times of day;
            default: ``time``.
        find_reverses: Declare relations with the same edges in opposite directions as reverses.
        name: Name of the graph; default: that of the networkx graph.

    Raises:
        SchemaError: If a node or an edge has no type, or the graph is undirected.
        DataError: If only some nodes of a type, or edges of a relation, have an attribute that is
            read, or its values do not fit.

    Example:
        >>> import networkx
        >>> given = networkx.MultiDiGraph()
        >>> given.add_node("ann", type="person")
        >>> given.add_node("tea", type="drink")
        >>> _ = given.add_edge("ann", "tea", type="likes")
        >>> from_networkx(given).edge_types
        (EdgeType(src='person', name='likes', dst='drink'),)
    """
    if not graph.is_directed():
        raise SchemaError(
            "the graph is undirected, but a relation has a source and a destination; give "
            "graph.to_directed()."
        )
    nodes = networkx_nodes(graph, node_type=node_type)
    place = {
        node: (kind, number)
        for kind, members in nodes.items()
        for number, node in enumerate(members)
    }
    counts = {kind: len(members) for kind, members in nodes.items()}
    edges = _edges_by_type(graph, place, edge_type)
    relations, left_of_edges = _relations(
        edges,
        counts,
        Choice.of("edge_weight", edge_weight, edges, "weight"),
        Choice.of("edge_features", edge_features, edges, "x"),
        Choice.of("edge_time", edge_time, edges, "time"),
        ignored=edge_type,
    )
    vectors, texts, left = _of_nodes(
        graph,
        nodes,
        Choice.of("features", features, nodes, "x"),
        Choice.of("text", text, nodes, "text"),
        ignored=node_type,
    )
    tell_left([*(("", key) for key in graph.graph if key != "name"), *left, *left_of_edges])
    linked, pairs = link_reverses(relations) if find_reverses else (relations, ())
    return HeteroGraph(
        num_nodes=counts,
        relations=linked,
        features=vectors,
        reverses=pairs,
        ids={kind: _ids(members) for kind, members in nodes.items()},
        text=texts,
        name=name or str(graph.name),
    )


# ------------------------------------------------------------------------------ reading


@dataclass(frozen=True)
class _Edge:
    """One edge: node numbers of its ends, its attributes, and its name for messages."""

    src: int
    dst: int
    attributes: Mapping[str, Any]
    label: str


def _edges_by_type(
    graph: Any, place: Mapping[Hashable, tuple[str, int]], edge_type: str
) -> dict[EdgeType, list[_Edge]]:
    edges: dict[EdgeType, list[_Edge]] = {}
    for source, target, edge_key, attributes in _edges(graph):
        (src_type, src), (dst_type, dst) = place[source], place[target]
        key = _edge_type(attributes.get(edge_type), edge_key, src_type, dst_type)
        label = f"edge ({source!r}, {target!r})"
        if key is None:
            raise SchemaError(
                f"{label} has no attribute {edge_type!r}; set it, or give "
                "edge_type=<another attribute>."
            )
        if (key.src, key.dst) != (src_type, dst_type):
            raise SchemaError(
                f"{label} has type ({key}), but runs from {src_type!r} to {dst_type!r}."
            )
        edges.setdefault(key, []).append(_Edge(src, dst, attributes, label))
    return edges


def _edges(graph: Any) -> Iterable[tuple[Hashable, Hashable, Any, Mapping[str, Any]]]:
    if graph.is_multigraph():
        yield from graph.edges(keys=True, data=True)
    else:
        for source, target, attributes in graph.edges(data=True):
            yield source, target, None, attributes


def _edge_type(given: Any, edge_key: Any, src_type: str, dst_type: str) -> EdgeType | None:
    given = edge_key if given is None and not isinstance(edge_key, int) else given
    if given is None:
        return None
    if isinstance(given, (tuple, list)) and len(given) == 3:
        return EdgeType(*map(str, given))
    return EdgeType(src_type, str(given), dst_type)


def _relations(
    edges: Mapping[EdgeType, Sequence[_Edge]],
    counts: Mapping[str, int],
    weights: Choice,
    features: Choice,
    times: Choice,
    *,
    ignored: str,
) -> tuple[dict[EdgeType, Relation], list[tuple[Any, str]]]:
    """Returns the relations, and the attributes that are in none of them."""
    relations, left = {}, []
    for key, rows in edges.items():
        labels = [row.label for row in rows]
        owners = Owners(f"edges ({key})", [row.attributes for row in rows], labels)
        weight, time = (choice.name(key, owners.present) for choice in (weights, times))
        names = features.names(key, owners.present)
        vectors = {name: owners.values(name) for name in names}
        relations[key] = Relation.from_edges(
            np.array([row.src for row in rows], dtype=np.int64),
            np.array([row.dst for row in rows], dtype=np.int64),
            counts[key.src],
            counts[key.dst],
            weight=None if weight is None else owners.numbers(weight),
            edge_features=side_by_side(owners.where, vectors, len(rows)),
            edge_time=None if time is None else owners.times(time),
        )
        used = {ignored, weight, time, *names}
        left += [(key, name) for name in owners.present if name not in used]
    return relations, left


def _of_nodes(
    graph: Any,
    nodes: Mapping[str, Sequence[Hashable]],
    features: Choice,
    texts: Choice,
    *,
    ignored: str,
) -> tuple[dict[str, Tensor], dict[str, pa.Array], list[tuple[Any, str]]]:
    """Returns features and texts by node type, and the attributes that are in neither."""
    vectors, columns, left = {}, {}, []
    for kind, members in nodes.items():
        owners = Owners(
            f"nodes of type {kind!r}",
            [graph.nodes[node] for node in members],
            [f"node {node!r}" for node in members],
        )
        names, text = features.names(kind, owners.present), texts.name(kind, owners.present)
        if names and kind not in features.given and owners.are_integers(names[0]):
            vectors[kind] = torch.tensor(owners.values(names[0]))
        elif names:
            given = {name: owners.values(name) for name in names}
            stacked = side_by_side(owners.where, given, len(members))
            assert stacked is not None  # there are names
            vectors[kind] = stacked
        if text is not None:
            columns[kind] = owners.texts(text)
        left += [(kind, name) for name in owners.present if name not in {ignored, text, *names}]
    return vectors, columns, left


def _ids(nodes: Sequence[Hashable]) -> pa.Array:
    for kind in _PLAIN:
        if all(type(node) is kind for node in nodes):
            try:
                return id_column("nodes", nodes)
            except DataError:  # Integers beyond 64 bits.
                break
    return pa.array([repr(node) for node in nodes])
