"""What a graph is made of, as a graph of its types: the numbers and the places."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType

__all__ = ["Link", "Place", "SchemaData", "schema_data", "schema_layout"]

MAX_PARALLEL = 3
"""Most links drawn one by one between the same two types."""

Place = tuple[float, float]


@dataclass(frozen=True)
class Link:
    """Relations between two types, drawn as one line.

    Args:
        src: Node type at the tail.
        dst: Node type at the head.
        name: Name of the relation, with that of its declared reverse; or how many there are.
        num_edges: Edges in one direction, over all relations of the link.
        directed: Whether the line has a head: no declared reverse leads back.
    """

    src: str
    dst: str
    name: str
    num_edges: int
    directed: bool

    @property
    def ends(self) -> tuple[str, str]:
        """Both types, in an order that does not depend on the direction."""
        return (self.src, self.dst) if self.src <= self.dst else (self.dst, self.src)


@dataclass(frozen=True)
class SchemaData:
    """Number of nodes by type, and the links between the types."""

    num_nodes: Mapping[str, int]
    links: tuple[Link, ...]

    def between(self, link: Link) -> list[Link]:
        """Returns all links that join the same two types."""
        return [one for one in self.links if one.ends == link.ends]


def schema_data(graph: HeteroGraph) -> SchemaData:
    """Reads types, counts and links off a graph; a relation and its reverse are one link."""
    links: list[Link] = []
    seen: set[EdgeType] = set()
    for edge_type, relation in graph.relations.items():
        if edge_type in seen:
            continue
        reverse = graph.schema.reverse_of(edge_type)
        seen |= {edge_type} if reverse is None else {edge_type, reverse}
        names = [edge_type.name] + ([reverse.name] if reverse not in (None, edge_type) else [])
        src, _, dst = edge_type
        links.append(Link(src, dst, " / ".join(names), relation.nnz, reverse is None))
    return SchemaData(dict(graph.num_nodes), _merge_parallel(links))


def schema_layout(data: SchemaData) -> dict[str, Place]:
    """Places the types on an ellipse, one that all others are joined to in its middle.

    Returns:
        ``(x, y)`` in units of the ellipse's half axes.
    """
    names = list(data.num_nodes)
    hub = _hub(data)
    around = [name for name in names if name != hub]
    places: dict[str, Place] = {} if hub is None else {hub: (0.0, 0.0)}
    if len(names) == 1:
        return {names[0]: (0.0, 0.0)}
    for at, name in enumerate(around):
        # Two types lie side by side; more begin at the top.
        angle = math.pi * (1 if len(around) == 2 else 0.5) - 2 * math.pi * at / len(around)
        places[name] = (math.cos(angle), math.sin(angle))
    return places


def _hub(data: SchemaData) -> str | None:
    """Returns the type that has more neighbours than any other, if the others are three or more."""
    near: dict[str, set[str]] = {name: set() for name in data.num_nodes}
    for link in data.links:
        near[link.src].add(link.dst)
        near[link.dst].add(link.src)
    degrees = {name: len(found - {name}) for name, found in near.items()}
    ranked: Sequence[str] = sorted(degrees, key=lambda name: -degrees[name])
    if len(ranked) < 3 or degrees[ranked[0]] == degrees[ranked[1]]:
        return None
    return ranked[0]


def _merge_parallel(links: Sequence[Link]) -> tuple[Link, ...]:
    """Replaces the links of two types by one that counts them, where they are too many to draw."""
    groups: dict[tuple[str, str], list[Link]] = {}
    for link in links:
        groups.setdefault(link.ends, []).append(link)
    merged: list[Link] = []
    for (src, dst), own in groups.items():
        if len(own) <= MAX_PARALLEL:
            merged += own
        else:
            total = sum(link.num_edges for link in own)
            merged.append(Link(src, dst, f"{len(own):,} relations", total, False))
    return tuple(merged)
