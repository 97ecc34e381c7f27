"""Conversion from and to a typed ``networkx.MultiDiGraph``.

The attribute ``type`` of a node is its type; that of an edge, or its key in a multigraph, is the
relation. Node attributes ``x`` and ``text`` hold features and text, edge attributes ``weight``,
``x`` and ``time`` hold weights, features and times; others are ignored. Integers in ``x`` are
categories; other numbers become float32. Types without nodes or edges do not exist in networkx.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError, SchemaError
from hetgraph.io.reverses import link_reverses
from hetgraph.optional import require

__all__ = ["from_networkx", "networkx_nodes", "to_networkx"]

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
    find_reverses: bool = True,
    name: str = "",
) -> HeteroGraph:
    """Builds a graph from a typed ``networkx.MultiDiGraph`` or ``DiGraph``.

    ``ids`` holds the nodes of a type if they are all texts, integers, floats or bytes, and
    otherwise their ``repr``; :func:`networkx_nodes` always returns the nodes.

    Args:
        graph: The networkx graph.
        node_type: Node attribute with the type.
        edge_type: Edge attribute with the name of the relation, or with the edge type as a triple.
        find_reverses: Declare relations that are exact transposes of each other as reverses.
        name: Name of the graph; default: that of the networkx graph.

    Raises:
        SchemaError: If a node or an edge has no type, or the graph is undirected.
        DataError: If only some of the nodes of a type have features or text.

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
    relations = _relations(graph, place, counts, edge_type)
    linked, pairs = link_reverses(relations) if find_reverses else (relations, ())
    features = {kind: _vectors(graph, kind, members) for kind, members in nodes.items()}
    text = {kind: _values(graph, kind, members, "text") for kind, members in nodes.items()}
    return HeteroGraph(
        num_nodes=counts,
        relations=linked,
        features={kind: value for kind, value in features.items() if value is not None},
        reverses=pairs,
        ids={kind: _ids(members) for kind, members in nodes.items()},
        text={
            kind: pa.array(value, pa.large_string())
            for kind, value in text.items()
            if value is not None
        },
        name=name or str(graph.name),
    )


def to_networkx(
    graph: HeteroGraph,
    *,
    nodes: Mapping[str, Sequence[Hashable]] | None = None,
    features: bool = True,
) -> Any:
    """Returns a ``networkx.MultiDiGraph`` whose edge keys are relation names.

    A relation's parallel edges get keys ``(name, 1)``, ``(name, 2)``, ...; the attribute ``type``
    is the relation's name on all of them.

    Args:
        graph: The graph.
        nodes: Names of the nodes by type; default: ``graph.ids``, or else node numbers. If two
            types share a name, numbers become ``(type, number)``; if that is not enough, all
            names become ``(type, name)``.
        features: Whether to copy node and edge features into ``x``.

    Raises:
        ConfigError: If networkx is not installed.
        DataError: If ``nodes`` does not have one unique name per node.

    Example:
        >>> graph = HeteroGraph(num_nodes={"paper": 2}, relations={}, ids={"paper": ["p1", "p2"]})
        >>> to_networkx(graph).nodes["p1"]
        {'type': 'paper'}
    """
    networkx = require("networkx", "hetgraph[networkx]")
    result = networkx.MultiDiGraph(name=graph.name)
    names = _names(graph, nodes or {})
    for kind, members in names.items():
        vectors = _rows(graph.features.get(kind)) if features else None
        texts = graph.text[kind].to_pylist() if kind in graph.text else None
        for number, node in enumerate(members):
            attributes: dict[str, Any] = {"type": kind}
            if vectors is not None:
                attributes["x"] = vectors[number]
            if texts is not None:
                attributes["text"] = texts[number]
            result.add_node(node, **attributes)
    for key, relation in graph.relations.items():
        _add_edges(result, key, relation, names, features)
    return result


# ------------------------------------------------------------------------------ reading


def _relations(
    graph: Any,
    place: Mapping[Hashable, tuple[str, int]],
    counts: Mapping[str, int],
    edge_type: str,
) -> dict[EdgeType, Relation]:
    rows_by_type: dict[EdgeType, list[tuple[int, int, Mapping[str, Any]]]] = {}
    for source, target, edge_key, attributes in _edges(graph):
        (src_type, src), (dst_type, dst) = place[source], place[target]
        key = _edge_type(attributes.get(edge_type), edge_key, src_type, dst_type)
        if key is None:
            raise SchemaError(
                f"edge ({source!r}, {target!r}) has no attribute {edge_type!r}; set it, or give "
                "edge_type=<another attribute>."
            )
        if (key.src, key.dst) != (src_type, dst_type):
            raise SchemaError(
                f"edge ({source!r}, {target!r}) has type ({key}), but runs from {src_type!r} to "
                f"{dst_type!r}."
            )
        rows_by_type.setdefault(key, []).append((src, dst, attributes))
    return {key: _relation(key, rows, counts) for key, rows in rows_by_type.items()}


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


