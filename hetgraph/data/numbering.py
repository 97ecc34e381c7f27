"""All nodes of a graph numbered through, type after type, and its edges in that numbering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType, Schema

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["joint_adjacency", "joint_edges", "node_spans", "one_way"]


def node_spans(num_nodes: Mapping[str, int]) -> dict[str, slice]:
    """Returns the numbers of the nodes of each type, types in the order of ``num_nodes``."""
    bounds = accumulate(num_nodes.values(), initial=0)
    return {name: slice(*ends) for name, ends in zip(num_nodes, pairwise(bounds), strict=True)}


def one_way(schema: Schema) -> tuple[EdgeType, ...]:
    """Returns the edge types, of each declared pair of reverses only the first one."""
    second = {other for one, other in schema.reverses if one != other}
    return tuple(key for key in schema.edge_types if key not in second)


def joint_edges(graph: HeteroGraph) -> Iterator[tuple[EdgeType, Tensor, Tensor]]:
    """Yields ``(edge type, src, dst)``, each ``[num_edges]`` int64 in the joint numbering.

    Of a declared pair of reverses only the first is given, so no edge comes twice.
    """
    spans = node_spans(graph.num_nodes)
    for key in one_way(graph.schema):
        src, dst = graph.relations[key].edges()
        yield key, src + spans[key.src].start, dst + spans[key.dst].start


def joint_adjacency(graph: HeteroGraph, *, undirected: bool = False) -> CSR:
    """Returns the edges of all relations as one matrix over all nodes, on the CPU.

    Rows are destinations. Parallel edges, of one relation or of several, stay apart; weights are
    left out. O(num_edges + num_nodes).

    Args:
        graph: The graph; of a declared pair of reverses only the first counts.
        undirected: Whether every edge is walked both ways, too.
    """
    total = sum(graph.num_nodes.values())
    ends = [torch.stack([src, dst]).cpu() for _, src, dst in joint_edges(graph)]
    src, dst = torch.cat([torch.empty(2, 0, dtype=torch.int64), *ends], dim=1)
    if undirected:
        src, dst = torch.cat([src, dst]), torch.cat([dst, src])
    return CSR.from_coo(dst, src, (total, total))
