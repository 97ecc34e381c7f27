"""Global node ids, offset by type, and the edges of a graph in these ids."""

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
    """Returns the slice of global ids of each type, types in the order of ``num_nodes``.

    Example:
        >>> node_spans({"author": 2, "paper": 3})
        {'author': slice(0, 2, None), 'paper': slice(2, 5, None)}
    """
    bounds = accumulate(num_nodes.values(), initial=0)
    return {name: slice(*ends) for name, ends in zip(num_nodes, pairwise(bounds), strict=True)}


def one_way(schema: Schema) -> tuple[EdgeType, ...]:
    """Returns the edge types, with only the first of each declared pair of reverses."""
    second = {backward for forward, backward in schema.reverses if forward != backward}
    return tuple(key for key in schema.edge_types if key not in second)


def joint_edges(graph: HeteroGraph) -> Iterator[tuple[EdgeType, Tensor, Tensor]]:
    """Yields ``(edge type, src, dst)``, ``[num_edges]`` int64 global ids.

    Only the first of each declared pair of reverses is yielded, so no edge appears twice.
    """
    spans = node_spans(graph.num_nodes)
    for key in one_way(graph.schema):
        src, dst = graph.relations[key].edges()
        yield key, src + spans[key.src].start, dst + spans[key.dst].start


def joint_adjacency(graph: HeteroGraph, *, undirected: bool = False) -> CSR:
    """Returns the adjacency matrix over all nodes and relations, without weights, on the CPU.

    Rows are destinations. Parallel edges, of one relation or several, are not merged.
    O(num_edges + num_nodes).

    Args:
        graph: The graph; only the first of each declared pair of reverses is used.
        undirected: Whether to add every edge in the opposite direction, too.
    """
    total = sum(graph.num_nodes.values())
    ends = [torch.stack([src, dst]).cpu() for _, src, dst in joint_edges(graph)]
    src, dst = torch.cat([torch.empty(2, 0, dtype=torch.int64), *ends], dim=1)
    if undirected:
        src, dst = torch.cat([src, dst]), torch.cat([dst, src])
    return CSR.from_coo(dst, src, (total, total))
