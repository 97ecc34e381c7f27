"""The leakage audit of held-out links: every relation between the two types, both orientations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import LeakageError
from hetgraph.tasks.audit import AuditReport

__all__ = ["LinkAudit", "audit_pairs", "check_no_overlap", "visible_links"]

_COPY = 0.9
"""Fraction of common pairs (of all pairs of both) from which on a relation is a copy of another."""


@dataclass(frozen=True)
class LinkAudit:
    """What is done about held-out links that other edges give away.

    An edge of the relation itself or of its declared reverse is always refused. What is not
    refused is counted in a note.

    Args:
        refuse_parallel: Whether to refuse links that another relation between the two types holds.
        refuse_copies: Whether to refuse them if that relation holds nearly the same pairs, as an
            undeclared reverse does that lacks an edge.
        refuse_mirrors: Whether to refuse links ``(a, b)`` if ``(b, a)`` is an edge of the relation.
    """

    refuse_parallel: bool = False
    refuse_copies: bool = True
    refuse_mirrors: bool = False

    def check(
        self, graph: HeteroGraph, keys: Sequence[EdgeType], pairs: Tensor, kinds: Tensor
    ) -> AuditReport:
        """Looks for held-out links in the graph that methods see.

        Args:
            graph: The graph.
            keys: The relations of the links.
            pairs: ``[2, n]`` held-out links.
            kinds: ``[n]`` position of the relation of each.

        Raises:
            LeakageError: Naming the relation and the number of visible links.
        """
        mirrored = torch.zeros_like(kinds, dtype=torch.bool)
        parallel: dict[EdgeType, Tensor] = {}
        for other, flipped, seen in visible_links(graph, keys, pairs, kinds):
            parallel.setdefault(other, torch.zeros_like(seen))
            for position in torch.unique(kinds[seen]).tolist():
                key, visible = keys[position], seen & (kinds == position)
                how = _kinship(graph, key, other, flipped)
                if how == "mirror":
                    mirrored |= visible
                elif how == "parallel":
                    held = pairs[:, kinds == position]
                    self._check_copy(graph, key, other, held, int(visible.sum()), flipped)
                    parallel[other] |= visible
                else:
                    _refuse(int(visible.sum()), other)
        if self.refuse_mirrors:
            position = int(kinds[mirrored][0]) if mirrored.any() else 0
            _refuse(int(mirrored.sum()), keys[position], "in the opposite direction")
        clean = [
            f"no held-out link is in ({key})" for key, seen in parallel.items() if not seen.any()
        ]
        notes = [*_mirror_note(mirrored, keys, kinds), *_parallel_note(parallel)]
        return AuditReport(tuple(clean), tuple(notes))

    def _check_copy(
        self,
        graph: HeteroGraph,
        key: EdgeType,
        other: EdgeType,
        held: Tensor,
        count: int,
        flipped: bool,
    ) -> None:
        if self.refuse_parallel:
            _refuse(count, other)
        if self.refuse_copies and _overlap(graph, key, other, held, flipped) >= _COPY:
            raise LeakageError(
                f"{count} held-out links are edges of ({other}), which holds nearly the same pairs "
                f"as ({key}){' in the opposite direction' if flipped else ''}; set "
                "task.hide_parallel=true, which takes them out of it."
            )


def audit_pairs(graph: HeteroGraph, key: EdgeType, pairs: Tensor) -> tuple[str, ...]:
    """Fails when held-out pairs are edges of any relation between the two types.

    Args:
        graph: The graph that methods see.
        key: The relation of the pairs.
        pairs: ``[2, n]`` held-out pairs.

    Raises:
        LeakageError: Naming the relation and the number of visible pairs.
    """
    kinds = torch.zeros(pairs.shape[1], dtype=torch.int64)
    return LinkAudit(refuse_parallel=True).check(graph, (key,), pairs, kinds).checks


def check_no_overlap(graph: HeteroGraph, key: EdgeType, valid: Tensor, test: Tensor) -> None:
    """Fails when ``[2, n]`` test links of a relation are validation links, too.

    Raises:
        LeakageError: With their number.
    """
    if graph.schema.reverse_of(key) == key:
        valid = torch.cat([valid, valid.flip(0)], dim=1)
    num_dst = graph.num_nodes[key.dst]
    codes = [src * num_dst + dst for src, dst in (valid, test)]
    if shared := int(torch.isin(codes[1], codes[0]).sum()):
        raise LeakageError(
            f"{shared} test links are validation links, too; make the split disjoint."
        )


def visible_links(
    graph: HeteroGraph, keys: Sequence[EdgeType], pairs: Tensor, kinds: Tensor
) -> Iterator[tuple[EdgeType, bool, Tensor]]:
    """Yields, for each relation and orientation, which links are edges of it.

    O(num_edges log n) for the relations between the types of the links.

    Args:
        graph: The graph.
        keys: The relations of the links.
        pairs: ``[2, n]`` links.
        kinds: ``[n]`` position of the relation of each.

    Yields:
        A relation, whether it was looked at in the opposite orientation, and ``[n]`` bool.
    """
    for src, dst in dict.fromkeys((key.src, key.dst) for key in keys):
        fits = torch.tensor([(key.src, key.dst) == (src, dst) for key in keys])[kinds]
        num_dst = graph.num_nodes[dst]
        links, place = torch.unique(pairs[0, fits] * num_dst + pairs[1, fits], return_inverse=True)
        if not links.numel():
            continue
        for other, relation in graph.relations.items():
            for flipped in (False, True):
                if not _joins(EdgeType(src, "", dst), other, flipped):
                    continue
                first, second = relation.edges()[::-1] if flipped else relation.edges()
                codes = first.cpu() * num_dst + second.cpu()
                near = torch.searchsorted(links, codes).clamp(max=links.numel() - 1)
                there = torch.zeros(links.numel(), dtype=torch.bool)
                there[near[links[near] == codes]] = True
                seen = torch.zeros_like(fits)
                seen[fits] = there[place]
                yield other, flipped, seen


def _joins(key: EdgeType, other: EdgeType, flipped: bool) -> bool:
    ends = (other.dst, other.src) if flipped else (other.src, other.dst)
    return ends == (key.src, key.dst)


def _kinship(graph: HeteroGraph, key: EdgeType, other: EdgeType, flipped: bool) -> str:
    """Returns what a relation in an orientation is to that of the links."""
    reverse = graph.schema.reverse_of(key) if key in graph.relations else None
    if (other == key and not flipped) or (other == reverse and flipped):
        return "same"
    return "mirror" if other in (key, reverse) else "parallel"


def _refuse(visible: int, other: EdgeType, how: str = "") -> None:
    if visible:
        raise LeakageError(
            f"{visible} held-out links are edges of ({other}){how and ' ' + how}; "
            "remove them with graph.without_edges(...). Of tables, list them in a table of "
            "their own (`links: {file: ...}`) and not in that of the edges."
        )


def _overlap(
    graph: HeteroGraph, key: EdgeType, other: EdgeType, held: Tensor, flipped: bool
) -> float:
    """Returns how alike two relations are: common pairs by all pairs, held-out ones included."""
    num_dst = graph.num_nodes[key.dst]
    both = torch.cat([torch.stack(graph.relations[key].edges()).cpu(), held], dim=1)
    ends = graph.relations[other].edges()
    first, second = ends[::-1] if flipped else ends
    mine = torch.unique(both[0] * num_dst + both[1])
    theirs = torch.unique(first.cpu() * num_dst + second.cpu())
    common = int(torch.isin(mine, theirs).sum())
    return float(common / (mine.numel() + theirs.numel() - common))


def _mirror_note(mirrored: Tensor, keys: Sequence[EdgeType], kinds: Tensor) -> list[str]:
    """Tells how many links have a mirror, and of which relation most."""
    count = int(mirrored.sum())
    if not count:
        return []
    position = int(torch.bincount(kinds[mirrored]).argmax())
    most = int((mirrored & (kinds == position)).sum()), int((kinds == position).sum())
    where = f", {most[0]} of {most[1]} of them of ({keys[position]})" if len(keys) > 1 else ""
    return [
        f"{_fraction(count, kinds.numel())} held-out links (a, b) have their mirror (b, a) among "
        f"the edges of the same relation{where}; task.hide_mirrors=true takes the mirrors out."
    ]


def _parallel_note(parallel: dict[EdgeType, Tensor]) -> list[str]:
    """Tells how many links another relation holds, and which one holds most."""
    if not parallel:
        return []
    visible = torch.stack(list(parallel.values()))
    count = int(visible.any(dim=0).sum())
    if not count:
        return []
    other = list(parallel)[int(visible.sum(dim=1).argmax())]
    return [
        f"{_fraction(count, visible.shape[1])} held-out links are edges of other relations between "
        f"the same nodes, most of them of ({other}); task.hide_parallel=true takes them out."
    ]


def _fraction(count: int, total: int) -> str:
    return f"{count:,} of {total:,} ({count / total:.1%})"
