"""The schema of a graph as a graph of its types: counts and positions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType

__all__ = ["Link", "Place", "SchemaData", "schema_data", "schema_layout"]

MAX_PARALLEL = 6
"""Maximum number of links drawn separately between the same two types."""

Place = tuple[float, float]


@dataclass(frozen=True)
class Link:
    """Relations between two types, drawn as one line.

    Args:
        src: Source type.
        dst: Destination type.
        name: Names of the relation and its declared reverse, unless that is ``rev_`` and the name
            of the relation; or the number of relations.
        num_edges: Number of edges in one direction, over all relations of the link.
        directed: Whether the line has an arrow head, because there is no declared reverse.
    """

    src: str
    dst: str
    name: str
    num_edges: int
    directed: bool

    @property
    def ends(self) -> tuple[str, str]:
        """Both types in alphabetical order, so independent of the direction."""
        return (self.src, self.dst) if self.src <= self.dst else (self.dst, self.src)


@dataclass(frozen=True)
class SchemaData:
    """Number of nodes by type, and the links between the types."""

    num_nodes: Mapping[str, int]
    links: tuple[Link, ...]

    def between(self, link: Link) -> list[Link]:
        """Returns all links between the same two types."""
        return [other for other in self.links if other.ends == link.ends]


def schema_data(graph: HeteroGraph) -> SchemaData:
    """Returns the types, counts and links of a graph; a relation and its reverse are one link.

    Example:
        >>> import torch
        >>> from hetgraph.data import Relation
        >>> writes = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([0, 0]), 2, 1)
        >>> key = EdgeType("author", "writes", "paper")
        >>> nodes = {"author": 2, "paper": 1}
        >>> data = schema_data(HeteroGraph(num_nodes=nodes, relations={key: writes}))
        >>> data.num_nodes, data.links[0].name, data.links[0].num_edges
        ({'author': 2, 'paper': 1}, 'writes', 2)
    """
    links: list[Link] = []
    seen: set[EdgeType] = set()
    for edge_type, relation in graph.relations.items():
        if edge_type in seen:
            continue
        reverse = graph.schema.reverse_of(edge_type)
        seen |= {edge_type} if reverse is None else {edge_type, reverse}
        names = [edge_type.name]
        if reverse not in (None, edge_type) and reverse.name != f"rev_{edge_type.name}":
            names.append(reverse.name)  # "rev_" is what the library calls reverses that it adds.
        src, _, dst = edge_type
        links.append(Link(src, dst, " / ".join(names), relation.nnz, reverse is None))
    return SchemaData(dict(graph.num_nodes), _merge_parallel(links))


def schema_layout(data: SchemaData) -> dict[str, Place]:
    """Places the types on an ellipse; the type with the most neighbours is at its centre.

    Returns:
        ``(x, y)`` by type, in units of the semi-axes of the ellipse.

    Example:
        >>> schema_layout(SchemaData({"author": 2}, ()))
        {'author': (0.0, 0.0)}
    """
    names = list(data.num_nodes)
    hub = _hub(data)
    around = [name for name in names if name != hub]
    places: dict[str, Place] = {} if hub is None else {hub: (0.0, 0.0)}
    if len(names) == 1:
        return {names[0]: (0.0, 0.0)}
    for position, name in enumerate(around):
        # Two types are placed side by side; more types start at the top.
        start = math.pi * (1 if len(around) == 2 else 0.5)
        angle = start - 2 * math.pi * position / len(around)
        places[name] = (math.cos(angle), math.sin(angle))
    return places


def _hub(data: SchemaData) -> str | None:
    """Returns the type with more neighbouring types than any other, if there are three or more."""
    near: dict[str, set[str]] = {name: set() for name in data.num_nodes}
    for link in data.links:
        near[link.src].add(link.dst)
        near[link.dst].add(link.src)
    degrees = {name: len(neighbours - {name}) for name, neighbours in near.items()}
    ranked: Sequence[str] = sorted(degrees, key=lambda name: -degrees[name])
    if len(ranked) < 3 or degrees[ranked[0]] == degrees[ranked[1]]:
        return None
    return ranked[0]


def _merge_parallel(links: Sequence[Link]) -> tuple[Link, ...]:
    """Replaces the links between two types by one with their number, if there are too many."""
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
