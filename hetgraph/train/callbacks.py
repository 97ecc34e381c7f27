"""What is called after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch

from hetgraph.methods import Method
from hetgraph.train import rng

__all__ = ["Callback", "Epoch", "StopTraining", "call_all"]


class StopTraining(Exception):  # noqa: N818 (a request, no error)
    """Raised by a callback to end the running stage; its best weights are kept as always."""


@dataclass(frozen=True, eq=False)
class Epoch:
    """An epoch that is over.

    Args:
        stage: Name of the stage.
        epoch: Number of the epoch within the stage, from 1.
        epochs: Epochs that are over, in all stages.
        lr: Learning rate of the first step.
        train: Mean of the loss over the epoch, and of each term if there are several.
        valid: Metrics on the validation split; ``None`` if the epoch was not validated.
        is_best: Whether the weights are the best of the stage so far.
        model: The model; to change it is to change the training. With ``train.ema`` it has the
            trained weights, not the averaged ones that were validated.
        seconds: Wall-clock seconds of the epoch, validation included.
        refit: Whether this is the second training, on training and validation targets.
    """

    stage: str
    epoch: int
    epochs: int
    lr: float
    train: Mapping[str, float]
    valid: Mapping[str, float] | None
    is_best: bool
    model: Method
    seconds: float
    refit: bool = False


Callback: TypeAlias = Callable[[Epoch], None]
"""Called after each epoch, in every process; it may raise :class:`StopTraining`."""


def call_all(callbacks: Sequence[Callback], event: Epoch, device: torch.device) -> bool:
    """Calls each callback and returns whether one of them asked to stop.

    All are called, whatever the others ask. The random generators are put back afterwards, so a
    callback may draw numbers without changing those of the training.
    """
    before = rng.capture(device)
    try:
        return sum(_asks_to_stop(callback, event) for callback in callbacks) > 0
    finally:
        rng.restore(before, device)


def _asks_to_stop(callback: Callback, event: Epoch) -> bool:
    try:
        callback(event)
    except StopTraining:
        return True
    return False
