"""The edges of meta relations: composed, or as a chain that stands for the composed ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.ops import spgemm, spmm

__all__ = ["Degrees", "Link", "compose", "keep_attended", "pattern_of", "weigh_walks"]

Degrees = Literal["count", "value"]


@dataclass(frozen=True, eq=False)
class Link:
    """The edges of one meta relation; rows are head nodes, columns are tail nodes.

    Args:
        factors: The edges as one matrix. Or a chain of matrices whose product is never built: each
            walk through it counts, with the product of the weights of its entries.
        value: ``[nnz]`` composed values of the edges, if there is one factor and they are needed.
        cap: Most edges a training step may use; ``None`` for all.
    """

    factors: tuple[CSR, ...]
    value: Tensor | None = None
    cap: int | None = None

    @property
    def csr(self) -> CSR:
        """The edges, of a link with one factor."""
        (matrix,) = self.factors
        return matrix

    @property
    def is_chain(self) -> bool:
        """Whether the product of the factors is left unbuilt."""
        return len(self.factors) > 1

    @cached_property
    def walks(self) -> Tensor:
        """``[num_heads]`` float64 number of walks from each head node."""
        return _walks(self.factors)

    @cached_property
    def reached(self) -> Tensor:
        """``[num_heads]`` bool, whether a head node has a neighbour."""
        return self.walks > 0

    @cached_property
    def is_empty(self) -> bool:
        """Whether there is no edge at all."""
        return not bool(self.reached.any())

    @cached_property
    def has_single_walks(self) -> bool:
        """Whether no two walks join the same head and tail: a fact of the degrees alone.

        A walk is determined by its ends if, cut anywhere, either what is before the cut leads
        each head to one node at most, or the step behind it each tail.
        """
        for cut in range(1, len(self.factors)):
            before, step = self.factors[:cut], self.factors[cut]
            forks = bool((step.transpose.degree > 1).any())
            if forks and bool((_walks(before) > 1).any()):
                return False
        return True

    def sampled(self, generator: torch.Generator | None = None) -> Link:
        """Returns the link with ``cap`` edges, drawn without replacement in proportion to value.

        The largest keys ``log value + Gumbel noise`` are such a draw.
        """
        if self.cap is None or self.csr.nnz <= self.cap:
            return self
        assert self.value is not None  # only composed edges are capped
        noise = torch.empty_like(self.value).exponential_(generator=generator)
        chosen = torch.topk(self.value / noise, self.cap, sorted=False).indices.sort().values
        return Link((_select(self.csr, chosen),), self.value[chosen])

    def to(self, device: torch.device) -> Link:
        """Returns the link on ``device``."""
        value = None if self.value is None else self.value.to(device)
        return Link(tuple(factor.to(device) for factor in self.factors), value, self.cap)


def pattern_of(relation: CSR) -> CSR:
    """Returns the edges of a relation, each once, without weights or features."""
    merged = relation.coalesced("binary")
    return CSR(merged.indptr, merged.indices, merged.num_cols)


def weigh_walks(factors: tuple[CSR, ...]) -> tuple[CSR, ...]:
    """Weighs the walks of a chain by the nodes they go through, as :func:`compose` does.

    A middle node weighs one over the walks that arrive at it and the entries that go on. Where no
    two walks join the same nodes these are the composed edges, and the weights the same.
    """
    weighed: list[CSR] = []
    walks = torch.ones(factors[0].num_rows)
    for left, right in pairwise(factors):
        arriving = spmm(left.transpose, walks)
        weight = _inverse(arriving + right.degree)
        weighed.append(left.with_weight(weight[left.indices.long()]))
        walks = arriving
    return (*weighed, factors[-1])


def compose(left: CSR, right: CSR, degrees: Degrees = "count") -> CSR:
    """Returns ``A D^-1 B``: composed edges, pairs of a node with itself kept, with their values.

    A walk through a middle node weighs one over the entries (``"count"``) or the summed values
    (``"value"``) that the node has on both sides. The method's name for it is Adamic-Adar.

    Args:
        left: ``[num_heads, num_middle]``, the values of the shorter meta relation.
        right: ``[num_middle, num_tails]``.
        degrees: What is counted.
    """
    if degrees == "count":
        total = left.transpose.degree + right.degree
    else:
        total = _row_sums(left.transpose) + _row_sums(right)
    scale = _inverse(total.float())[left.indices.long()]
    return spgemm(left.with_weight(scale if left.weight is None else left.weight * scale), right)


def keep_attended(csr: CSR, weight: Tensor, threshold: float) -> CSR:
    """Returns the edges that attention weighs with at least ``threshold``, weighted by it.

    If there is none, the heaviest edge alone is kept.

    Args:
        csr: Edges.
        weight: ``[nnz]`` attention.
        threshold: Least weight.
    """
    chosen = (weight >= threshold).nonzero().squeeze(1)
    if chosen.numel() == 0 and csr.nnz:
        chosen = weight.argmax().unsqueeze(0)
    return _select(csr.with_weight(weight), chosen)


def _select(csr: CSR, entries: Tensor) -> CSR:
    """Returns a matrix of some entries, given in rising order."""
    bounds = torch.searchsorted(entries, csr.indptr.long())
    weight = None if csr.weight is None else csr.weight[entries]
    return CSR(bounds.to(csr.indptr.dtype), csr.indices[entries], csr.num_cols, weight)


def _walks(factors: tuple[CSR, ...]) -> Tensor:
    count = factors[-1].degree.double()
    for factor in reversed(factors[:-1]):
        plain = CSR(factor.indptr, factor.indices, factor.num_cols)
        count = spmm(plain, count)
    return count


def _row_sums(csr: CSR) -> Tensor:
    return spmm(csr, torch.ones(csr.num_cols, device=csr.device))


def _inverse(total: Tensor) -> Tensor:
    return torch.where(total > 0, total, 1.0).reciprocal() * (total > 0)
