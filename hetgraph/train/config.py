"""Settings of the trainer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hetgraph.errors import ConfigError
from hetgraph.settings import additive, harmless, later

__all__ = ["TrainConfig"]


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained; what it is belongs to its own ``Config``.

    Args:
        optimizer: Update rule.
        lr: Learning rate; with a scheduler or a warm-up the highest one.
        weight_decay: L2 penalty of the optimiser (decoupled for ``"adamw"``).
        momentum: Momentum of ``"sgd"``.
        lr_decay: Factor of the learning rate after each epoch; a scheduler comes on top.
        scheduler: What becomes of the learning rate in a stage. ``"one-cycle"`` rises from
            ``lr / 25`` to ``lr`` in the first 0.3 of the epochs, or in ``warmup``, and then falls
            to almost 0; the momentum stays. ``"cosine"`` falls from ``lr`` to 0 along half a
            cosine. Both are relative to the epochs that the stage may have, ``max_epochs`` or the
            number that the method sets; early stopping ends them wherever they are, so raise
            ``patience`` or set it to null. ``"plateau"`` multiplies the rate by
            ``plateau_factor`` whenever the monitor has not improved for more than
            ``plateau_patience`` epochs; stages without validation keep their rate. A refit
            repeats the rates of the first training. ``None``: ``lr_decay`` alone.
        warmup: Epochs in which the rate rises linearly from near 0 to ``lr``; below 1 a fraction
            of the epochs that the stage may have.
        plateau_factor: Factor of the rate on a plateau.
        plateau_patience: Epochs without a strict improvement that ``"plateau"`` tolerates;
            ``None``: a third of ``patience``, or 10 without one.
        ema: Decay of an exponential moving average of the weights over optimiser steps, such as
            0.99. Averaged weights are validated, kept, scored and saved; the loss and callbacks
            see the trained ones. Early on the decay is smaller: ``(1 + n) / (10 + n)`` after
            ``n`` steps. ``None``: no average.
        max_epochs: Epochs of a stage that sets none of its own.
        patience: Epochs without a strict improvement of the monitor that are tolerated; training
            stops at the first evaluation past them (so 0 stops at the first that does not
            improve). ``None`` never stops early.
        eval_every: Epochs between evaluations on the validation split; the last epoch always is.
        monitor: What selects the weights: ``"loss"`` or a metric of the task on the validation
            split, for node classification also ``"f1_mean"``, the mean of micro and macro F1.
        best_on_test: Whether the test split is scored at every evaluation, too, and the best
            values over epochs are added as ``*_best_epoch``, as some papers report them. They are
            too good by construction; the weights are still selected by the monitor.
        refit: Whether to train once more, from the same initial weights, on training and
            validation targets, for as many epochs in each stage as the kept weights had, and to
            score the test split with these weights only.
        batch_size: Samples of a batch over all processes.
        accumulate: Batches to an optimiser step.
        clip_norm: Greatest norm of the gradient; ``None`` does not clip.
        precision: Arithmetic of the forward pass; parameters stay float32.
        tf32: Whether CUDA may round the inputs of float32 products to TF32.
        device: ``"auto"`` takes CUDA where there is one, else the CPU.
        devices: Processes on this machine. Under ``torchrun`` its own numbers hold.
        checkpoint_seconds: Seconds between checkpoints; ``None``: no cadence in time.
        checkpoint_batches: Batches between checkpoints; ``None``: no cadence in batches.
        tensorboard: Whether to write TensorBoard files; ``None``: where the package is installed.

    Raises:
        ConfigError: If a value is out of its range.
    """

    optimizer: Literal["adam", "adamw", "adagrad", "sgd"] = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.9
    lr_decay: float = 1.0
    scheduler: Literal["one-cycle", "cosine", "plateau"] | None = later(None)
    warmup: float = later(0.0)
    plateau_factor: float = later(0.5)
    plateau_patience: int | None = later(None)
    ema: float | None = later(None)
    max_epochs: int = 200
    patience: int | None = 30
    eval_every: int = 1
    monitor: str = "loss"
    best_on_test: bool = additive(False)
    refit: bool = later(False)
    batch_size: int = 10_000
    accumulate: int = 1
    clip_norm: float | None = None
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    tf32: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int = 1
    checkpoint_seconds: float | None = harmless(30.0)
    checkpoint_batches: int | None = harmless(None)
    tensorboard: bool | None = harmless(None)

    def __post_init__(self) -> None:
        for name in ("max_epochs", "eval_every", "batch_size", "accumulate", "devices"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        self._check("lr", 0 < self.lr < float("inf"), "a positive number")
        self._check("lr_decay", 0 < self.lr_decay <= 1, "above 0 and at most 1")
        self._check("weight_decay", self.weight_decay >= 0, "0 or more")
        self._check("momentum", 0 <= self.momentum < 1, "at least 0 and below 1")
        self._check("patience", self.patience is None or self.patience >= 0, "0 or more, or null")
        self._check("warmup", 0 <= self.warmup < float("inf"), "0 or more")
        self._check("plateau_factor", 0 < self.plateau_factor < 1, "above 0 and below 1")
        self._check("ema", self.ema is None or 0 < self.ema < 1, "above 0 and below 1, or null")
        self._check_plateau()
        for name in ("clip_norm", "checkpoint_seconds", "checkpoint_batches"):
            value = getattr(self, name)
            self._check(name, value is None or value > 0, "positive, or null")
        if self.refit and self.best_on_test:
            raise ConfigError(
                "train.refit scores the test split once, train.best_on_test after every epoch; "
                "set one of them to false."
            )

    @property
    def tolerated(self) -> int:
        """Returns the epochs without an improvement after which ``"plateau"`` lowers the rate."""
        if self.plateau_patience is not None:
            return self.plateau_patience
        return 10 if self.patience is None else self.patience // 3

    def _check_plateau(self) -> None:
        given = self.plateau_patience
        self._check("plateau_patience", given is None or given >= 0, "0 or more, or null")
        if self.scheduler != "plateau" and (given is not None or self.plateau_factor != 0.5):
            name = "plateau_factor" if given is None else "plateau_patience"
            raise ConfigError(
                f"train.{name} needs train.scheduler=plateau; set it or leave it out."
            )
        if given is not None and self.patience is not None and given >= self.patience:
            raise ConfigError(
                f"train.plateau_patience is {given}, but training stops after "
                f"train.patience={self.patience} epochs without an improvement; lower the first "
                "or raise the other."
            )

    def _check(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            raise ConfigError(f"train.{name} is {getattr(self, name)}, expected {expected}.")
