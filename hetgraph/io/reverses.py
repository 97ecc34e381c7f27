"""Detection of reverse relations in formats that do not declare them."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType

__all__ = ["link_reverses"]


def link_reverses(
    relations: Mapping[EdgeType, Relation],
) -> tuple[dict[EdgeType, Relation], tuple[tuple[EdgeType, EdgeType], ...]]:
    """Finds relations that hold the same edges in opposite directions.

    In formats without such a declaration (PyG, networkx), a held-out link easily leaks through its
    reverse. Two relations are a pair only if all their edges and values agree; a symmetric
    relation within one node type is its own reverse.

    Args:
        relations: Relations by edge type.

    Returns:
        The relations, where the second of a pair shares memory with the transpose of the first;
        and the pairs.
    """
    linked, pairs = dict(relations), []
    unpaired = list(relations)
    while unpaired:
        first = unpaired.pop(0)
        candidates = [
            other
            for other in (first, *unpaired)
            if (other.src, other.dst) == (first.dst, first.src)
            and relations[other].num_edges == relations[first].num_edges
        ]
        # A name such as rev_writes decides if several relations hold the same edges.
        candidates.sort(key=lambda other: first.name not in other.name)
        for other in candidates:
            if _equal(relations[first].transpose, relations[other]):
                pairs.append((first, other))
                if other != first:
                    linked[other] = relations[first].transpose
                    unpaired.remove(other)
                break
    return linked, tuple(pairs)


def _equal(first: Relation, second: Relation) -> bool:
    left, right = first._tensors(), second._tensors()
    return left.keys() == right.keys() and all(
        left[key].dtype == right[key].dtype and torch.equal(left[key], right[key]) for key in left
    )
