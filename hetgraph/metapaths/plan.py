"""The order in which the matrices of a chain are multiplied, chosen by estimated sizes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from hetgraph.metapaths.chain import Factor
from hetgraph.metapaths.estimate import distinct_entries, label_count, path_counts, reach_sizes

__all__ = ["ROUGH_LABELS", "ChainSizes", "Key", "Node", "Objective", "best_plan"]

Key = tuple[object, ...]
Objective = Literal["time", "memory"]
Span = tuple[int, int]  # first and last factor of a sub-chain, both included

ROUGH_LABELS = 64  # enough to choose an order: a standard deviation of 13 %


@dataclass(frozen=True)
class Node:
    """A sub-product of a chain: one factor, or ``left @ right``.

    Args:
        span: First and last factor.
        key: Equal for sub-products that are the same matrix.
        reverse_key: Key of the transpose; ``None`` if the transpose occurs in no chain.
        shape: Rows and columns.
        nnz: Estimated number of entries.
        terms: Estimated multiply-adds of this product, without its children.
        children: ``(right, left)``, in the order in which they are applied; empty for one factor.
        shared: Whether the index arrays belong to the graph: a factor without parallel edges.
    """

    span: Span
    key: Key
    reverse_key: Key | None
    shape: tuple[int, int]
    nnz: float
    terms: float = 0.0
    children: tuple[Node, ...] = ()
    shared: bool = False

    @property
    def identity(self) -> Key:
        """One key for a product and its transpose, of which only one is computed."""
        if self.reverse_key is None or not self.children:
            return self.key
        return min(self.key, self.reverse_key)


class ChainSizes:
    """Estimated sizes of the sub-products of a chain.

    Args:
        factors: The matrices in the order in which they are applied.
        rough: Whether to use only ``ROUGH_LABELS`` labels for the size of the whole product.
        seed: Seed of the labels.
    """

    def __init__(self, factors: Sequence[Factor], *, rough: bool = False, seed: int = 0) -> None:
        self.factors = tuple(factors)
        self.matrices = [factor.relation for factor in factors]
        labels = label_count(self.matrices)
        self.num_labels = min(labels, ROUGH_LABELS) if rough else labels
        self._seed = seed

    @cached_property
    def counts(self) -> Tensor:
        """``[num_rows]`` number of path instances that end in each row; exact."""
        return path_counts(self.matrices)

    @property
    def instances(self) -> float:
        """Number of path instances, with parallel edges counted separately; exact."""
        return float(self.counts.sum())

    @property
    def lower(self) -> int:
        """A lower bound on the entries of the product: the number of non-empty rows."""
        return int((self.counts > 0).sum())

    @property
    def upper(self) -> int:
        """An upper bound on the entries of the product."""
        return int(self.counts.clamp(max=self.matrices[0].num_cols).sum())

    def nnz(self, span: Span) -> float:
        """Estimated entries of a sub-product; exact for one factor."""
        if span[0] == span[1]:
            return float(self._distinct[span[0]])
        estimate = float(self._rows(span).sum())
        if span == (0, len(self.factors) - 1):
            return float(min(max(estimate, self.lower), self.upper))
        return estimate

    def terms(self, first: int, split: int, last: int) -> float:
        """Estimated multiply-adds of the product of ``first..split`` and ``split + 1..last``."""
        return float((self._rows((first, split)) * self._columns((split + 1, last))).sum())

    def node(self, span: Span, terms: float = 0.0, children: tuple[Node, ...] = ()) -> Node:
        """Returns the node of a sub-product."""
        chain = self.factors[span[0] : span[1] + 1]
        back = [factor.reverse_key for factor in reversed(chain)]
        return Node(
            span,
            tuple(factor.key for factor in chain),
            None if None in back else tuple(back),
            (self.matrices[span[1]].num_rows, self.matrices[span[0]].num_cols),
            self.nnz(span),
            terms,
            children,
            span[0] == span[1] and self._distinct[span[0]] == self.matrices[span[0]].nnz,
        )

    @cached_property
    def _distinct(self) -> list[int]:
        return [distinct_entries(matrix) for matrix in self.matrices]

    @cached_property
    def _row_sizes(self) -> dict[Span, Tensor]:
        return {}

    @cached_property
    def _column_sizes(self) -> dict[Span, Tensor]:
        return {}

    def _rows(self, span: Span) -> Tensor:
        first, last = span
        if first == last:
            return self.matrices[first].degree.double()
        if span not in self._row_sizes:
            labels = self.num_labels if first == 0 else min(ROUGH_LABELS, self.num_labels)
            sizes = reach_sizes(self.matrices[first:], labels, self._seed)
            self._row_sizes.update({(first, first + i): size for i, size in enumerate(sizes)})
        return self._row_sizes[span]

    def _columns(self, span: Span) -> Tensor:
        first, last = span
        if first == last:
            matrix = self.matrices[first]
            return torch.bincount(matrix.indices, minlength=matrix.num_cols).double()
        if span not in self._column_sizes:
            back = [matrix.transpose for matrix in reversed(self.matrices[1 : last + 1])]
            sizes = reach_sizes(back, min(ROUGH_LABELS, self.num_labels), self._seed)
            self._column_sizes.update({(last - i, last): size for i, size in enumerate(sizes)})
        return self._column_sizes[span]


def best_plan(
    sizes: ChainSizes,
    *,
    objective: Objective = "time",
    known: Collection[Key] = (),
    halves: bool = False,
) -> Node:
    """Chooses the order of multiplication by dynamic programming over sub-chains.

    A half that is the transpose of the other half, as in any path ``a + ~a``, costs only its
    transposition, and sub-products in ``known`` cost nothing.

    Args:
        sizes: Estimated sizes of the chain.
        objective: Minimise multiply-adds and entries, or the peak number of entries.
        known: Identities of sub-products that are computed anyway.
        halves: Whether the last product must be that of the two halves of the chain.
    """
    count = len(sizes.factors)
    best = {(i, i): (0.0, sizes.node((i, i))) for i in range(count)}
    for length in range(2, count + 1):
        for first in range(count - length + 1):
            last = first + length - 1
            splits: Sequence[int] = range(first, last)
            if halves and length == count:
                splits = [count // 2 - 1]
            options = [
                _option(sizes, best[first, split], best[split + 1, last], objective)
                for split in splits
            ]
            cost, node = min(options, key=lambda option: option[0])
            best[first, last] = (0.0 if node.identity in known else cost, node)
    return best[0, count - 1][1]


def _option(
    sizes: ChainSizes,
    right: tuple[float, Node],
    left: tuple[float, Node],
    objective: Objective,
) -> tuple[float, Node]:
    (right_cost, first), (left_cost, second) = right, left
    span = (first.span[0], second.span[1])
    terms = sizes.terms(span[0], first.span[1], span[1])
    node = sizes.node(span, terms, (first, second))
    if first.identity == second.identity:
        left_cost = second.nnz if objective == "time" else 0.0
    if objective == "time":
        return right_cost + left_cost + terms + node.nnz, node
    return max(right_cost, first.nnz + left_cost, first.nnz + second.nnz + node.nnz), node
