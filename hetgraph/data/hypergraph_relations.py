"""Hypergraphs made from the relations of a graph: per relation, per star or per signature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.hypergraph_sets import SetLimits, hypergraph_of, limit_sets
from hetgraph.data.numbering import joint_edges, node_spans, one_way
from hetgraph.data.quotient import equal_rows
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["relation_hypergraph", "signature_hypergraph", "star_hypergraph"]

_SINGLE = (-1,)  # stands for the type of hyperedges with one member


def relation_hypergraph(graph: HeteroGraph) -> Hypergraph:
    """Makes one hyperedge per relation, of its own type: all sources and destinations.

    Only the first of each declared pair of reverses is used; a relation without edges has no
    hyperedge. O(num_edges + num_relations * num_nodes bits).

    Raises:
        DataError: If the graph has no edge.
    """
    incidence = _touched(graph)
    names = [str(key) for key in one_way(graph.schema)]
    sets = incidence.transpose
    return hypergraph_of(
        {
            name: sets.rows(torch.tensor([number] if int(sets.degree[number]) else []).long())
            for number, name in enumerate(names)
        },
        graph.num_nodes,
    )


def signature_hypergraph(graph: HeteroGraph) -> Hypergraph:
    """Makes one hyperedge per set of nodes that have edges in the same relations: a partition.

    Edge direction is ignored, and nodes without edges have the empty signature. Hyperedges are
    numbered by their first node. The type of a hyperedge with several members is the set of
    relations with an edge between two distinct members; all with a single member have one type.
    Types are numbered by their sorted relation numbers, which makes them deterministic.

    This is the partition of MetaHGNIE's official implementation, except that the latter uses only
    the last relation in its file between two nodes; here all are used. O(num_edges + num_nodes).

    Raises:
        DataError: If the graph has no edge.
    """
    incidence = _touched(graph)
    if not incidence.nnz:
        raise DataError("the graph has no edges, so nodes have no signatures.")
    edge_of = equal_rows(incidence)
    num_edges = int(edge_of.max()) + 1
    kinds = _inner_relations(graph, edge_of, num_edges)
    ordered = {kind: number for number, kind in enumerate(sorted(set(kinds)))}
    relations = one_way(graph.schema)
    return Hypergraph.from_pairs(
        torch.arange(edge_of.numel()),
        edge_of,
        torch.tensor([ordered[kind] for kind in kinds]),
        num_nodes=graph.num_nodes,
        type_names=[_kind_name(kind, relations) for kind in ordered],
    )


def star_hypergraph(
    graph: HeteroGraph,
    relations: Iterable[EdgeType | str] | None = None,
    *,
    include_center: bool = False,
    limits: SetLimits | None = None,
) -> Hypergraph:
    """Makes one hyperedge per destination, of its sources, with one type per relation.

    Declared reverses are used by default: the movies of a genre, and the genres of a movie. Equal
    sets of one type are merged. O(num_edges).

    Args:
        graph: The graph.
        relations: The relations; default: all.
        include_center: Whether the destination is a member, too.
        limits: Limits on the size and the number of sets.

    Raises:
        SchemaError: If a relation is unknown.
        DataError: If no set is left.
    """
    spans, total = node_spans(graph.num_nodes), sum(graph.num_nodes.values())
    given = graph.edge_types if relations is None else map(graph.schema.edge_type, relations)
    sets = {}
    for key in dict.fromkeys(given):
        src, dst = (ends.cpu() for ends in graph.relations[key].edges())
        member, count = src + spans[key.src].start, graph.num_nodes[key.dst]
        center = torch.arange(count) + spans[key.dst].start
        if include_center:
            used = torch.bincount(dst, minlength=count).nonzero().squeeze(1)
            member, dst = torch.cat([member, center[used]]), torch.cat([dst, used])
        stars = CSR.from_coo(dst, member, (count, total)).coalesced("binary")
        anchors = center if include_center else None
        sets[str(key)] = limit_sets(stars, limits or SetLimits(), str(key), anchors)
    return hypergraph_of(sets, graph.num_nodes)


def _touched(graph: HeteroGraph) -> CSR:
    """Returns the ``[num_nodes, num_relations]`` pattern of the relations that touch each node."""
    total, relations = sum(graph.num_nodes.values()), one_way(graph.schema)
    nodes = [torch.empty(0, dtype=torch.int64)]
    numbers = [torch.empty(0, dtype=torch.int64)]
    for number, (_, src, dst) in enumerate(joint_edges(graph)):
        touched = torch.zeros(total, dtype=torch.bool)
        touched[src.cpu()] = touched[dst.cpu()] = True
        ids = touched.nonzero().squeeze(1)
        nodes.append(ids)
        numbers.append(torch.full_like(ids, number))
    return CSR.from_coo(torch.cat(nodes), torch.cat(numbers), (total, len(relations)))


def _inner_relations(graph: HeteroGraph, edge_of: Tensor, num_edges: int) -> list[tuple[int, ...]]:
    """Returns the relations within each hyperedge of a partition, in one pass over the edges."""
    rows, cols = [torch.empty(0, dtype=torch.int64)], [torch.empty(0, dtype=torch.int64)]
    for number, (_, src, dst) in enumerate(joint_edges(graph)):
        first, second = edge_of[src.cpu()], edge_of[dst.cpu()]
        inner = torch.unique(first[(first == second) & (src != dst).cpu()])
        rows.append(inner)
        cols.append(torch.full_like(inner, number))
    count = len(one_way(graph.schema))
    inside = CSR.from_coo(torch.cat(rows), torch.cat(cols), (num_edges, count))
    single = (torch.bincount(edge_of, minlength=num_edges) == 1).tolist()
    bounds, numbers = inside.indptr.tolist(), inside.indices.tolist()
    return [
        _SINGLE if alone else tuple(numbers[start:stop])
        for alone, start, stop in zip(single, bounds[:-1], bounds[1:], strict=True)
    ]


def _kind_name(kind: tuple[int, ...], relations: tuple[EdgeType, ...]) -> str:
    if kind == _SINGLE:
        return "one node"
    return " + ".join(str(relations[number]) for number in kind) or "no inner relation"
