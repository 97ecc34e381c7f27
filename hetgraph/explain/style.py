"""How the pictures look, and how they reach the disk."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hetgraph.files import atomic_path
from hetgraph.optional import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "COLOUR_MAP",
    "FORMATS",
    "GREY",
    "INK",
    "PALETTE",
    "caption",
    "colours",
    "label",
    "labels",
    "look",
    "new_figure",
    "number",
    "require_matplotlib",
    "save",
    "text_width",
]

FORMATS = ("png", "svg", "pdf")

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442")
"""Okabe and Ito's colours, which people with any colour vision tell apart; black is for text."""

COLOUR_MAP = "cividis"
INK, GREY = "#222222", "#8C8C8C"

_RC = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "savefig.dpi": 160,
    "svg.hashsalt": "hetgraph",  # The ids in an SVG are then the same in every run.
}
_NO_DATES: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


def require_matplotlib() -> Any:
    """Imports matplotlib.

    Raises:
        ConfigError: If it is not installed, with the command that installs it.
    """
    return require("matplotlib", "hetgraph[plot]")


@contextlib.contextmanager
def look() -> Iterator[None]:
    """Sets fonts, colours and lines inside the block, whatever the user's settings are."""
    matplotlib = require_matplotlib()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Returns a figure of a size in inches that no window and no global state knows of."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(label(title, 100), x=0.01, ha="left")
    return figure


def caption(figure: Figure, *sentences: str) -> None:
    """Writes notes below the axes."""
    figure.supxlabel("\n".join(sentences), x=0.01, ha="left", fontsize=7.5, color="#555555")


def label(text: str, width: int = 44) -> str:
    """Returns a name fit to stand in a picture: one line, at most ``width`` characters.

    The middle of a longer name is left out, since names of relations differ at both ends. Dollar
    signs are kept from being read as mathematics.
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split()) or "(no name)"
    if len(text) > width:
        head = (width - 1) * 3 // 5
        text = f"{text[:head].rstrip()}…{text[head + 1 - width :].lstrip()}"
    return text.replace("$", r"\$")


def labels(names: Sequence[str], width: int = 44) -> list[str]:
    """Returns :func:`label` of each name; names that would then look alike stay longer."""
    short = [label(name, width) for name in names]
    return [
        label(name, 4 * width) if short.count(text) > 1 else text
        for name, text in zip(names, short, strict=True)
    ]


def text_width(texts: Iterable[str], size: float) -> float:
    """Returns the width in inches of the widest text in the standard font, ``size`` points high."""
    from matplotlib.textpath import TextPath

    points: float = max(TextPath((0, 0), text, size=size).get_extents().x1 for text in texts)
    return points / 72


def number(value: float, largest: float) -> str:
    """Returns a value with as many decimals as give the largest of its kind three digits."""
    digits = 3 - math.ceil(math.log10(largest) - 1e-6) if largest > 0 else 3
    return f"{value:.1e}" if digits > 6 else f"{value:.{max(digits, 0)}f}"


def colours(names: Iterable[str]) -> dict[str, str]:
    """Returns a colour for each name; after the seventh they repeat."""
    return {name: PALETTE[at % len(PALETTE)] for at, name in enumerate(dict.fromkeys(names))}


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Writes a figure in each format, every file whole or not at all.

    Returns:
        The paths ``folder/name.format``.
    """
    paths = []
    for kind in formats:
        target = folder / f"{name}.{kind}"
        with atomic_path(target) as path:
            figure.savefig(
                path, format=kind, metadata=_NO_DATES[kind], bbox_inches="tight", pad_inches=0.12
            )
        paths.append(target)
    return paths
