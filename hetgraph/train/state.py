"""The state of a fit as one value: saved as one file, compared as one, put back at one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from hetgraph.errors import FileFormatError
from hetgraph.train.checkpoint import load_checkpoint, pack, save_checkpoint
from hetgraph.train.early_stopping import EarlyStopping
from hetgraph.train.plateau import Plateau
from hetgraph.train.sums import LossSums

__all__ = ["FitState", "Phase", "Position", "Selection"]

Phase = Literal["select", "refit"]
"""Training with validation, and training once more on the training and validation targets."""


@dataclass(frozen=True)
class Position:
    """Where a fit is, between two optimiser steps.

    Args:
        phase: The running phase.
        stage: Stages of the phase that are over.
        epoch: Epochs of the running stage that are over.
        batch: Batches of the running epoch that are over.
        epochs: Epochs that are over, in all stages of all phases.
        kept: For each stage of the phase that is over, the epochs behind the weights it kept.
        stopped: Whether a callback has ended the running stage.
        batches: Batches of the epoch before in this stage, which a schedule counts
            on; 0 in its first epoch.
    """

    phase: Phase = "select"
    stage: int = 0
    epoch: int = 0
    batch: int = 0
    epochs: int = 0
    kept: tuple[int, ...] = ()
    stopped: bool = False
    batches: int = 0

    def after_batches(self, count: int) -> Position:
        """Returns the position ``count`` batches later."""
        return replace(self, batch=self.batch + count)

    def after_epoch(self) -> Position:
        """Returns the position at the start of the next epoch."""
        return replace(
            self, epoch=self.epoch + 1, batch=0, epochs=self.epochs + 1, batches=self.batch
        )

    def after_stage(self, kept: int) -> Position:
        """Returns the position at the start of the next stage.

        Args:
            kept: Epochs behind the weights that the stage ends with.
        """
        return Position(
            phase=self.phase, stage=self.stage + 1, epochs=self.epochs, kept=(*self.kept, kept)
        )

    def at_refit(self) -> Position:
        """Returns the position at the start of the second phase."""
        return Position(phase="refit", epochs=self.epochs)


@dataclass(frozen=True)
class Selection:
    """What the scores have told so far.

    Args:
        stopping: Early stopping of the running stage.
        best_epoch: Best epoch of the last validated stage that is over.
        test_history: Scores of the test split at every evaluation, with ``train.best_on_test``.
        planned: Epochs of each stage of the refit, once they are known.
        metrics: Scores of the first phase by split, once a refit has begun.
        plateau: Cuts of the learning rate in the running stage.
        cuts: For each stage of the first phase that is over, the epochs after which its learning
            rate was cut, for the refit.
    """

    stopping: EarlyStopping = field(default_factory=EarlyStopping)
    best_epoch: int | None = None
    test_history: tuple[Mapping[str, float], ...] = ()
    planned: tuple[int, ...] = ()
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    plateau: Plateau = field(default_factory=Plateau)
    cuts: tuple[tuple[int, ...], ...] = ()

    def cuts_at(self, position: Position) -> tuple[int, ...]:
        """Returns the cuts of the rate in a stage: those of the first phase, or those so far."""
        if position.phase == "select":
            return self.plateau.cuts
        return self.cuts[position.stage] if position.stage < len(self.cuts) else ()

    def with_cuts(self) -> Selection:
        """Returns the selection with the cuts of the running stage, which is over."""
        return replace(self, cuts=(*self.cuts, self.plateau.cuts))


@dataclass(frozen=True, eq=False)
class FitState:
    """A fit between two optimiser steps: all it takes to go on as if nothing had happened.

    A state that a running fit gives shares memory with it: save it, or compare it, before the
    next step. One that was loaded is a value of its own, on the CPU.

    Args:
        made_from: What the fit is made from, by name; a fit of another making is not continued.
        position: Where it is.
        selection: What the scores have told.
        model: Parameters and buffers.
        optimizer: State of the optimiser of the running stage.
        precision: State of the gradient scaler; empty without one.
        best: Weights that validated best in the running stage, if any did.
        initial: Weights before the first step, if a refit is to start from them.
        sums: Sums of the loss in the running epoch, over all processes.
        generators: ``[world, ...]`` states of the random generators of every process.
        seconds: Wall-clock seconds by phase of the clock; not compared.
        average: Moving averages of the weights, if there are any.
        averaged_steps: Optimiser steps behind them.
    """

    made_from: Mapping[str, Any]
    position: Position
    selection: Selection
    model: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    precision: Mapping[str, Any]
    best: Mapping[str, Tensor] | None
    initial: Mapping[str, Tensor] | None
    sums: LossSums
    generators: Mapping[str, Tensor]
    seconds: Mapping[str, float] = field(compare=False)
    average: Mapping[str, Tensor] | None = None
    averaged_steps: int = 0

    def __eq__(self, other: object) -> bool:
        """Whether two fits would go on with the same bits."""
        if not isinstance(other, FitState):
            return NotImplemented
        (tree, tensors), (other_tree, other_tensors) = map(_compared, (self, other))
        # As text, since a spare number of a generator can be NaN, which equals nothing.
        return json.dumps(tree) == json.dumps(other_tree) and all(
            _same_bits(value, other_tensors[name]) for name, value in tensors.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def save(self, path: Path) -> None:
        """Writes the state to one file, atomically.

        Raises:
            OutputError: If the file cannot be written, for example on a full disk.
        """
        save_checkpoint(path, _plain(self))

    @classmethod
    def load(cls, path: Path) -> FitState:
        """Reads what :meth:`save` wrote.

        Raises:
            FileFormatError: If the file is truncated, altered or no checkpoint.
        """
        values = load_checkpoint(path)
        try:
            selection = dict(values["selection"])
            selection["stopping"] = EarlyStopping(**selection["stopping"])
            selection["plateau"] = Plateau(**selection.get("plateau", {}))
            nested = {
                "position": Position(**values["position"]),
                "selection": Selection(**selection),
                "sums": LossSums(**values["sums"]),
            }
            return cls(**{**values, **nested})
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(
                f"the checkpoint {path} is damaged ({error}); remove it to start from the "
                "beginning."
            ) from error


def _plain(value: Any) -> dict[str, Any]:
    """Returns the fields of a state as nested dicts, without copying a tensor."""
    nested = (Position, Selection, EarlyStopping, Plateau, LossSums)
    values = {setting.name: getattr(value, setting.name) for setting in fields(value)}
    return {
        name: _plain(item) if isinstance(item, nested) else item for name, item in values.items()
    }


def _compared(state: FitState) -> tuple[Any, dict[str, Tensor]]:
    ignored = {setting.name for setting in fields(state) if not setting.compare}
    return pack({name: value for name, value in _plain(state).items() if name not in ignored})


def _same_bits(left: Tensor, right: Tensor) -> bool:
    if (left.dtype, left.shape) != (right.dtype, right.shape):
        return False
    pair = (value.cpu().contiguous().reshape(-1).view(torch.uint8) for value in (left, right))
    return torch.equal(*pair)
