"""Which model is offered for which family of tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hetgraph.methods.registered import USES
from hetgraph.registry import models
from hetgraph.tasks.factory import families

__all__ = ["Matrix", "Offer", "matrix_lines", "matrix_table", "offers"]


@dataclass(frozen=True)
class Offer:
    """A pair of a model and a family of tasks.

    Args:
        model: Name of the model.
        family: The family.
        reason: Why the pair is not offered; empty if it is.
    """

    model: str
    family: str
    reason: str = ""


@dataclass(frozen=True)
class Matrix:
    """Which model is offered for which family, as a table.

    Args:
        families: Headings of the marks.
        rows: Model, what it reads, and a mark per family: ``"yes"`` or the number of a reason.
        notes: How many pairs there are, then the reasons.
    """

    families: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    notes: tuple[str, ...]


def offers() -> tuple[Offer, ...]:
    """Returns all pairs of registered models and families, read off the code.

    Example:
        >>> pairs = {(offer.model, offer.family): offer.reason for offer in offers()}
        >>> pairs["rgcn", "edge-regression"]
        ''
    """
    return tuple(
        Offer(model, family, models.get(model).refuses(family))
        for model in models.names()
        for family in families()
    )


def matrix_lines(pairs: Sequence[Offer]) -> tuple[str, ...]:
    """Returns the table of models and families in Markdown, and the reasons of missing pairs.

    A column says what each model can read beside the types of nodes and edges.

    Args:
        pairs: What :func:`offers` returned.
    """
    made = matrix_table(pairs)
    return (
        f"| model | reads | {' | '.join(made.families)} |",
        f"|---|---|{'---|' * len(made.families)}",
        *(f"| {model} | {reads} | {' | '.join(marks)} |" for model, reads, marks in made.rows),
        "",
        made.notes[0],
        "",
        *made.notes[1:],
    )


def matrix_table(pairs: Sequence[Offer]) -> Matrix:
    """Returns the table of models and families, and the reasons of missing pairs.

    Args:
        pairs: What :func:`offers` returned.
    """
    names = tuple(dict.fromkeys(offer.family for offer in pairs))
    reasons = tuple(dict.fromkeys(offer.reason for offer in pairs if offer.reason))
    cells: dict[str, list[str]] = {}
    for offer in pairs:
        mark = f"({reasons.index(offer.reason) + 1})" if offer.reason else "yes"
        cells.setdefault(offer.model, []).append(mark)
    offered = sum(not offer.reason for offer in pairs)
    return Matrix(
        families=names,
        rows=tuple((model, _reads(model), tuple(marks)) for model, marks in cells.items()),
        notes=(
            f"{offered} of {len(pairs)} pairs are offered. Not offered:",
            *(f"{number}. {reason}" for number, reason in enumerate(reasons, start=1)),
        ),
    )


def _reads(model: str) -> str:
    """What a model can read, in words; some of it only if its settings ask for it."""
    uses = models.get(model).uses
    if uses is None:
        return "?"
    known = [name for word, name in USES.items() if word in uses]
    return ", ".join([*known, *sorted(uses - set(USES))])
