"""Detection of reverse relations in formats that do not declare them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType

__all__ = ["link_reverses"]

_LOG = logging.getLogger("hetgraph.io")
_NEARLY = 0.9
"""Fraction of common edges from which on two relations look like reverses that differ."""


def link_reverses(
    relations: Mapping[EdgeType, Relation],
) -> tuple[dict[EdgeType, Relation], tuple[tuple[EdgeType, EdgeType], ...]]:
    """Finds relations that hold the same edges in opposite directions.

    In formats without such a declaration (PyG, networkx, DGL), a held-out link easily leaks through
    its reverse. Two relations are a pair if their edges agree, whatever their weights, features,
    times and dtypes; a symmetric relation within one node type is its own reverse. Relations that
    hold nearly the same edges cannot be declared: they are told in a warning, and the audit of link
    prediction refuses them.

    Args:
        relations: Relations by edge type.

    Returns:
        The relations, where the second of a pair shares memory with the transpose of the first
        unless its values differ; and the pairs.
    """
    linked, pairs = dict(relations), []
    unpaired = list(relations)
    while unpaired:
        first = unpaired.pop(0)
        candidates = [
            other
            for other in (first, *unpaired)
            if (other.src, other.dst) == (first.dst, first.src)
            and _same_edges(relations[first].transpose, relations[other])
        ]
        if not candidates:
            continue
        other = min(candidates, key=lambda other: _rank(relations, first, other))
        pairs.append((first, other))
        if other != first:
            unpaired.remove(other)
            if _same_values(relations[first].transpose, relations[other]):
                linked[other] = relations[first].transpose
    paired = {edge_type for pair in pairs for edge_type in pair}
    _warn_of_near([key for key in relations if key not in paired], relations)
    return linked, tuple(pairs)


def _rank(
    relations: Mapping[EdgeType, Relation], first: EdgeType, other: EdgeType
) -> tuple[bool, bool]:
    """Which of several relations with the same edges comes first: by name, then by values.

    A name such as rev_writes tells more than values, which a reverse often lacks.
    """
    return (
        first.name not in other.name,
        not _same_values(relations[first].transpose, relations[other]),
    )


def _same_edges(first: Relation, second: Relation) -> bool:
    return (
        first.num_edges == second.num_edges
        and torch.equal(first.indptr.long(), second.indptr.long())
        and torch.equal(first.indices.long(), second.indices.long())
    )


def _same_values(first: Relation, second: Relation) -> bool:
    left, right = first._tensors(), second._tensors()
    return left.keys() == right.keys() and all(
        left[key].dtype == right[key].dtype and torch.equal(left[key], right[key]) for key in left
    )


def _warn_of_near(unpaired: Iterable[EdgeType], relations: Mapping[EdgeType, Relation]) -> None:
    """Tells in one line which relations hold nearly the same edges in opposite directions."""
    left, told = list(unpaired), []
    while left:
        first = left.pop(0)
        for other in (first, *left):
            if (other.src, other.dst) != (first.dst, first.src):
                continue
            sizes = sorted(relations[key].num_edges for key in (first, other))
            if not sizes[0] or sizes[0] < _NEARLY * sizes[1]:
                continue
            codes = _codes(relations[first].transpose)
            common = int(torch.isin(codes, _codes(relations[other])).sum())
            if common >= _NEARLY * sizes[1]:
                told.append(f"{common} of {codes.numel()} edges of ({first}) are in ({other})")
    if told:
        _LOG.warning(
            "%s, reversed, so they are not declared as reverses; links of one can be read off the "
            "other.",
            "; ".join(told),
        )


def _codes(relation: Relation) -> Tensor:
    """``[num_edges]`` one number per pair of ends."""
    return relation.row_ids * relation.num_src + relation.indices.long()
