"""Weights as bands from a source type, through a relation, to a node type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hetgraph.data.schema import Schema
from hetgraph.errors import MetaPathError
from hetgraph.explain.table import split_classes
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.methods import RelevanceRow

__all__ = [
    "SEVERAL",
    "Band",
    "Block",
    "Flow",
    "FlowLayout",
    "flow_data",
    "flow_layout",
    "label_ends",
    "source_type",
]

SEVERAL = "several types"
"""Source of mixed messages, see :func:`~hetgraph.methods.mixed_label`."""

THICKNESS = 0.55
"""Fraction of a panel's height that the bands fill; the rest separates their labels."""


@dataclass(frozen=True)
class Flow:
    """One band.

    Args:
        order: Hop, iteration or layer.
        source: Node type at which the messages start.
        relation: Relation or meta-path in text form.
        node_type: Node type at which they arrive.
        weight: Absolute value of the mean weight: the width of the band.
    """

    order: int
    source: str
    relation: str
    node_type: str
    weight: float


@dataclass(frozen=True)
class Block:
    """A name with an interval on the vertical axis; ``size`` can be less than the space it gets."""

    name: str
    center: float
    size: float


@dataclass(frozen=True)
class Band:
    """A flow with the lower ends of its cross sections: left, middle and right."""

    flow: Flow
    left: float
    middle: float
    right: float
    size: float


@dataclass(frozen=True)
class FlowLayout:
    """One panel; the unit of length is a line of text."""

    height: float
    sources: tuple[Block, ...]
    relations: tuple[Block, ...]
    targets: tuple[Block, ...]
    bands: tuple[Band, ...]


def flow_data(rows: Iterable[RelevanceRow], schema: Schema) -> tuple[Flow, ...]:
    """Returns one band per row; rows for single classes are ignored.

    Example:
        >>> from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec
        >>> writes = EdgeType("author", "writes", "paper")
        >>> nodes = {"author": FeatureSpec(), "paper": FeatureSpec()}
        >>> schema = Schema(nodes, {writes: EdgeSpec()})
        >>> (flow,) = flow_data([RelevanceRow("paper", "writes", order=0, weight=0.7)], schema)
        >>> flow.source, flow.node_type, flow.weight
        ('author', 'paper', 0.7)
    """
    everyone, _ = split_classes(rows)
    return tuple(
        Flow(row.order, source_type(row, schema), row.relation, row.node_type, abs(row.weight))
        for row in everyone
    )


def source_type(row: RelevanceRow, schema: Schema) -> str:
    """Returns the node type at which the messages of a row start.

    It is the ``source`` of the row if given, otherwise the other end of the relation or meta-path
    in its text, or :data:`SEVERAL`. If the text is neither, such as ``(self)`` or the name of a
    meta-path, it is the node type of the row.

    Example:
        >>> from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec
        >>> writes = EdgeType("author", "writes", "paper")
        >>> nodes = {"author": FeatureSpec(), "paper": FeatureSpec()}
        >>> schema = Schema(nodes, {writes: EdgeSpec()})
        >>> source_type(RelevanceRow("paper", "writes", order=0, weight=0.7), schema)
        'author'
        >>> source_type(RelevanceRow("paper", "(self)", order=0, weight=0.3), schema)
        'paper'
    """
    if row.source is not None:
        return row.source
    if row.relation.startswith("{"):
        return SEVERAL
    ends = label_ends(row.relation, schema)
    if ends is None:
        return row.node_type
    start, end = ends  # A bare name, as a method from outside may give, tells no direction.
    return start if end == row.node_type else end


