"""The protocol of a link prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hetgraph.errors import ConfigError
from hetgraph.settings import later
from hetgraph.tasks.base import TaskOptions

__all__ = ["LinkPredictionOptions", "Negatives"]

Negatives = Literal["two_hop", "uniform", "shipped"]


@dataclass(frozen=True)
class LinkPredictionOptions(TaskOptions):
    """Protocol of a link prediction.

    Args:
        split: Name of one of the data set's link splits, which tells the relations; empty takes
            the first.
        negatives: The negative pairs of ``protocol: sampled``. ``"two_hop"`` (HGB): for each link
            one other destination that shares a neighbour with the source. ``"uniform"``: one of
            all of the type. Neither is ever linked to the source, by any relation in any split.
            ``"shipped"``: those of the data set.
        valid_fraction: Fraction of the training links held out for validation where the data set
            has no validation links; every source keeps one link at least.
        hide_parallel: Whether held-out pairs are taken out of the other relations between the two
            types, too.
        hide_mirrors: Whether of a held-out link ``(a, b)`` within one node type the mirror
            ``(b, a)`` is taken out of its relation. Otherwise a note tells how many there are.
        protocol: ``"sampled"`` (HGB) scores each link and a negative pair; one relation.
            ``"filtered"`` ranks the true end among all candidates, in both directions, other true
            links left out, as is usual for knowledge graphs; one or several relations.
        ties: Rank of a link among equal scores: their mean rank, or the last one.
        hits: Depths of ``hits@k``.
        decoder: How a pair is scored: ``"dot"``, ``"distmult"``, ``"complex"``; empty: as the
            method prefers.
        num_negatives: Negative pairs per link, epoch and replaced end in training.
        corrupt: Which end a training negative replaces: the destination, or each of both.
        loss: ``"bce"`` of links and negatives, or ``"softmax"`` over the candidates of both ends.
        candidates: Nodes that a true end competes with in ``loss: softmax``. They are drawn
            uniformly for each batch, and weighted to stand for all of their type; 0 takes all.
        reciprocal: Whether each direction of a relation has a vector of its own (decoders
            ``distmult`` and ``complex``).
        n3: Weight of the cubes of the vectors that a link's score is made of, as a penalty.

    Raises:
        ConfigError: If a value is out of its range.
    """

    split: str = ""
    negatives: Negatives = "two_hop"
    valid_fraction: float = 0.1
    hide_parallel: bool = False
    hide_mirrors: bool = later(False)
    protocol: Literal["sampled", "filtered"] = later("sampled")
    ties: Literal["mean", "pessimistic"] = later("mean")
    hits: tuple[int, ...] = later((1, 3, 10))
    decoder: Literal["", "dot", "distmult", "complex"] = later("")
    num_negatives: int = later(1)
    corrupt: Literal["dst", "both"] = later("dst")
    loss: Literal["bce", "softmax"] = later("bce")
    candidates: int = later(0)
    reciprocal: bool = later(False)
    n3: float = later(0.0)

    def __post_init__(self) -> None:
        if not 0 < self.valid_fraction < 1:
            raise ConfigError(
                f"task.valid_fraction is {self.valid_fraction}, expected above 0 and below 1."
            )
        if self.num_negatives < 1:
            raise ConfigError(f"task.num_negatives is {self.num_negatives}, expected at least 1.")
        if self.candidates < 0 or (self.candidates and self.loss != "softmax"):
            raise ConfigError(
                f"task.candidates is {self.candidates}, expected 0 for all, or a number of nodes "
                "together with task.loss=softmax."
            )
        if not 0 <= self.n3 < float("inf"):
            raise ConfigError(f"task.n3 is {self.n3}, expected 0 or more.")
        if not self.hits or min(self.hits) < 1:
            raise ConfigError(f"task.hits is {list(self.hits)}, expected depths of 1 or more.")
