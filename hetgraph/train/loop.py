"""The one training loop: stages, epochs, batches."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from hetgraph.methods import Method, Stage
from hetgraph.seeds import Seeds
from hetgraph.tasks import Predictions
from hetgraph.tasks.base import SplitName, Task
from hetgraph.train import rng
from hetgraph.train.averaging import WeightAverage
from hetgraph.train.batches import estimated_batches, grouped
from hetgraph.train.callbacks import Callback, Epoch, call_all
from hetgraph.train.config import TrainConfig
from hetgraph.train.early_stopping import EarlyStopping, copy_weights
from hetgraph.train.engine import Engine
from hetgraph.train.evaluate import best_over_epochs, evaluate, evaluate_or_tell
from hetgraph.train.interrupt import DeferredInterrupt
from hetgraph.train.loggers import Logger
from hetgraph.train.optimizer import make_optimizer, set_learning_rate, trained_parameters
from hetgraph.train.plateau import Plateau
from hetgraph.train.progress import Progress
from hetgraph.train.saver import CheckpointSaver
from hetgraph.train.schedule import rate_at
from hetgraph.train.state import FitState, Position, Selection
from hetgraph.train.sums import DivergenceError, LossSums
from hetgraph.train.timing import Clock

__all__ = ["TrainingLoop"]


@dataclass
class TrainingLoop:
    """One phase of a fit with all it works on; :class:`~hetgraph.train.Trainer` makes it.

    :meth:`state` reads everything that changes during training off as one value, and
    ``_put_back`` is the only place where such a value is put back.
    """

    config: TrainConfig
    _: KW_ONLY
    seeds: Seeds
    engine: Engine
    model: Method
    task: Task
    inputs: Any
    made_from: Mapping[str, Any]
    clock: Clock
    progress: Progress
    loggers: Sequence[Logger]
    saver: CheckpointSaver
    callbacks: Sequence[Callback] = ()
    initial: Mapping[str, Tensor] | None = None
    position: Position = field(default_factory=Position)
    selection: Selection = field(default_factory=Selection)
    interrupt: DeferredInterrupt = field(default_factory=DeferredInterrupt)
    not_scored: dict[str, str] = field(init=False, default_factory=dict)
    """Why a split has no metrics, by split."""
    optimizer: Optimizer = field(init=False)
    parameters: list[Tensor] = field(init=False)
    best: Mapping[str, Tensor] | None = field(init=False, default=None)
    average: WeightAverage | None = field(init=False, default=None)
    sums: LossSums = field(init=False, default_factory=LossSums)
    rest: Iterator[Any] | None = field(init=False, default=None)
    """Batches of the running epoch that are not done yet, when it is resumed in its middle."""

    @property
    def refitting(self) -> bool:
        """Whether this is the second phase: without validation, for as long as planned."""
        return self.position.phase == "refit"

    def run(self, saved: FitState | None = None) -> None:
        """Runs the stages that are not over yet and leaves the best weights in the model.

        Args:
            saved: Where to go on; ``None`` starts at the beginning of the phase.
        """
        stages = self.model.stages()
        with self.clock.phase("fit"), self.interrupt:
            if saved is not None:
                self._put_back(saved, stages[saved.position.stage])
                self._run_stage(stages[self.position.stage])
            for stage in islice(stages, self.position.stage, None):
                self._begin_stage()
                self._run_stage(stage)

    def score(
        self, splits: Sequence[SplitName]
    ) -> tuple[dict[str, dict[str, float]], dict[str, Predictions]]:
        """Returns metrics and predictions of each split.

        A split that cannot be scored has no metrics, and :attr:`not_scored` says why. Without any
        training there is nothing to lose, so that the error is raised.
        """
        metrics: dict[str, dict[str, float]] = {}
        predictions: dict[str, Predictions] = {}
        with self.clock.phase("evaluate"):
            for split in splits:
                self.progress.begin(f"score {split}")
                metrics[split], outputs = self._score(split)
                if split == "test" and self.selection.test_history:
                    metrics[split] |= best_over_epochs(self.task, self.selection.test_history)
                if outputs is not None:
                    predictions[split] = outputs
        self.progress.close()
        return metrics, predictions

    def state(self) -> FitState:
        """Returns everything needed to continue; all processes must call it together.

        Raises:
            DivergenceError: If the loss of the epoch is not finite, so that weights that are
                beyond help never replace a good checkpoint.
        """
        self.sums.check(f"before the checkpoint in epoch {self.position.epoch + 1}")
        return FitState(
            made_from=self.made_from,
            position=self.position,
            selection=self.selection,
            model=self.model.state_dict(),
            optimizer=self.optimizer.state_dict(),
            precision=self.engine.precision_state(),
            best=self.best,
            initial=self.initial,
            sums=self.sums.over_processes(self.engine),
            generators=self.engine.gather(rng.capture(self.engine.device)),
            seconds=self.clock.read(),
            average=self.average.values if self.average else None,
            averaged_steps=self.average.steps if self.average else 0,
        )

    def _put_back(self, state: FitState, stage: Stage) -> None:
        """Continues from a state, with the bits that the fit had when it was taken."""
        engine = self.engine
        self.model.load_state_dict(dict(state.model))
        self._begin_stage()
        self.position, self.selection = state.position, state.selection
        self.optimizer.load_state_dict(dict(state.optimizer))
        engine.load_precision_state(dict(state.precision))
        if state.best is not None:
            self.best = {k: v.to(engine.device).clone() for k, v in state.best.items()}
        if self.average is not None:
            self.average.restore(state.average or {}, state.averaged_steps)
        self.sums = state.sums.of_process(engine)
        self.clock.restore(state.seconds)
        if self.position.batch:
            self.rest = self._open_epoch(stage)
            for _ in islice(self.rest, self.position.batch):
                pass  # Done before.
        # Last of all: to open the epoch and pass over its batches may draw numbers.
        own = {name: value[engine.rank] for name, value in state.generators.items()}
        rng.restore(own, engine.device)

    def _begin_stage(self) -> None:
        self.selection = replace(self.selection, stopping=EarlyStopping(), plateau=Plateau())
        self.best = None
        self.average = WeightAverage(self.model, self.config.ema) if self.config.ema else None
        self.parameters = trained_parameters(self.model)
        self.optimizer = make_optimizer(self.model, self.config)

    def _run_stage(self, stage: Stage) -> None:
        config, epochs = self.config, self._num_epochs(stage)
        validated = stage.validate and not self.refitting
        name = f"refit/{stage.name}" if self.refitting else stage.name
        self.progress.begin(name, epochs, self.position.epoch, self._first_batches)
        while self.position.epoch < epochs and not self._is_stopped():
            start = time.perf_counter()
            row: dict[str, Any] = {"stage": name, "epoch": self.position.epoch + 1}
            # Of the first step, also of an epoch that is resumed in its middle.
            row["lr"] = self._learning_rate(stage, replace(self.position, batch=0))
            row["train"] = self._run_epoch(stage)
            done = self.position.epoch
            if validated and (done % config.eval_every == 0 or done == epochs):
                with self.average.applied(self.model) if self.average else nullcontext():
                    row["valid"] = self._validate(stage)
                    if config.best_on_test:
                        self._add_test_scores()
            row["seconds"] = time.perf_counter() - start
            self._report(row)
            self._call_back(stage, row)
            self.saver.offer(self.state, interrupted=self.interrupt.requested)
        self._end_stage(validated)

    def _num_epochs(self, stage: Stage) -> int:
        if self.refitting:
            return self.selection.planned[self.position.stage]
        return self._longest(stage)

    def _longest(self, stage: Stage) -> int:
        """The epochs of a stage that nothing stops early; also in a refit."""
        return self.config.max_epochs if stage.epochs is None else stage.epochs

    @cached_property
    def _first_batches(self) -> int:
        return estimated_batches(self.task, self.config.batch_size)

    def _learning_rate(self, stage: Stage, position: Position) -> float:
        """Returns the rate of the optimiser step that begins at a position."""
        cuts, longest = self.selection.cuts_at(position), self._longest(stage)
        return rate_at(position, self.config, longest, first=self._first_batches, cuts=cuts)

    def _is_stopped(self) -> bool:
        return self.position.stopped or self.selection.stopping.is_exhausted(self.config.patience)

    def _end_stage(self, validated: bool) -> None:
        """Puts the best weights in place and moves on to the next stage."""
        if self.best is not None:
            self.model.load_state_dict(dict(self.best))
        elif self.average is not None:
            self.average.put_into(self.model)
        best_epoch = self.selection.stopping.best_epoch
        if validated:
            self.selection = replace(self.selection, best_epoch=best_epoch)
        if not self.refitting:
            self.selection = self.selection.with_cuts()
        kept = self.position.epoch if best_epoch is None else best_epoch
        self.position = self.position.after_stage(kept)

    def _open_epoch(self, stage: Stage) -> Iterator[Any]:
        position, engine = self.position, self.engine
        batches = self.model.batches(
            self.inputs,
            "train",
            stage=stage,
            batch_size=self.config.batch_size,
            generator=self.seeds.generator("sampling", position.stage, stage.name, position.epoch),
            shard=(engine.rank, engine.world),
        )
        return iter(batches)

    def _run_epoch(self, stage: Stage) -> dict[str, float]:
        batches = self._open_epoch(stage) if self.rest is None else self.rest
        self.rest = None
        self.model.train()
        for group in grouped(batches, self.config.accumulate):
            set_learning_rate(self.optimizer, self._learning_rate(stage, self.position))
            self._step(stage, group)
            self.position = self.position.after_batches(len(group))
            self.progress.batch(self.position.batch)
            interrupted = self.interrupt.requested
            self.saver.offer(self.state, batches=len(group), interrupted=interrupted)
        self.sums.check(_place(stage, self.position.epoch))
        means = self.sums.means(self.engine)
        self.position, self.sums = self.position.after_epoch(), LossSums()
        return means

    def _step(self, stage: Stage, batches: list[Any]) -> None:
        """Makes one optimiser step with the mean gradient over the samples of the batches."""
        engine, config = self.engine, self.config
        single = engine.world == 1 and len(batches) == 1
        weights = 0.0
        self.optimizer.zero_grad(set_to_none=True)
        for batch in batches:
            with engine.autocast():
                loss = self.model.training_step(engine.to_device(batch), stage=stage)
            self.sums = self.sums.add(loss)
            if engine.device.type == "cpu":  # Elsewhere it would wait for the device.
                self.sums.check(_place(stage, self.position.epoch))
            if loss.count:
                weight = 1.0 if single else loss.count / config.batch_size
                engine.backward(loss.total * weight)
                weights += weight
        if not engine.average_gradients(self.parameters, weights):
            return  # No sample anywhere.
        if config.clip_norm is not None:
            engine.clip(self.model, self.optimizer, config.clip_norm)
        engine.step(self.optimizer)
        if self.average is not None:
            self.average.update(self.model)

    def _validate(self, stage: Stage) -> dict[str, float]:
        """Scores the validation split and keeps the weights if they are the best so far."""
        epoch = self.position.epoch
        metrics, _ = self._evaluate("valid")
        value = self.task.monitor_value(metrics, self.config.monitor)
        if math.isnan(value):
            raise DivergenceError(
                f"validation {self.config.monitor!r} is NaN {_place(stage, epoch - 1)}; "
                "lower train.lr or set train.clip_norm."
            )
        stopping = self.selection.stopping.update(value, epoch)
        plateau = self.selection.plateau.update(value, epoch, self.config.tolerated)
        self.selection = replace(self.selection, stopping=stopping, plateau=plateau)
        if stopping.best_epoch == epoch:
            self.best = copy_weights(self.model, into=self.best)
        return metrics

    def _evaluate(self, split: SplitName) -> tuple[dict[str, float], Predictions | None]:
        return evaluate(self.model, self.inputs, self.task, split, self.engine)

    def _score(self, split: SplitName) -> tuple[dict[str, float], Predictions | None]:
        if not self.position.epochs:
            return self._evaluate(split)
        metrics, outputs, problem = evaluate_or_tell(
            self.model, self.inputs, self.task, split, self.engine
        )
        if problem:
            self.not_scored[split] = problem
        return metrics, outputs

    def _add_test_scores(self) -> None:
        history = (*self.selection.test_history, self._evaluate("test")[0])
        self.selection = replace(self.selection, test_history=history)

    def _report(self, row: dict[str, Any]) -> None:
        monitor = self.config.monitor
        note = f"loss {row['train']['loss']:.4f}"
        if "valid" in row and monitor in row["valid"]:
            note += f"  valid {monitor} {row['valid'][monitor]:.4f}"
        self.progress.epoch(self.position.epoch, note)
        for logger in self.loggers:
            logger.log(row, self.position.epochs)

    def _call_back(self, stage: Stage, row: Mapping[str, Any]) -> None:
        """Calls the user's functions; if one asks to stop in any process, all stop."""
        if not self.callbacks:
            return
        valid = row.get("valid")
        best_epoch = self.selection.stopping.best_epoch
        event = Epoch(
            stage=stage.name,
            epoch=self.position.epoch,
            epochs=self.position.epochs,
            lr=row["lr"],
            train=row["train"],
            valid=valid,
            is_best=valid is not None and best_epoch == self.position.epoch,
            model=self.model,
            seconds=row["seconds"],
            refit=self.refitting,
        )
        (stop,) = self.engine.any(call_all(self.callbacks, event, self.engine.device))
        self.position = replace(self.position, stopped=stop)


def _place(stage: Stage, epoch: int) -> str:
    return f"in stage {stage.name!r}, epoch {epoch + 1}"