def _relation(
    key: EdgeType, rows: Sequence[tuple[int, int, Mapping[str, Any]]], counts: Mapping[str, int]
) -> Relation:
    where = f"edges ({key})"
    values = {name: _all_or_none(where, name, [row[2] for row in rows]) for name in _EDGE}
    weight, vectors, time = (values[name] for name in _EDGE)
    return Relation.from_edges(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        counts[key.src],
        counts[key.dst],
        weight=None if weight is None else torch.tensor(weight, dtype=torch.float32),
        edge_features=None if vectors is None else _stack(where, vectors),
        edge_time=None if time is None else torch.tensor(time),
    )


_EDGE = ("weight", "x", "time")


def _all_or_none(where: str, name: str, owners: Sequence[Mapping[str, Any]]) -> list[Any] | None:
    """Returns an attribute of every owner, or ``None`` if none has it."""
    has = [name in owner for owner in owners]
    if not any(has):
        return None
    if not all(has):
        raise DataError(
            f"{where}: {len(has) - sum(has)} of {len(has)} have no attribute {name!r}; set it on "
            "all of them or on none of them."
        )
    return [owner[name] for owner in owners]


def _values(graph: Any, kind: str, nodes: Sequence[Hashable], name: str) -> list[Any] | None:
    return _all_or_none(f"nodes of type {kind!r}", name, [graph.nodes[node] for node in nodes])


def _vectors(graph: Any, kind: str, nodes: Sequence[Hashable]) -> Tensor | None:
    values = _values(graph, kind, nodes, "x")
    if values is None:
        return None
    if all(
        isinstance(value, (int, np.integer)) and not isinstance(value, bool) for value in values
    ):
        return torch.tensor([int(value) for value in values])
    return _stack(f"nodes of type {kind!r}", values)


def _stack(where: str, values: Sequence[Any]) -> Tensor:
    try:
        rows = np.stack([np.atleast_1d(np.asarray(value)) for value in values])
    except ValueError as error:
        raise DataError(
            f"{where}: attribute 'x' differs in length; make all lengths equal."
        ) from error
    if rows.ndim != 2 or rows.dtype.kind not in "fiub":
        raise DataError(f"{where}: attribute 'x' must be a number or a list of numbers.")
    return torch.from_numpy(
        rows if rows.dtype.kind == "f" and rows.itemsize < 8 else rows.astype("f4")
    )


def _ids(nodes: Sequence[Hashable]) -> pa.Array:
    for kind in _PLAIN:
        if all(type(node) is kind for node in nodes):
            try:
                return pa.array(nodes)
            except (pa.ArrowInvalid, OverflowError):  # Integers beyond 64 bits.
                break
    return pa.array([repr(node) for node in nodes])


# ------------------------------------------------------------------------------ writing


def _names(
    graph: HeteroGraph, given: Mapping[str, Sequence[Hashable]]
) -> dict[str, Sequence[Hashable]]:
    names: dict[str, Sequence[Hashable]] = {}
    for kind, count in graph.num_nodes.items():
        if kind in given:
            names[kind] = list(given[kind])
        else:
            names[kind] = graph.ids[kind].to_pylist() if kind in graph.ids else range(count)
        if len(set(names[kind])) != count:
            raise DataError(
                f"nodes of type {kind!r} have {len(set(names[kind]))} different names, expected "
                f"{count}: one per node."
            )
    for numbered_only in (True, False):
        if len({node for members in names.values() for node in members}) < sum(
            graph.num_nodes.values()
        ):
            names = {
                kind: members
                if numbered_only and (kind in given or kind in graph.ids)
                else [(kind, node) for node in members]
                for kind, members in names.items()
            }
    return names


def _rows(features: Tensor | CSR | None) -> Any:
    """Returns one Python value or numpy vector per node."""
    if features is None:
        return None
    if isinstance(features, CSR):
        features = features.to_dense()
    return features.tolist() if features.dim() == 1 else _numpy(features)


def _numpy(values: Tensor) -> Any:
    values = values.detach().cpu()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()


def _add_edges(
    result: Any,
    key: EdgeType,
    relation: Relation,
    names: Mapping[str, Sequence[Hashable]],
    features: bool,
) -> None:
    src, dst = (ends.tolist() for ends in relation.edges())
    columns: dict[str, Any] = {}
    if relation.weight is not None:
        columns["weight"] = relation.weight.tolist()
    if relation.edge_time is not None:
        columns["time"] = relation.edge_time.tolist()
    if relation.edge_features is not None and features:
        columns["x"] = _numpy(relation.edge_features)
    previous, repeat = None, 0
    for edge, ends in enumerate(zip(src, dst, strict=True)):
        repeat = repeat + 1 if ends == previous else 0  # Parallel edges are adjacent.
        previous = ends
        attributes = {name: column[edge] for name, column in columns.items()}
        edge_key = (key.name, repeat) if repeat else key.name
        source, target = names[key.src][ends[0]], names[key.dst][ends[1]]
        result.add_edge(source, target, edge_key, type=key.name, **attributes)
