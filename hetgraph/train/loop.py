"""The one training loop: stages, epochs, batches."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from itertools import islice
from typing import Any

from torch import Tensor

from hetgraph.methods import Method, Stage
from hetgraph.seeds import Seeds
from hetgraph.tasks.base import SplitName, Task
from hetgraph.train.batching import grouped
from hetgraph.train.checkpoint import CheckpointSaver
from hetgraph.train.config import TrainConfig
from hetgraph.train.engine import Engine
from hetgraph.train.evaluate import evaluate
from hetgraph.train.interrupt import DeferredInterrupt
from hetgraph.train.loggers import Logger
from hetgraph.train.optimizer import set_learning_rate
from hetgraph.train.progress import Progress
from hetgraph.train.state import FitState
from hetgraph.train.sums import DivergenceError
from hetgraph.train.timing import Clock

__all__ = ["TrainingLoop"]


@dataclass
class TrainingLoop:
    """One training with all it works on; :class:`~hetgraph.train.Trainer` puts it together."""

    config: TrainConfig
    _: KW_ONLY
    seeds: Seeds
    engine: Engine
    model: Method
    task: Task
    inputs: Any
    state: FitState
    clock: Clock
    progress: Progress
    loggers: list[Logger]
    saver: CheckpointSaver
    interrupt: DeferredInterrupt = field(default_factory=DeferredInterrupt)

    def run(self) -> None:
        """Runs the stages that are not over yet and leaves the best weights in the model."""
        self.clock.add("fit", self.state.seconds)  # Of the sessions before a resume.
        try:
            with self.clock.phase("fit"), self.interrupt:
                for stage in islice(self.model.stages(), self.state.stage, None):
                    self._run_stage(stage)
        finally:
            self.progress.close()
            for logger in self.loggers:
                logger.close()

    def score(
        self, parts: Sequence[SplitName]
    ) -> tuple[dict[str, dict[str, float]], dict[str, Tensor]]:
        """Returns metrics and predictions of each part."""
        metrics: dict[str, dict[str, float]] = {}
        predictions: dict[str, Tensor] = {}
        with self.clock.phase("evaluate"):
            for split in parts:
                metrics[split], logits = self._evaluate(split)
                if split == "test" and self.state.test_history:
                    metrics[split] |= self._best_over_epochs()
                if logits is not None:
                    predictions[split] = logits
        return metrics, predictions

    def _run_stage(self, stage: Stage) -> None:
        state, every = self.state, self.config.eval_every
        epochs = self.config.max_epochs if stage.epochs is None else stage.epochs
        state.begin_stage()
        self.progress.begin(stage.name, epochs, state.epoch)
        while state.epoch < epochs and not state.stopper.should_stop:
            start = time.perf_counter()
            row: dict[str, Any] = {"stage": stage.name, "epoch": state.epoch + 1}
            row["lr"] = set_learning_rate(state.optimizer, self.config, state.epoch)
            row["train"] = self._run_epoch(stage)
            if stage.validate and (state.epoch % every == 0 or state.epoch == epochs):
                row["valid"] = self._validate(stage)
                if self.config.best_on_test:
                    state.test_history.append(self._evaluate("test")[0])
            row["seconds"] = time.perf_counter() - start
            self._report(row)
            self.saver.offer(state, interrupted=self.interrupt.requested)
        state.end_stage(stage)

    def _run_epoch(self, stage: Stage) -> dict[str, float]:
        state, engine = self.state, self.engine
        batches = self.model.batches(
            self.inputs,
            "train",
            stage=stage,
            batch_size=self.config.batch_size,
            generator=self.seeds.generator("sampling", state.stage, stage.name, state.epoch),
            shard=(engine.rank, engine.world),
        )
        batches = iter(batches)
        for _ in islice(batches, state.batch):
            pass  # Done before a resume.
        state.restore_generators()
        self.model.train()
        for group in grouped(batches, self.config.accumulate):
            self._step(stage, group)
            state.batch += len(group)
            self.progress.batch(state.batch)
            self.saver.offer(state, batches=len(group), interrupted=self.interrupt.requested)
        state.sums.check(_place(stage, state.epoch))
        means = state.sums.means(engine)
        state.end_epoch()
        return means

    def _step(self, stage: Stage, batches: list[Any]) -> None:
        """Makes one optimiser step with the mean gradient over the samples of the batches."""
        state, engine = self.state, self.engine
        single = engine.world == 1 and len(batches) == 1
        weights = 0.0
        state.optimizer.zero_grad(set_to_none=True)
        for batch in batches:
            with engine.autocast():
                loss = self.model.training_step(engine.to_device(batch), stage=stage)
            state.sums.add(loss)
            if engine.device.type == "cpu":  # Elsewhere it would wait for the device.
                state.sums.check(_place(stage, state.epoch))
            if loss.count:
                weight = 1.0 if single else loss.count / self.config.batch_size
                engine.backward(loss.total * weight)
                weights += weight
        if not engine.average_gradients(state.parameters, weights):
            return  # No sample anywhere.
        if self.config.clip_norm is not None:
            engine.clip(self.model, state.optimizer, self.config.clip_norm)
        engine.step(state.optimizer)

    def _validate(self, stage: Stage) -> dict[str, float]:
        """Scores the validation part and keeps the weights if they are the best so far."""
        state = self.state
        metrics, _ = self._evaluate("valid")
        value = self.task.monitor_value(metrics, self.config.monitor)
        if math.isnan(value):
            raise DivergenceError(
                f"validation {self.config.monitor!r} is NaN {_place(stage, state.epoch - 1)}; "
                "lower train.lr or set train.clip_norm."
            )
        if state.stopper.update(value, state.epoch):
            state.best.keep(self.model)
        return metrics

    def _evaluate(self, split: SplitName) -> tuple[dict[str, float], Tensor | None]:
        return evaluate(self.model, self.inputs, self.task, split, self.engine)

    def _best_over_epochs(self) -> dict[str, float]:
        best = self.task.best_over_epochs(self.state.test_history)
        return {f"{name}_best_epoch": value for name, value in best.items()}

    def _report(self, row: dict[str, Any]) -> None:
        monitor = self.config.monitor
        note = f"loss {row['train']['loss']:.4f}"
        if "valid" in row and monitor in row["valid"]:
            note += f"  valid {monitor} {row['valid'][monitor]:.4f}"
        self.progress.epoch(self.state.epoch, note)
        for logger in self.loggers:
            logger.log(row, self.state.epochs)


def _place(stage: Stage, epoch: int) -> str:
    return f"in stage {stage.name!r}, epoch {epoch + 1}"
