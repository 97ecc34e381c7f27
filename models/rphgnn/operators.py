"""Row-mean operators of the relation pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hetgraph.data import CSR, HeteroGraph, Relation
from hetgraph.data.entries import is_weighted
from hetgraph.models.rphgnn.groups import Group, Pair
from hetgraph.nn import mean_matrix

__all__ = ["Operators", "pair_operators", "symmetrized"]


@dataclass(frozen=True)
class Operators:
    """The two mean operators of a relation pair.

    Args:
        forward: ``[num_dst, num_src]`` of the canonical direction.
        backward: ``[num_src, num_dst]``; the same object for a homogeneous relation.
    """

    forward: CSR
    backward: CSR

    def steps(self, group: Group) -> list[CSR]:
        """Returns the operators of a group's hops, the first one applied first."""
        two = [self.forward, self.backward]
        first = 0 if group.start == group.pair.forward.src else 1
        return [two[(first + hop) % 2] for hop in range(group.hops)]


def symmetrized(relation: Relation) -> Relation:
    """Appends the reversed edges of a relation within one type.

    Self-loops are not doubled; an edge whose reverse is there already then counts twice, as in
    the published operator.
    """
    src, dst = relation.edges()
    other = src != dst
    weight = relation.weight
    return Relation.from_edges(
        torch.cat([src, dst[other]]),
        torch.cat([dst, src[other]]),
        relation.num_src,
        relation.num_dst,
        weight=None if weight is None else torch.cat([weight, weight[other]]),
    )


def pair_operators(graph: HeteroGraph, pair: Pair, *, weighted: bool = False) -> Operators:
    """Builds the mean operators of one relation pair.

    Args:
        graph: The graph.
        pair: One of its relation pairs.
        weighted: Whether means are by edge weight, if there are weights; plain means otherwise.
            See :func:`hetgraph.nn.mean_matrix`.
    """
    relation = graph.relations[pair.forward]
    if pair.homogeneous:
        both = relation if pair.symmetric else symmetrized(relation)
        mean = _mean(both, weighted)
        return Operators(mean, mean)
    reverse = relation.transpose if pair.backward is None else graph.relations[pair.backward]
    return Operators(_mean(relation, weighted), _mean(reverse, weighted))


def _mean(relation: CSR, weighted: bool) -> CSR:
    """Returns D⁻¹A of a relation as a plain sparse matrix, without edge features."""
    if weighted and is_weighted(relation.weight):
        return mean_matrix(relation)
    plain = CSR(relation.indptr, relation.indices, relation.num_cols)
    mean = plain.degree.clamp(min=1).to(torch.float32).reciprocal()
    return plain.with_weight(torch.repeat_interleave(mean, plain.degree, output_size=plain.nnz))
