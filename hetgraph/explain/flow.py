"""Where messages come from: weights as bands from a source type over a relation to a node type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hetgraph.data.schema import Schema
from hetgraph.errors import MetaPathError
from hetgraph.explain.table import split_classes
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.methods import RelevanceRow

__all__ = ["Band", "Block", "Flow", "FlowLayout", "flow_data", "flow_layout", "source_type"]

THICKNESS = 0.55
"""Share of a panel's height that the bands take; the rest keeps their labels apart."""


@dataclass(frozen=True)
class Flow:
    """One band.

    Args:
        order: Hop, iteration or layer.
        source: Node type that the messages start from.
        relation: Relation or meta-path in text form.
        node_type: Node type that they arrive at.
        weight: Mean weight, the width of the band; a negative one counts by its size.
    """

    order: int
    source: str
    relation: str
    node_type: str
    weight: float


@dataclass(frozen=True)
class Block:
    """A name with an interval of the vertical axis; ``size`` may be less than the room it has."""

    name: str
    center: float
    size: float


@dataclass(frozen=True)
class Band:
    """A flow with the lower ends of its cross sections on the left, in the middle, on the right."""

    flow: Flow
    left: float
    middle: float
    right: float
    size: float


@dataclass(frozen=True)
class FlowLayout:
    """One panel, measured in lines of text: it is ``height`` lines high."""

    height: float
    sources: tuple[Block, ...]
    relations: tuple[Block, ...]
    targets: tuple[Block, ...]
    bands: tuple[Band, ...]


def flow_data(rows: Iterable[RelevanceRow], schema: Schema) -> tuple[Flow, ...]:
    """Returns one band a row; rows for single classes are left out."""
    everyone, _ = split_classes(rows)
    return tuple(
        Flow(row.order, source_type(row, schema), row.relation, row.node_type, abs(row.weight))
        for row in everyone
    )


def source_type(row: RelevanceRow, schema: Schema) -> str:
    """Returns the node type that the messages of a row start from.

    It is the one the row states, else the far end of the relation or meta-path that its text
    names. A text that names none, such as ``(self)`` or a path known by a name, stays at home.
    """
    if row.source is not None:
        return row.source
    ends = _ends(row.relation, schema)
    if ends is None:
        return row.node_type
    start, end = ends
    return start if end == row.node_type else end


def flow_layout(flows: Sequence[Flow], types: Sequence[str] = ()) -> FlowLayout:
    """Places the bands of one order so that they cross little and no two labels overlap.

    Args:
        flows: Bands of one order.
        types: Node types in the wanted order.
    """
    rank = {name: at for at, name in enumerate(types)}

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


def _ends(text: str, schema: Schema) -> tuple[str, str] | None:
    """Returns first and last node type of a relation or meta-path, whatever stands around it."""
    bare = re.sub(r"^[\w ]+: | \([^()]*\)$", "", text)
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


def _blocks(
    names: Sequence[str], sizes: Sequence[float], height: float, rank: Mapping[str, int]
) -> tuple[Block, ...]:
    """Returns a block for each name, as large as its bands; lower ranks stand higher."""
    totals: dict[str, float] = {}
    for name, size in zip(names, sizes, strict=True):
        totals[name] = totals.get(name, 0.0) + size
    order = sorted(totals, key=lambda name: rank.get(name, len(rank)), reverse=True)
    centers = _spread([max(totals[name], 1.1) for name in order], height)
    return tuple(
        Block(name, center, totals[name]) for name, center in zip(order, centers, strict=True)
    )


def _spread(rooms: Sequence[float], height: float) -> list[float]:
    """Returns the centers of intervals set one upon the other, the free height shared out."""
    gap = max(height - sum(rooms), 0.0) / (len(rooms) + 1)
    centers, top = [], gap
    for room in rooms:
        centers.append(top + room / 2)
        top += room + gap
    return centers


def _starts(blocks: Iterable[Block]) -> dict[str, float]:
    return {block.name: block.center - block.size / 2 for block in blocks}
