"""Where boxes, lines and labels of a schema picture go, in inches: no labels overlap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hetgraph.explain import style
from hetgraph.explain.schema import Link, Place, SchemaData, schema_layout

__all__ = ["LABEL_SIZE", "Area", "Arrangement", "Line", "arrange", "link_text"]

MAX_NAMED = 8
"""Maximum number of links named on their lines; more links get numbers and a key."""

LABEL_SIZE = 7.5
_TYPE_SIZE = 9.0
_BEND = 0.34
"""Least distance between parallel lines."""
_MOST_BEND = 0.8
_GAP = 0.05
_ALONG = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73)
"""Fractions of a line at which its label may be."""
_SCALES = (1.0, 1.15, 1.3, 1.5, 1.75, 2.0, 2.5)
"""Factors of all distances between types, tried until every label has room."""


@dataclass(frozen=True)
class Area:
    """A rectangle with its sides parallel to the axes."""

    center: Place
    width: float
    height: float

    @property
    def limits(self) -> tuple[float, float, float, float]:
        """Left, right, lower and upper end."""
        (x, y), half, high = self.center, self.width / 2, self.height / 2
        return x - half, x + half, y - high, y + high

    def overlaps(self, other: Area) -> bool:
        """Whether two areas are less than a small gap apart."""
        (x0, y0), (x1, y1) = self.center, other.center
        return (
            abs(x0 - x1) < (self.width + other.width) / 2 + _GAP
            and abs(y0 - y1) < (self.height + other.height) / 2 + _GAP
        )


@dataclass(frozen=True)
class Line:
    """The line of a link: a quadratic curve between two boxes, or a ring beside one.

    Args:
        link: The link.
        text: What its label says.
        turn: Control point of the curve; far end of the ring.
        label: Where the label is.
    """

    link: Link
    text: str
    turn: Place
    label: Area


@dataclass(frozen=True)
class Arrangement:
    """Everything of a picture with its place.

    Args:
        boxes: Box of each type.
        lines: Line of each link, in the order of the links.
        numbered: Whether labels are numbers, so that a key is needed.
    """

    boxes: Mapping[str, Area]
    lines: tuple[Line, ...]
    numbered: bool

    @property
    def clear(self) -> bool:
        """Whether no label overlaps another one or a box."""
        areas = [*self.boxes.values(), *(line.label for line in self.lines)]
        return not any(
            first.overlaps(second) for at, first in enumerate(areas) for second in areas[:at]
        )

    @property
    def frame(self) -> tuple[Place, Place]:
        """Limits of both axes, with a margin."""
        areas = [*self.boxes.values(), *(line.label for line in self.lines)]
        lefts, rights, lows, tops = zip(*(area.limits for area in areas), strict=True)
        xs, ys = [*lefts, *rights], [*lows, *tops]
        for line in self.lines:
            (x0, y0), (x1, y1) = self.boxes[line.link.src].center, self.boxes[line.link.dst].center
            # A curve reaches half-way to its control point; a ring is half as wide as long.
            x, y = (x0 + x1) / 4 + line.turn[0] / 2, (y0 + y1) / 4 + line.turn[1] / 2
            wide = math.dist((x0, y0), line.turn) / 4 if line.link.src == line.link.dst else 0.0
            xs, ys = [*xs, x - wide, x + wide], [*ys, y - wide, y + wide]
        return (min(xs) - 0.15, max(xs) + 0.15), (min(ys) - 0.15, max(ys) + 0.15)


def arrange(data: SchemaData) -> Arrangement:
    """Returns the smallest picture in which the labels have room; at last, numbers stand for names.

    Example:
        >>> links = [Link("user", "item", name, 5, directed=True) for name in ("buys", "views")]
        >>> made = arrange(SchemaData({"user": 2, "item": 3}, tuple(links)))
        >>> made.clear, made.numbered
        (True, False)
    """
    for numbered in (False, True):
        if not numbered and len(data.links) > MAX_NAMED:
            continue
        for scale in _SCALES:
            made = _attempt(data, scale, numbered=numbered)
            if made.clear:
                return made
    return made


def link_text(link: Link) -> str:
    """Returns the label of a link: its names, each on a line, and the number of edges."""
    names = " /\n".join(style.label(name, 34) for name in link.name.split(" / "))
    return f"{names}\n{link.num_edges:,}"


def _attempt(data: SchemaData, scale: float, *, numbered: bool) -> Arrangement:
    places = _places(data, scale)
    boxes = {name: _box(name, data.num_nodes[name], place) for name, place in places.items()}
    texts = {
        link: str(number) if numbered else link_text(link)
        for number, link in enumerate(data.links, start=1)
    }
    lines: dict[Link, Line] = {}
    # Loops have one place for their label each, so they come first.
    for link in sorted(texts, key=lambda link: link.src != link.dst):
        taken = [*boxes.values(), *(line.label for line in lines.values())]
        place = _loop if link.src == link.dst else _curve
        options = list(place(link, data, places, texts))
        lines[link] = next(
            (line for line in options if not any(map(line.label.overlaps, taken))), options[0]
        )
    return Arrangement(boxes, tuple(lines[link] for link in data.links), numbered)


def _places(data: SchemaData, scale: float) -> dict[str, Place]:
    """Returns the positions on an ellipse with space for every box."""
    num_types = len(data.num_nodes)
    high = 0.45 if num_types == 2 else max(1.9, 0.3 * num_types)
    wide = 1.35 * max(1.9, 0.3 * num_types)
    if num_types == 2:
        # Labels stand between the boxes; longer names of types need no more room for them.
        half = sum(_width([style.label(name, 22)], _TYPE_SIZE) for name in data.num_nodes) / 4
        wide = max(wide, half + 1.8)
    return {
        name: (x * wide * scale, y * high * scale) for name, (x, y) in schema_layout(data).items()
    }


def _box(name: str, count: int, place: Place) -> Area:
    width = _width([style.label(name, 22), f"{count:,}"], _TYPE_SIZE)
    return Area(place, 1.12 * width + 0.2, 0.5)  # Bold letters are wider.


def _width(lines: Iterable[str], size: float) -> float:
    return style.text_width(lines, size)


def _label(text: str, place: Place) -> Area:
    lines = text.split("\n")
    return Area(place, _width(lines, LABEL_SIZE) + 0.06, 0.122 * len(lines) + 0.06)


def _curve(
    link: Link, data: SchemaData, places: Mapping[str, Place], texts: Mapping[Link, str]
) -> Iterator[Line]:
    """Yields the line of a link with its label at one place after the other."""
    (x0, y0), (x1, y1) = places[link.src], places[link.dst]
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    across = (y1 - y0) / length, -(x1 - x0) / length
    parallel = data.between(link)
    # The side is defined from the same end in both directions, so that the lines do not overlap.
    side = 1 if link.src == link.ends[0] else -1
    step = side * (parallel.index(link) - (len(parallel) - 1) / 2)
    bend = step * _apart([_label(texts[other], (0, 0)) for other in parallel], across)
    # The middle of a quadratic curve is half-way to its control point.
    turn = (x0 + x1) / 2 + 2 * bend * across[0], (y0 + y1) / 2 + 2 * bend * across[1]
    # Where many lines meet in the middle of the figure, numbers are better off beside it.
    for along in (0.4, *_ALONG) if texts[link].isdigit() else _ALONG:
        first, second, third = (1 - along) ** 2, 2 * along * (1 - along), along**2
        place = (
            first * x0 + second * turn[0] + third * x1,
            first * y0 + second * turn[1] + third * y1,
        )
        yield Line(link, texts[link], turn, _label(texts[link], place))


def _apart(labels: Sequence[Area], across: Place) -> float:
    """Returns the distance between parallel lines at which labels beside each other have room."""
    width, height = max(a.width for a in labels) + _GAP, max(a.height for a in labels) + _GAP
    x, y = max(abs(across[0]), 1e-9), max(abs(across[1]), 1e-9)
    return min(max(_BEND, min(width / x, height / y) + 0.01), _MOST_BEND)


def _loop(
    link: Link, data: SchemaData, places: Mapping[str, Place], texts: Mapping[Link, str]
) -> Iterator[Line]:
    """Yields the ring of a relation from a type to itself, around the rings before it."""
    angle = _loop_angle(link, data, places)
    x, y = abs(math.cos(angle)), abs(math.sin(angle))
    box = _box(link.src, data.num_nodes[link.src], places[link.src])
    reach = 0.3 + min(box.width / 2 / max(x, 1e-9), box.height / 2 / max(y, 1e-9))
    for other in data.between(link):
        label = _label(texts[other], (0, 0))
        size = min((label.width + _GAP) / max(x, 1e-9), (label.height + _GAP) / max(y, 1e-9))
        reach += size / 2
        if other == link:
            break
        reach += size / 2 + 0.05
    start = places[link.src]
    end = start[0] + reach * math.cos(angle), start[1] + reach * math.sin(angle)
    yield Line(link, texts[link], end, _label(texts[link], end))


def _loop_angle(link: Link, data: SchemaData, places: Mapping[str, Place]) -> float:
    """Returns the direction of the loops of a type: upright if that is free, else the widest gap.

    Labels are wider than high, so rings around each other need less room one above the other.
    """
    x, y = places[link.src]
    near = {end for other in data.links if link.src in other.ends for end in other.ends}
    near -= {link.src}
    angles = sorted(math.atan2(places[name][1] - y, places[name][0] - x) for name in near)
    for upright in (math.pi / 2, -math.pi / 2):
        if all(math.cos(angle - upright) < math.cos(math.radians(50)) for angle in angles):
            return upright
    following = (*angles[1:], angles[0] + 2 * math.pi)
    gap, first = max((end - start, start) for start, end in zip(angles, following, strict=True))
    return first + gap / 2
