"""Links that are taken out of a graph to be predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hetgraph.catalog.targets.base import Target
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.io.drawn_splits import DrawnSplit

__all__ = ["HeldOut", "hold_out", "without_held_out"]


@dataclass(frozen=True)
class HeldOut:
    """Links of one relation that are held out.

    Args:
        edge_type: The relation.
        target: The links as a target.
        pairs: ``[2, n]`` validation and test links.
        undirected: Whether the relation is declared to be its own reverse.
        until: The time from which on edges of the relation are held out, of a split by time.
        notes: What was left out, one line each.
    """

    edge_type: EdgeType
    target: Target
    pairs: Tensor
    undirected: bool = False
    until: float | None = None
    notes: tuple[str, ...] = ()


def hold_out(
    name: str,
    kind: type[Target],
    key: EdgeType,
    edges: Tensor,
    time: Tensor | None,
    drawn: DrawnSplit,
    *,
    undirected: bool = False,
) -> HeldOut:
    """Draws links of a relation; each pair of nodes counts once, where it is first linked.

    Args:
        name: Name of the target, for notes.
        kind: Kind of the target.
        key: The relation.
        edges: ``[2, n]`` its edges.
        time: ``[n]`` their times, if they have some.
        drawn: How the split is drawn.
        undirected: Whether ``(a, b)`` and ``(b, a)`` are the same link.

    Raises:
        ConfigError: If times are needed and not given.
        DataError: If a split would be empty.
    """
    pairs = edges.sort(dim=0).values if undirected else edges
    most = int(pairs[1].max()) + 1 if pairs.numel() else 1
    codes = (pairs[0] * most + pairs[1]).numpy()
    order = np.arange(len(codes))
    if time is not None:
        order = np.argsort(time.numpy(), kind="stable")
    _, at = np.unique(codes[order], return_index=True)
    first = torch.from_numpy(np.sort(order[at]))
    moments = None if time is None else time[first]
    split = drawn.of(torch.arange(first.numel()), time=moments)
    assert split.valid is not None
    train, valid, test = (edges[:, first[ids]] for ids in (split.train, split.valid, split.test))
    notes = []
    if repeats := len(codes) - first.numel():
        notes.append(
            f"target {name!r}: {repeats:,} of {len(codes):,} rows repeat a pair; each pair is one "
            "link"
        )
    if new := int((~torch.isin(test[0], train.reshape(-1) if undirected else train[0])).sum()):
        notes.append(
            f"target {name!r}: {new:,} of {test.shape[1]:,} test links start at a "
            f"{key.src!r} without a link to train on"
        )
    by_time = drawn.how == "time"
    return HeldOut(
        key,
        kind.of_pairs(key, valid, test),
        torch.cat([valid, test], dim=1),
        undirected,
        float(moments[split.valid].min()) if by_time and moments is not None else None,
        tuple(notes),
    )


def without_held_out(
    relations: Mapping[EdgeType, Relation],
    held: HeldOut,
    reverses: Sequence[tuple[EdgeType, EdgeType]] = (),
) -> tuple[dict[EdgeType, Relation], str]:
    """Takes held-out pairs out of every relation between the two types, in both orientations.

    An edge of such a pair that stays - a view of what was then bought - would tell the answer. Of
    a split by time, edges between the two types that are later than the training links go, too, as
    far as their relations have times, and those of the declared reverse.

    Args:
        relations: The relations.
        held: The links.
        reverses: Pairs of edge types that hold the same edges in opposite directions.

    Returns:
        The relations, and how many edges were taken out of each, as a note.
    """
    kept, key = dict(relations), held.edge_type
    reverse = next((b if a == key else a for a, b in reverses if key in (a, b)), None)
    for other in kept:
        for src, dst in _oriented(held, other, is_reverse=other == reverse):
            kept[other] = kept[other].without_pairs(src, dst)
    time = kept[key].edge_time
    if held.until is not None and time is not None:
        early = kept[key].select(time < held.until)
        pairs = torch.stack(early.edges())
        kept[key] = _with_copies(kept[key], pairs, mirrored=True) if held.undirected else early
        if reverse is not None and reverse != key:
            kept[reverse] = _with_copies(kept[reverse], pairs.flip(0))
    for other in kept:
        later = kept[other].edge_time
        parallel = other not in (key, reverse) and {other.src, other.dst} == {key.src, key.dst}
        if parallel and later is not None and held.until is not None:
            kept[other] = kept[other].select(later < held.until)
    gone = {name: relations[name].num_edges - kept[name].num_edges for name in kept}
    listed = ", ".join(f"{count:,} edges of ({name})" for name, count in gone.items() if count)
    return kept, f"held out of the graph: {listed}"


def _with_copies(relation: Relation, pairs: Tensor, *, mirrored: bool = False) -> Relation:
    """Keeps as many parallel copies of each edge as there are of it among pairs, the earliest ones.

    The times of a reverse may be missing or differ, but it must keep the same edges.

    Args:
        relation: The relation.
        pairs: ``[2, n]`` its edges to be kept.
        mirrored: Whether ``(a, b)`` and ``(b, a)`` are the same edge; the larger number counts.
    """
    codes, counts = torch.unique(pairs[0] * relation.num_dst + pairs[1], return_counts=True)
    src, dst = relation.edges()
    time = torch.zeros_like(src) if relation.edge_time is None else relation.edge_time
    own = src * relation.num_dst + dst
    order = torch.from_numpy(np.lexsort((time.numpy(), own.numpy())))
    ordered = own[order]
    place = torch.arange(order.numel()) - torch.searchsorted(ordered, ordered)
    most = _count_of(ordered, codes, counts)
    if mirrored:
        opposite = (dst * relation.num_dst + src)[order]
        most = torch.maximum(most, _count_of(opposite, codes, counts))
    chosen = torch.zeros(order.numel(), dtype=torch.bool)
    chosen[order] = place < most
    return relation.select(chosen)


def _count_of(wanted: Tensor, codes: Tensor, counts: Tensor) -> Tensor:
    """Returns the counts of codes, which are sorted; 0 of those that are not among them."""
    if not codes.numel():
        return torch.zeros_like(wanted)
    near = torch.searchsorted(codes, wanted).clamp(max=codes.numel() - 1)
    return torch.where(codes[near] == wanted, counts[near], 0)


def _oriented(held: HeldOut, other: EdgeType, *, is_reverse: bool) -> list[tuple[Tensor, Tensor]]:
    """Returns the pairs as edges of a relation, as far as it is between the same types.

    An edge ``(b, a)`` of the relation itself is another link, unless the relation is undirected;
    so is an edge ``(a, b)`` of its declared reverse.
    """
    key, (src, dst) = held.edge_type, held.pairs
    chosen = []
    same = (other.src, other.dst) == (key.src, key.dst)
    if same and (other == key or not is_reverse):
        chosen.append((src, dst))
    if (other.src, other.dst) == (key.dst, key.src) and (other != key or held.undirected):
        chosen.append((dst, src))
    return chosen
