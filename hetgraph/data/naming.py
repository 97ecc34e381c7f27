"""Readable relation names and reverses for benchmark files that only number their relations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType

__all__ = ["complete_reverses", "relation_name"]

# (source, destination) -> (name, name of the reverse).
_VERBS: dict[tuple[str, str], tuple[str, str]] = {
    ("author", "paper"): ("writes", "written_by"),
    ("paper", "venue"): ("published_in", "publishes"),
    ("paper", "conference"): ("published_in", "publishes"),
    ("paper", "term"): ("mentions", "mentioned_in"),
    ("paper", "subject"): ("about", "subject_of"),
    ("paper", "reference"): ("cites", "cited_by"),
    ("paper", "paper"): ("cites", "cited_by"),
    ("movie", "director"): ("directed_by", "directs"),
    ("movie", "actor"): ("stars", "acts_in"),
    ("movie", "keyword"): ("tagged", "keyword_of"),
    ("movie", "writer"): ("written_by", "writes"),
    ("user", "artist"): ("listens_to", "heard_by"),
    ("user", "user"): ("knows", "known_by"),
    ("artist", "tag"): ("tagged", "tag_of"),
}
_NAMES = {
    **{(dst, src): names[1] for (src, dst), names in _VERBS.items() if src != dst},
    **{ends: names[0] for ends, names in _VERBS.items()},
}


def relation_name(src: str, dst: str) -> str:
    """Returns a verb for edges from ``src`` to ``dst``; ``"to_<dst>"`` for unknown types."""
    return _NAMES.get((src, dst), f"to_{dst}")


def _reverse_name(edge_type: EdgeType) -> str:
    forward = _NAMES.get((edge_type.src, edge_type.dst))
    if forward == edge_type.name and edge_type.src != edge_type.dst:
        return relation_name(edge_type.dst, edge_type.src)
    if (edge_type.src, edge_type.dst) in _VERBS and forward == edge_type.name:
        return _VERBS[edge_type.src, edge_type.dst][1]
    return f"rev_{edge_type.name}"


def complete_reverses(
    relations: Mapping[EdgeType, Relation],
) -> tuple[dict[EdgeType, Relation], tuple[tuple[EdgeType, EdgeType], ...]]:
    """Gives every relation a reverse: a stored one if there is one, else its transpose.

    Two relations are declared a pair only if one is exactly the transpose of the other, entry by
    entry. A symmetric relation within one node type is its own reverse.

    Args:
        relations: The relations that the files store.

    Returns:
        The relations, with the added transposes last, and the reverse pairs.
    """
    complete, pairs = dict(relations), []
    open_types: list[EdgeType] = list(relations)
    while open_types:
        first = open_types.pop(0)
        second = _find_reverse(first, [first, *open_types], relations)
        if second is None:
            second = EdgeType(first.dst, _reverse_name(first), first.src)
            while second in complete:
                second = second._replace(name=f"rev_{second.name}")
            complete[second] = relations[first].transpose
        elif second != first:
            open_types.remove(second)
        pairs.append((first, second))
    return complete, tuple(pairs)


def _find_reverse(
    first: EdgeType, candidates: Sequence[EdgeType], relations: Mapping[EdgeType, Relation]
) -> EdgeType | None:
    flipped = relations[first].transpose
    for other in candidates:
        relation = relations[other]
        if (
            (other.src, other.dst) == (first.dst, first.src)
            and torch.equal(relation.indptr, flipped.indptr)
            and torch.equal(relation.indices, flipped.indices)
            and _same_weight(relation, flipped)
        ):
            return other
    return None


def _same_weight(first: Relation, second: Relation) -> bool:
    if first.weight is None or second.weight is None:
        return first.weight is second.weight
    return torch.equal(first.weight, second.weight)
