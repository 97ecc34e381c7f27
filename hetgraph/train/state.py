"""All that changes while a model is trained: position, optimiser, best weights, sums."""

from __future__ import annotations

import time
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from hetgraph.methods import Method, Stage
from hetgraph.train import rng
from hetgraph.train.config import TrainConfig
from hetgraph.train.early_stopping import BestWeights, EarlyStopping
from hetgraph.train.engine import Engine
from hetgraph.train.optimizer import make_optimizer, trained_parameters
from hetgraph.train.sums import LossSums

__all__ = ["FitState"]


class FitState:
    """A training in progress, which can be saved between any two optimiser steps.

    Attributes:
        stage: Stages that are over.
        epoch: Epochs of the running stage that are over.
        batch: Batches of the running epoch that are over.
        epochs: Epochs that are over, in all stages.
        best_epoch: Best epoch of the last validated stage.
        test_history: Scores of the test part at every evaluation, with ``best_on_test``.
    """

    optimizer: Optimizer

    def __init__(self, model: Method, engine: Engine, config: TrainConfig) -> None:
        self.model = model
        self.stage = self.epoch = self.batch = self.epochs = 0
        self.best_epoch: int | None = None
        self.test_history: list[dict[str, float]] = []
        self.sums = LossSums()
        self._engine = engine
        self._config = config
        self._start = time.perf_counter()
        self._saved: dict[str, Any] | None = None
        self._generators: dict[str, Tensor] | None = None
        self._begin()

    def _begin(self) -> None:
        self.stopper = EarlyStopping(self._config.patience)
        self.best = BestWeights()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of training, in earlier sessions too."""
        return time.perf_counter() - self._start

    def begin_stage(self) -> None:
        """Makes the optimiser of the stage, and continues it if it was loaded."""
        self._begin()
        self.parameters = trained_parameters(self.model)
        self.optimizer = make_optimizer(self.model, self._config)
        saved, self._saved = self._saved, None
        if saved is not None:
            self.optimizer.load_state_dict(saved["optimizer"])
            self._engine.load_precision_state(saved["precision"])
            self.stopper.load_state_dict(saved["stopper"])
            self.sums = LossSums.from_state(saved["sums"], self._engine)
            self._generators = saved["rng"]
            if saved["best"] is not None:
                device = self._engine.device
                best = {name: value.to(device).clone() for name, value in saved["best"].items()}
                self.best.tensors = best

    def restore_generators(self) -> None:
        """Puts the random generators where they were when the loaded state was saved."""
        if self._generators is not None:
            own = {name: value[self._engine.rank] for name, value in self._generators.items()}
            rng.restore(own, self._engine.device)
            self._generators = None

    def end_epoch(self) -> None:
        """Moves the position to the next epoch."""
        self.epoch, self.batch, self.epochs = self.epoch + 1, 0, self.epochs + 1
        self.sums = LossSums()

    def end_stage(self, stage: Stage) -> None:
        """Puts the best weights in place and moves the position to the next stage."""
        self.best.restore(self.model)
        if stage.validate:
            self.best_epoch = self.stopper.best_epoch
        self.stage, self.epoch = self.stage + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """Returns everything needed to continue; all processes must call it together.

        Raises:
            DivergenceError: If the loss of the epoch is not finite, so that weights that are
                beyond help never replace a good checkpoint.
        """
        engine = self._engine
        self.sums.check(f"before the checkpoint in epoch {self.epoch + 1}")
        return {
            "stage": self.stage,
            "epoch": self.epoch,
            "batch": self.batch,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "test_history": self.test_history,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": engine.precision_state(),
            "stopper": self.stopper.state_dict(),
            "best": self.best.tensors,
            "sums": self.sums.state(engine),
            "rng": engine.gather(rng.capture(engine.device)),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from a saved state; the optimiser follows at the start of the stage."""
        for name in ("stage", "epoch", "batch", "epochs", "best_epoch", "test_history"):
            setattr(self, name, state[name])
        self._start -= state["seconds"]
        self.model.load_state_dict(state["model"])
        self._saved = state
