"""Where on its way a message is multiplied by its random matrix.

Projection and propagation commute, (P H) R = P (H R), so the product may be taken at any node set
the message passes. The cheapest one is usually the one with the fewest rows, but earlier is better
when the projection makes the message narrower, and later when the message is needed anyway.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["SPARSE_COST", "Walk", "cheapest_points"]

SPARSE_COST = 20.0
"""Time of one multiply-add in a sparse product over one in a dense product (measured, CPU)."""


@dataclass(frozen=True)
class Walk:
    """Sizes of a chain of products H_0 = X, H_1 = P_1 X, H_2 = P_2 P_1 X, ...

    Args:
        rows: Rows of H_0, H_1, ...
        edges: Entries of P_1, P_2, ...
        dim: Columns of X.
        nnz: Non-zeros of X if it is sparse, ``None`` if it is dense.
        sparse_hops: Hops up to which messages are kept sparse, if X is.
        collected: Largest hop whose plain message is stored, 0 if none is.
    """

    rows: Sequence[int]
    edges: Sequence[int]
    dim: int
    nnz: int | None = None
    sparse_hops: int = 0
    collected: int = 0

    def entries(self, hop: int) -> float:
        """Returns the (estimated) multiply-adds a column of R costs at ``hop``, in dense units."""
        dense = float(self.rows[hop] * self.dim)
        if self.nnz is None or hop > self.sparse_hops:
            return dense
        filled = float(self.nnz)
        for step in range(hop):
            filled *= self.edges[step] / max(self.rows[step], 1)
        return SPARSE_COST * filled

    def cost(self, points: Mapping[int, int], dims: Mapping[int, int]) -> float:
        """Returns the cost of all messages of the chain, in dense multiply-adds.

        Args:
            points: Hop at which the message of each hop count is projected.
            dims: Columns of the random matrix of each hop count.
        """
        total = 0.0
        deepest = max(points.values(), default=0)
        for step in range(self.collected, deepest):
            total += SPARSE_COST * self.edges[step] * self.dim
        for hops, point in points.items():
            total += self.entries(point) * dims[hops]
            total += sum(SPARSE_COST * self.edges[step] * dims[hops] for step in range(point, hops))
        return total


def cheapest_points(walk: Walk, dims: Mapping[int, int]) -> dict[int, int]:
    """Returns, for each hop count of a chain, the hop at which to project its message.

    Args:
        walk: Sizes of the chain.
        dims: Columns of the random matrix by hop count.
    """
    hops = list(dims)
    choices = itertools.product(*(range(hop + 1) for hop in hops))
    options = [dict(zip(hops, choice, strict=True)) for choice in choices]
    return min(options, key=lambda points: walk.cost(points, dims))
