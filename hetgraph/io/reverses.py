"""Reverse pairs that other formats hold but do not declare."""

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

    Formats without such a declaration (PyG, networkx) make it easy to leave the answer of a held
    out link in its reverse. Two relations are a pair only if every edge and every value agree; a
    symmetric relation inside one type is its own reverse.

    Args:
        relations: By edge type.

    Returns:
        The relations, in which the second of a pair shares the memory of the first one's
        transpose, and the pairs.
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
        # A name such as rev_writes decides when several relations hold the same edges.
        candidates.sort(key=lambda other: first.name not in other.name)
        for other in candidates:
            if _equal(relations[first].transpose, relations[other]):
                pairs.append((first, other))
                if other != first:
                    linked[other] = relations[first].transpose
                    unpaired.remove(other)
                break
    return linked, tuple(pairs)


def _equal(one: Relation, other: Relation) -> bool:
    mine, theirs = one._tensors(), other._tensors()
    return mine.keys() == theirs.keys() and all(
        mine[key].dtype == theirs[key].dtype and torch.equal(mine[key], theirs[key]) for key in mine
    )
