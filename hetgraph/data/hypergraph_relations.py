"""Hypergraphs of the relations of a graph: one set a relation, a star, or a signature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.equal_rows import equal_rows
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.hypergraph_sets import SetLimits, hypergraph_of, limit_sets
from hetgraph.data.numbering import joint_edges, node_spans, one_way
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["relation_hypergraph", "signature_hypergraph", "star_hypergraph"]

_SINGLE = (-1,)  # what stands for the type of hyperedges with one member


def relation_hypergraph(graph: HeteroGraph) -> Hypergraph:
    """Makes a hyperedge of each relation: all its sources and destinations, of a type of its own.

    Of a declared pair of reverses only the first counts; relations without edges have no
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
    """Makes a hyperedge of all nodes that take part in the same relations: a partition.

    Directions do not count, and nodes without an edge have the empty signature. Hyperedges are
    numbered by their first node. The type of one with several members is the set of relations
    that have an edge between two different members; all with one member share a type. Types are
    numbered by their sorted relation numbers, so they do not depend on chance.

    The program of MetaHGNIE's authors makes this partition. It lets only the last relation in its
    file count where two nodes have several; here all do. O(num_edges + num_nodes).

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
    """Makes a hyperedge of the sources that share a destination, for each relation one type.

    Where reverses are declared and no relations are given, both directions count: the movies of
    a genre, and the genres of a movie. Equal sets of one type are merged. O(num_edges).

    Args:
        graph: The graph.
        relations: The relations, all if not given.
        include_center: Whether the shared destination is a member, too.
        limits: Sizes and numbers of the sets.

    Raises:
        SchemaError: If a relation is unknown.
        DataError: If no set is left.
    """
    spans, total = node_spans(graph.num_nodes), sum(graph.num_nodes.values())
    given = graph.edge_types if relations is None else map(graph.schema.edge_type, relations)
    sets = {}
    for key in dict.fromkeys(given):
        src, dst = (one.cpu() for one in graph.relations[key].edges())
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
    """``[num_nodes, num_relations]``: which relations each node takes part in."""
    total, relations = sum(graph.num_nodes.values()), one_way(graph.schema)
    nodes = [torch.empty(0, dtype=torch.int64)]
    numbers = [torch.empty(0, dtype=torch.int64)]
    for number, (_, src, dst) in enumerate(joint_edges(graph)):
        touched = torch.zeros(total, dtype=torch.bool)
        touched[src.cpu()] = touched[dst.cpu()] = True
        found = touched.nonzero().squeeze(1)
        nodes.append(found)
        numbers.append(torch.full_like(found, number))
    return CSR.from_coo(torch.cat(nodes), torch.cat(numbers), (total, len(relations)))


def _inner_relations(graph: HeteroGraph, edge_of: Tensor, num_edges: int) -> list[tuple[int, ...]]:
    """Returns the relations inside each hyperedge of a partition, from one pass over the edges."""
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