def label_ends(text: str, schema: Schema) -> tuple[str, str] | None:
    """Returns where messages start and arrive by the label of a row, if it is a path.

    A prefix such as ``label: ``, the types of mixed messages and a suffix in brackets are ignored.

    Example:
        >>> from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec
        >>> writes = EdgeType("author", "writes", "paper")
        >>> nodes = {"author": FeatureSpec(), "paper": FeatureSpec()}
        >>> schema = Schema(nodes, {writes: EdgeSpec()})
        >>> label_ends("label: paper <writes- author", schema), label_ends("(self)", schema)
        (('paper', 'author'), None)
    """
    bare = re.sub(r"^[\w ]+: |^\{[^{}]*\} (-> \.\.\. )?-> | \([^()]*\)$", "", text)
    for candidate in (text, bare):
        for edge_type in schema.edge_types:
            if candidate in (str(edge_type), edge_type.name):
                return edge_type.src, edge_type.dst
        try:
            path = MetaPath.parse(candidate, schema)
        except MetaPathError:
            continue
        return path.start, path.end
    return None


def flow_layout(flows: Sequence[Flow], types: Sequence[str] = ()) -> FlowLayout:
    """Places the bands of one order with few crossings and no overlapping labels.

    Args:
        flows: Bands of one order.
        types: Node types, from top to bottom.

    Example:
        >>> writes = Flow(0, "author", "writes", "paper", weight=0.7)
        >>> hosts = Flow(0, "venue", "hosts", "paper", weight=0.3)
        >>> layout = flow_layout([writes, hosts], ["author", "paper", "venue"])
        >>> [block.name for block in layout.sources], [block.name for block in layout.targets]
        (['venue', 'author'], ['paper'])
    """
    rank = {name: number for number, name in enumerate(types)}

    def place(flow: Flow) -> tuple[int, int, float, str]:
        first, last = rank.get(flow.source, len(rank)), rank.get(flow.node_type, len(rank))
        return last, first, -flow.weight, flow.relation

    flows = sorted(flows, key=place, reverse=True)  # The vertical axis points upwards.
    total = sum(flow.weight for flow in flows) or 1.0
    scale = (THICKNESS * len(flows) + 2.0) / total
    sizes = [flow.weight * scale for flow in flows]
    rooms = [max(size + 0.25, 1.1) for size in sizes]
    height = sum(rooms)
    middles = _spread(rooms, height)
    sources = _blocks([flow.source for flow in flows], sizes, height, rank)
    targets = _blocks([flow.node_type for flow in flows], sizes, height, rank)
    left, right = _starts(sources), _starts(targets)
    bands = []
    for flow, size, center in zip(flows, sizes, middles, strict=True):
        low = center - size / 2
        bands.append(Band(flow, left[flow.source], low, right[flow.node_type], size))
        left[flow.source] += size
        right[flow.node_type] += size
    relations = tuple(
        Block(flow.relation, center, size)
        for flow, size, center in zip(flows, sizes, middles, strict=True)
    )
    return FlowLayout(height, sources, relations, targets, tuple(bands))


def _blocks(
    names: Sequence[str], sizes: Sequence[float], height: float, rank: Mapping[str, int]
) -> tuple[Block, ...]:
    """Returns a block per name, as large as its bands together; lower ranks are placed higher."""
    totals: dict[str, float] = {}
    for name, size in zip(names, sizes, strict=True):
        totals[name] = totals.get(name, 0.0) + size
    order = sorted(totals, key=lambda name: rank.get(name, len(rank)), reverse=True)
    centers = _spread([max(totals[name], 1.1) for name in order], height)
    return tuple(
        Block(name, center, totals[name]) for name, center in zip(order, centers, strict=True)
    )


def _spread(rooms: Sequence[float], height: float) -> list[float]:
    """Returns the centers of stacked intervals, with the free height distributed evenly."""
    gap = max(height - sum(rooms), 0.0) / (len(rooms) + 1)
    centers, top = [], gap
    for room in rooms:
        centers.append(top + room / 2)
        top += room + gap
    return centers


def _starts(blocks: Iterable[Block]) -> dict[str, float]:
    return {block.name: block.center - block.size / 2 for block in blocks}
