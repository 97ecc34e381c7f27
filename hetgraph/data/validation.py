"""Checks of the data of a graph against its schema."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.data.content import GraphContent
from hetgraph.data.csr import CSR
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError, SchemaError, suggest

__all__ = ["check_graph"]


def check_graph(graph: GraphContent) -> None:
    """Checks counts, ranges, dtypes and values, in O(nodes + edges + features).

    Raises:
        SchemaError: If features, ids or text name an unknown type.
        DataError: Naming the type, the value found and the one expected.
    """
    if not graph.num_nodes or not any(graph.num_nodes.values()):
        raise DataError("the graph is empty: give at least one node type with at least one node.")
    for what, mapping in (("features", graph.features), ("ids", graph.ids), ("text", graph.text)):
        for node_type, value in mapping.items():
            if node_type not in graph.num_nodes:
                raise SchemaError(
                    f"{what} are given for the unknown node type {node_type!r}."
                    f"{suggest(node_type, graph.num_nodes)}"
                )
            rows, expected = _length(value), graph.num_nodes[node_type]
            if rows != expected:
                raise DataError(
                    f"{what} of {node_type!r} have {rows} rows, expected {expected}: one per node."
                )
    for key in graph.encoders:
        types = {*graph.num_nodes, *map(str, graph.relations)}
        if key not in types:
            raise SchemaError(
                f"encoders are given for the unknown type {key!r}.{suggest(key, types)}"
            )
    for node_type in graph.standins:
        if node_type not in graph.num_nodes:
            raise SchemaError(
                f"a stand-in is given for the unknown node type {node_type!r}."
                f"{suggest(node_type, graph.num_nodes)}"
            )
    for node_type, features in graph.features.items():
        _check_features(node_type, features)
    for edge_type, relation in graph.relations.items():
        _check_relation(graph, edge_type, relation)
    for first, second in graph.schema.reverses:
        _check_reverse(graph, first, second)


def _length(value: object) -> int:
    return value.num_rows if isinstance(value, CSR) else len(value)  # type: ignore[arg-type]


def _check_features(node_type: str, features: Tensor | CSR) -> None:
    where = f"features of {node_type!r}"
    if isinstance(features, CSR):
        features.validate(where)
        return
    if features.is_floating_point():
        if features.dim() != 2:
            raise DataError(
                f"{where} have shape {list(features.shape)}, expected [num_nodes, dim]."
            )
        # The sum is finite only if every entry is: one pass, and no mask of the size of the data.
        if not bool(torch.isfinite(features.sum())) and not bool(torch.isfinite(features).all()):
            bad = int((~torch.isfinite(features)).any(dim=1).nonzero()[0])
            raise DataError(f"{where} hold NaN or infinite values, first in row {bad}; fill them.")
    elif features.dim() != 1 or features.dtype not in (torch.int32, torch.int64):
        raise DataError(
            f"{where} are {features.dtype} of shape {list(features.shape)}; expected float "
            "[num_nodes, dim], or int [num_nodes] for categories. Convert with .float()."
        )
    elif features.numel() and int(features.min()) < 0:
        raise DataError(f"{where} hold the category {int(features.min())}; expected 0 or more.")


def _check_relation(graph: GraphContent, edge_type: EdgeType, relation: Relation) -> None:
    where = f"relation ({edge_type})"
    if not isinstance(relation, Relation):
        raise DataError(
            f"{where} is a {type(relation).__name__}; expected a Relation, for example "
            "Relation.from_edges(src, dst, num_src, num_dst)."
        )
    for role, node_type, size in (
        ("source", edge_type.src, relation.num_src),
        ("destination", edge_type.dst, relation.num_dst),
    ):
        expected = graph.num_nodes[node_type]
        if size != expected:
            raise DataError(
                f"{where} was built for {size} {role} nodes, but there are {expected} "
                f"{node_type!r} nodes."
            )
    relation.validate(where)


def _check_reverse(graph: GraphContent, first: EdgeType, second: EdgeType) -> None:
    forward, backward = graph.relations[first], graph.relations[second]
    if forward is backward.transpose:
        return
    problem = ""
    if forward.num_edges != backward.num_edges:
        problem = f"{forward.num_edges} edges and {backward.num_edges}"
    else:
        flipped = backward.transpose
        same = torch.equal(forward.indptr.long(), flipped.indptr.long())
        if not same or not torch.equal(forward.indices.long(), flipped.indices.long()):
            problem = "different edges"
    if problem:
        raise DataError(
            f"({first}) and ({second}) are declared as reverses but hold {problem}; "
            "drop the declaration or rebuild one as relation.transpose."
        )
