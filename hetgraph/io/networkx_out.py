"""Conversion to a typed ``networkx.MultiDiGraph``, which :mod:`hetgraph.io.networkx` reads."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError
from hetgraph.optional import require

__all__ = ["to_networkx"]

_LOG = logging.getLogger("hetgraph.io")


def to_networkx(
    graph: HeteroGraph,
    *,
    nodes: Mapping[str, Sequence[Hashable]] | None = None,
    features: bool = True,
) -> Any:
    """Returns a ``networkx.MultiDiGraph`` whose edge keys are relation names.

    A relation's parallel edges get keys ``(name, 1)``, ``(name, 2)``, ...; the attribute ``type``
    is the relation's name on all of them. Types without nodes or edges do not exist in networkx; a
    warning names them.

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
    empty = [key for key, count in graph.num_nodes.items() if not count]
    empty += [f"({key})" for key, relation in graph.relations.items() if not relation.num_edges]
    if empty:
        _LOG.warning("not written, as networkx has no empty types: %s.", ", ".join(empty))
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
