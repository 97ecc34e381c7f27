"""The edges of meta relations: composed, or as a chain that stands for the composed ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.entries import check_sign, is_weighted
from hetgraph.ops import spgemm, spmm

__all__ = [
    "Degrees",
    "Link",
    "attended",
    "compose",
    "compose_means",
    "log_range",
    "pattern_of",
    "select",
    "weigh_walks",
    "weighted_pattern_of",
]

Degrees = Literal["count", "value"]


@dataclass(frozen=True, eq=False)
class Link:
    """The edges of one meta relation; rows are head nodes, columns are tail nodes.

    Args:
        factors: The edges as one matrix. Or a chain of matrices whose product is never built: each
            walk through it counts, with the product of the weights of its entries.
        value: ``[nnz]`` composed values of the edges, if there is one factor and they are needed.
        cap: Most edges a training step may use; ``None`` for all.
        log_range: At least the logarithm of the largest over the smallest product of edge weights
            along a walk; 0 without edge weights.
    """

    factors: tuple[CSR, ...]
    value: Tensor | None = None
    cap: int | None = None
    log_range: float = 0.0

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
        return Link((select(self.csr, chosen),), self.value[chosen], log_range=self.log_range)

    def to(self, device: torch.device) -> Link:
        """Returns the link on ``device``."""
        value = None if self.value is None else self.value.to(device)
        factors = tuple(factor.to(device) for factor in self.factors)
        return Link(factors, value, self.cap, self.log_range)


def pattern_of(relation: CSR) -> CSR:
    """Returns the edges of a relation, each once, without weights or features."""
    return _plain(relation.coalesced("binary"))


def weighted_pattern_of(relation: CSR, name: str) -> CSR:
    """Returns the edges of a relation, each once, with weights of mean one.

    Weights of parallel edges are added, and edges of weight 0 left out. Attention by weight does
    not depend on the unit of the weights, so their mean is free: one keeps products of them small
    and the proximity loss as large as without weights.

    Args:
        relation: The edges.
        name: What the relation is called in errors.

    Raises:
        DataError: If a weight is negative.
    """
    if not is_weighted(relation.weight):
        return pattern_of(relation)
    cure = "or set model.edge_weights=false"
    check_sign(relation.weight, *relation.coo(), name, cure)
    merged = relation.coalesced("sum")
    assert merged.weight is not None  # the sum of weights
    edges = select(merged, (merged.weight > 0).nonzero().squeeze(1))
    if edges.weight is None or not edges.nnz:
        return edges.with_weight(None)
    weight = edges.weight.double() / edges.weight.double().mean()
    return edges.with_weight(weight.float().clamp(min=torch.finfo(torch.float32).tiny))


def log_range(factors: tuple[CSR, ...]) -> float:
    """Returns a bound of the logarithm of the largest over the smallest product along a walk."""
    weights = [factor.weight for factor in factors if factor.weight is not None and factor.nnz]
    return sum(float(weight.max().log() - weight.min().log()) for weight in weights)


def weigh_walks(factors: tuple[CSR, ...]) -> tuple[CSR, ...]:
    """Weighs the walks of a chain by the nodes they go through, as :func:`compose` does.

    A middle node weighs one over the walks that arrive at it and the entries that go on. Where no
    two walks join the same nodes these are the composed edges, and the weights the same. Edge
    weights multiply them; a middle node counts its edges, not their weights, so that the unit of
    the weights of a relation cancels.
    """
    weighed: list[CSR] = []
    walks = torch.ones(factors[0].num_rows)
    for left, right in pairwise(factors):
        arriving = spmm(_plain(left).transpose, walks)
        weight = _inverse(arriving + right.degree)[left.indices.long()]
        weighed.append(left.with_weight(weight if left.weight is None else weight * left.weight))
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


def compose_means(left: CSR, right: CSR) -> CSR:
    """Returns composed edges with the mean over middle nodes of the product of both weights.

    Were all weights one, so would be the means: a composed edge counts once, however many walks
    there are.

    Args:
        left: ``[num_heads, num_middle]``, the edges of the shorter meta relation.
        right: ``[num_middle, num_tails]``.
    """
    total, count = spgemm(left, right), spgemm(_plain(left), _plain(right))
    assert total.weight is not None  # products have values
    assert count.weight is not None
    return total.with_weight(total.weight / count.weight)


def attended(attention: Tensor, threshold: float) -> Tensor:
    """Returns the entries with an attention of at least ``threshold``, in rising order.

    If there is none, that of the largest attention alone.

    Args:
        attention: ``[nnz]``.
        threshold: Least attention.
    """
    chosen = (attention >= threshold).nonzero().squeeze(1)
    if chosen.numel() == 0 and attention.numel():
        chosen = attention.argmax().unsqueeze(0)
    return chosen


def select(csr: CSR, entries: Tensor) -> CSR:
    """Returns a matrix of some entries, given in rising order."""
    bounds = torch.searchsorted(entries, csr.indptr.long())
    weight = None if csr.weight is None else csr.weight[entries]
    return CSR(bounds.to(csr.indptr.dtype), csr.indices[entries], csr.num_cols, weight)


def _plain(csr: CSR) -> CSR:
    return CSR(csr.indptr, csr.indices, csr.num_cols)


def _walks(factors: tuple[CSR, ...]) -> Tensor:
    count = factors[-1].degree.double()
    for factor in reversed(factors[:-1]):
        count = spmm(_plain(factor), count)
    return count


def _row_sums(csr: CSR) -> Tensor:
    return spmm(csr, torch.ones(csr.num_cols, device=csr.device))


def _inverse(total: Tensor) -> Tensor:
    return torch.where(total > 0, total, 1.0).reciprocal() * (total > 0)
