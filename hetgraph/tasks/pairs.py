"""Pairs of nodes: held out for validation, and taken out of what models see."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType

__all__ = ["hold_out_links", "oriented", "without_pairs"]


def hold_out_links(pairs: Tensor, fraction: float, generator: torch.Generator) -> Tensor:
    """Draws links to hold out; every source keeps one at least, as in HGB.

    Args:
        pairs: ``[2, n]`` distinct links, sources in the first row.
        fraction: Share to hold out of those beyond the one that a source keeps.
        generator: Source of chance.

    Returns:
        ``[2, num_held]`` in the order of ``pairs``.
    """
    order = torch.randperm(pairs.shape[1], generator=generator)
    by_source = pairs[0, order].argsort(stable=True)
    source = pairs[0, order[by_source]]
    spare = torch.zeros(order.numel(), dtype=torch.bool)
    spare[by_source[1:]] = source[1:] == source[:-1]  # all but the first one of a source
    free = order[spare]
    chosen = free[: round(fraction * free.numel())].sort().values
    return pairs[:, chosen]


def oriented(edge_type: EdgeType, other: EdgeType, pairs: Tensor) -> Iterator[Tensor]:
    """Yields pairs of a relation as edges of another one between the same types would hold them.

    Args:
        edge_type: The relation that the pairs are of.
        other: Another relation; yields nothing if it joins other types.
        pairs: ``[2, n]``.
    """
    ends = (edge_type.src, edge_type.dst)
    if (other.src, other.dst) == ends:
        yield pairs
    if (other.dst, other.src) == ends:
        yield pairs.flip(0)


def without_pairs(graph: HeteroGraph, edge_type: EdgeType, pairs: Tensor) -> HeteroGraph:
    """Takes pairs out of every relation between the two types, in either direction.

    Args:
        graph: The graph.
        edge_type: The relation that the pairs are of.
        pairs: ``[2, n]``.
    """
    for other in graph.edge_types:
        for src, dst in oriented(edge_type, other, pairs):
            graph = graph.without_edges(other, src, dst)
    return graph
