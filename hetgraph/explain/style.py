"""The appearance of the figures, and how they are saved."""

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
    "LONGEST",
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
"""The palette of Okabe and Ito, distinguishable with any colour vision; black is used for text."""

LONGEST = 72
"""Characters of the longest name of a relation that figures show whole."""

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
    "svg.hashsalt": "hetgraph",  # Makes the ids in an SVG the same in every run.
}
_NO_DATES: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


def require_matplotlib() -> Any:
    """Imports matplotlib.

    Raises:
        ConfigError: If it is not installed. The message gives the command that installs it.
    """
    return require("matplotlib", "hetgraph[plot]")


@contextlib.contextmanager
def look() -> Iterator[None]:
    """Sets fonts, colours and lines within the block, independent of the user's settings."""
    matplotlib = require_matplotlib()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Returns a figure of ``width`` x ``height`` inches, without a window or global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(label(title, 100), x=0.01, ha="left")
    return figure


def caption(figure: Figure, *sentences: str) -> None:
    """Writes notes below the axes."""
    figure.supxlabel("\n".join(sentences), x=0.01, ha="left", fontsize=7.5, color="#555555")


def label(text: str, max_length: int = 44) -> str:
    """Returns a name that fits into a figure: one line, at most ``max_length`` characters.

    A longer name is shortened in the middle, because names of relations differ at both ends. Dollar
    signs are escaped, so that matplotlib does not read them as mathematics.

    Example:
        >>> label("author -writes> paper -published_in> venue", max_length=20)
        'author -wri…n> venue'
    """
    printable = "".join(char if char.isprintable() else " " for char in text)
    text = " ".join(printable.split()) or "(no name)"
    if len(text) > max_length:
        head = (max_length - 1) * 3 // 5
        text = f"{text[:head].rstrip()}…{text[head + 1 - max_length :].lstrip()}"
    return text.replace("$", r"\$")


def labels(names: Sequence[str], max_length: int = 44) -> list[str]:
    """Returns :func:`label` of each name; names that would become equal are kept longer."""
    short = [label(name, max_length) for name in names]
    return [
        label(name, 4 * max_length) if short.count(text) > 1 else text
        for name, text in zip(names, short, strict=True)
    ]


def text_width(texts: Iterable[str], size: float) -> float:
    """Returns the width in inches of the widest text in the default font at ``size`` points."""
    from matplotlib.textpath import TextPath

    points: float = max(TextPath((0, 0), text, size=size).get_extents().x1 for text in texts)
    return points / 72


def number(value: float, largest: float) -> str:
    """Returns a value with the number of decimals that shows ``largest`` with three digits.

    Example:
        >>> number(0.5, largest=1.0), number(12.345, largest=250.0)
        ('0.500', '12')
    """
    digits = 3 - math.ceil(math.log10(largest) - 1e-6) if largest > 0 else 3
    return f"{value:.1e}" if digits > 6 else f"{value:.{max(digits, 0)}f}"


def colours(names: Iterable[str]) -> dict[str, str]:
    """Returns a colour per name; they repeat after the seventh.

    Example:
        >>> colours(["author", "paper"])
        {'author': '#0072B2', 'paper': '#E69F00'}
    """
    return {name: PALETTE[at % len(PALETTE)] for at, name in enumerate(dict.fromkeys(names))}


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Writes a figure in each format; a file is either complete or absent.

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
