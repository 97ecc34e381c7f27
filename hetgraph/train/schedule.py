"""The learning rate as a function of where the training is."""

from __future__ import annotations

import math

from hetgraph.train.config import TrainConfig
from hetgraph.train.state import Position

__all__ = ["learning_rate", "rate_at"]

_RISE = 0.3
"""Fraction of a one-cycle schedule that rises, unless ``train.warmup`` says otherwise."""
_START, _END = 1 / 25, 1 / 25e4
"""First and last rate of a one-cycle schedule as fractions of the highest; torch's defaults."""


def learning_rate(
    config: TrainConfig,
    epochs: int,
    *,
    epoch: int,
    within: float = 0.0,
    step: float = 1.0,
    cuts: tuple[int, ...] = (),
) -> float:
    """Returns the rate of one optimiser step.

    It depends on its arguments alone, so that a run that is resumed goes on as it would have, and
    a refit repeats the rates of the first training.

    Args:
        config: ``lr``, ``lr_decay``, ``scheduler``, ``warmup`` and ``plateau_factor``.
        epochs: Epochs of the stage if nothing stops it early.
        epoch: Epochs of the stage that are over.
        within: Fraction of the running epoch that is over, from 0 to 1.
        step: Fraction of an epoch that the step takes.
        cuts: Epochs after which ``"plateau"`` lowered the rate.

    Example:
        >>> config = TrainConfig(lr=0.5, scheduler="cosine")
        >>> [learning_rate(config, 4, epoch=epoch) for epoch in (0, 2)]
        [0.5, 0.25]
    """
    rate = config.lr * config.lr_decay**epoch
    if config.scheduler is None and not config.warmup:
        return rate
    done = epoch + within
    warm = config.warmup if config.warmup >= 1 else config.warmup * epochs
    if config.scheduler == "one-cycle":
        return rate * _one_cycle(done, step, epochs, warm or _RISE * epochs)
    if done < warm:
        rate *= min(1.0, (done + step) / warm)
    if config.scheduler == "cosine":
        left = max(epochs - warm, step)
        rate *= _cosine(1.0, 0.0, min(max(done - warm, 0.0) / left, 1.0))
    if config.scheduler == "plateau":
        rate *= config.plateau_factor ** sum(cut <= epoch for cut in cuts)
    return rate


def rate_at(
    position: Position,
    config: TrainConfig,
    epochs: int,
    *,
    first: int,
    cuts: tuple[int, ...] = (),
) -> float:
    """Returns the rate of the optimiser step that begins at a position.

    Args:
        position: Where the training is.
        config: As for :func:`learning_rate`.
        epochs: Epochs of the stage if nothing stops it early.
        first: Batches that the first epoch is expected to have; in later ones the number is that
            of the epoch before.
        cuts: Epochs after which ``"plateau"`` lowered the rate.

    Example:
        >>> config = TrainConfig(lr=1.0, warmup=1)
        >>> rates = (rate_at(Position(batch=done), config, 9, first=4) for done in range(4))
        >>> list(rates)
        [0.25, 0.5, 0.75, 1.0]
    """
    batches = position.batches or first
    return learning_rate(
        config,
        epochs,
        epoch=position.epoch,
        within=min(position.batch / batches, 1.0),
        step=min(config.accumulate / batches, 1.0),
        cuts=cuts,
    )


def _one_cycle(done: float, step: float, epochs: int, rise: float) -> float:
    """A rise and a fall along half cosines; the last step has the lowest rate.

    Source: Smith and Topin, "Super-Convergence", in the two phases of torch's ``OneCycleLR``.
    """
    top, last = rise - step, epochs - step
    if done <= top:
        return _cosine(_START, 1.0, done / top if top > 0 else 1.0)
    return _cosine(1.0, _END, min((done - top) / max(last - top, step), 1.0))


def _cosine(start: float, end: float, fraction: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * fraction))
