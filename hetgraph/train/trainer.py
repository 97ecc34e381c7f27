"""The trainer: one for every method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from hetgraph.errors import ConfigError, suggest
from hetgraph.methods import Method
from hetgraph.seeds import Seeds
from hetgraph.tasks import Predictions
from hetgraph.tasks.base import SPLITS, SplitName, Task
from hetgraph.train import rng
from hetgraph.train.callbacks import Callback
from hetgraph.train.checkpoint import CHECKPOINT
from hetgraph.train.config import TrainConfig
from hetgraph.train.early_stopping import copy_weights
from hetgraph.train.engine import Engine
from hetgraph.train.loggers import Logger, make_loggers
from hetgraph.train.loop import TrainingLoop
from hetgraph.train.made_from import check_same, made_from
from hetgraph.train.memory import PeakMemory
from hetgraph.train.progress import Progress, make_progress
from hetgraph.train.result import FitResult
from hetgraph.train.saver import CheckpointSaver
from hetgraph.train.state import FitState, Position, Selection
from hetgraph.train.timing import Clock

__all__ = ["Trainer"]


class Trainer:
    """Runs the stages of a model, keeps the weights that validate best, scores test once.

    The same seeds give the same weights, also when the run was killed and resumed (bit for bit on
    the CPU with the same number of threads). The caller's random generators are left as they were.

    Args:
        config: How to train.
        seeds: ``sampling`` orders the batches and drops out; the model's ``prepare`` gets all.
        out: Folder for the log and the checkpoint; ``None`` writes nothing.
        progress: Whether to show progress on stderr.
        engine: Device and processes, if they exist already.
        workdir: Folder that the model's ``prepare`` may use.
        callbacks: Functions that are called after each epoch, see
            :class:`~hetgraph.train.Epoch`.

    Example:
        >>> import hetgraph
        >>> from hetgraph.registry import models
        >>> task = hetgraph.make_task(hetgraph.load_dataset("synthetic/academic", num_nodes=200))
        >>> cls = models.get("mlp")
        >>> config = hetgraph.TrainConfig(max_epochs=2, device="cpu")
        >>> losses = []
        >>> trainer = Trainer(
        ...     config, progress=False, callbacks=[lambda epoch: losses.append(epoch.train["loss"])]
        ... )
        >>> result = trainer.fit(cls.for_task(task, cls.Config()), task)
        >>> result.epochs, len(losses), sorted(result.metrics)
        (2, 2, ['test', 'train', 'valid'])
    """

    def __init__(
        self,
        config: TrainConfig | None = None,
        *,
        seeds: Seeds | None = None,
        out: Path | None = None,
        progress: bool = True,
        engine: Engine | None = None,
        workdir: Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.config = config or TrainConfig()
        self.seeds = seeds or Seeds()
        self.out = Path(out) if out is not None else None
        self.workdir = workdir
        self.callbacks = tuple(callbacks)
        self._progress_wanted = progress
        self._given_engine = engine

    @cached_property
    def engine(self) -> Engine:
        """Device and processes, made when first needed."""
        return self._given_engine or Engine(self.config)

    def fit(
        self,
        model: Method,
        task: Task,
        *,
        resume: bool = False,
        splits: Sequence[SplitName] = SPLITS,
        names: Mapping[str, Any] | None = None,
    ) -> FitResult:
        """Trains a model in place, up to its best weights.

        Args:
            model: The model; it is moved to the device.
            task: What to learn and to be scored on.
            resume: Whether to continue from the checkpoint in ``out``, if there is one.
            splits: The splits to score at the end. Without ``"test"`` there is no refit.
            names: Further plain values by name that a checkpoint must agree in to be continued,
                such as the name of the data set. Settings, seeds, graph and targets are compared
                in any case.

        Returns:
            Scores, predictions and costs.

        Raises:
            ConfigError: If the monitor is unknown, or the checkpoint is of another run.
            DivergenceError: If a loss is NaN or infinite.
            FileFormatError: If the checkpoint is damaged.
            KeyboardInterrupt: After Ctrl-C or TERM, once a checkpoint is written.
        """
        if self.config.monitor not in task.monitors:
            known = suggest(self.config.monitor, task.monitors)
            raise ConfigError(f"unknown train.monitor {self.config.monitor!r}.{known}")
        refit_task = task.refit_view() if self.config.refit and "test" in splits else None
        engine = self.engine
        made = made_from(model, task, self.config, self.seeds, engine.world)
        made = {**(names or {}), **made, **({"a refit": True} if refit_task else {})}
        with (
            PeakMemory(engine.device) as memory,
            rng.isolated(engine.device, self._seed),
            engine.arithmetic(),
        ):
            fit = self._begin(model, made, resume)
            try:
                outcome = fit.run(task, refit_task, splits)
            finally:
                fit.close()
        return FitResult(
            **outcome,
            seconds=fit.clock.seconds,
            peak_memory_bytes=memory.resident_bytes,
            cuda_peak_memory_bytes=memory.cuda_bytes,
        )

    @property
    def _seed(self) -> int:
        return self.seeds.key("sampling", "process", self.engine.rank)

    def _begin(self, model: Method, made: Mapping[str, Any], resume: bool) -> _Fit:
        """Reads the checkpoint if there is one, and opens what the fit writes to."""
        engine = self.engine
        path = self.out / CHECKPOINT if self.out else None
        saved = None
        if resume and path is not None and path.is_file():
            saved = FitState.load(path)
            check_same(saved.made_from, made)
        rows = saved.position.epochs if saved is not None else 0
        loggers = make_loggers(self.out, self.config.tensorboard, rows) if engine.is_main else []
        model.to(engine.device)
        engine.share_weights(model)
        return _Fit(
            self,
            model=model,
            made=made,
            saved=saved,
            seed=self._seed,
            clock=Clock(engine.device),
            progress=make_progress(self._progress_wanted and engine.is_main),
            loggers=loggers,
            saver=CheckpointSaver(path, self.config, engine),
        )


@dataclass
class _Fit:
    """One call of :meth:`Trainer.fit`: one phase, or two with a refit."""

    trainer: Trainer
    _: KW_ONLY
    model: Method
    made: Mapping[str, Any]
    saved: FitState | None
    seed: int
    clock: Clock
    progress: Progress
    loggers: Sequence[Logger]
    saver: CheckpointSaver
    initial: Mapping[str, Tensor] | None = None

    def run(
        self, task: Task, refit_task: Task | None, splits: Sequence[SplitName]
    ) -> dict[str, Any]:
        """Trains and returns what a :class:`FitResult` holds, apart from the costs."""
        if refit_task is None:
            loop = self._train(task)
            metrics, predictions = loop.score(splits)
            return _outcome(loop, metrics, predictions)
        self.initial = self.saved.initial if self.saved is not None else copy_weights(self.model)
        position, selection = self._select(task, [split for split in splits if split != "test"])
        self.model.load_state_dict(dict(self.initial or {}))
        loop = self._train(refit_task, position, selection)
        scores, predictions = loop.score(("test",))
        names = (stage.name for stage in self.model.stages())
        epochs = dict(zip(names, loop.position.kept, strict=True))
        outcome = _outcome(loop, {**loop.selection.metrics, **scores}, predictions)
        return {**outcome, "refit_epochs": epochs}

    def close(self) -> None:
        """Ends bars and logs."""
        self.progress.close()
        for logger in self.loggers:
            logger.close()

    def _select(self, task: Task, splits: Sequence[SplitName]) -> tuple[Position, Selection]:
        """Finds the number of epochs; returns where the refit begins, and with what."""
        if self.saved is not None and self.saved.position.phase == "refit":
            return self.saved.position, self.saved.selection
        loop = self._train(task)
        metrics, _ = loop.score(splits)
        planned = loop.position.kept
        selection = replace(loop.selection, planned=planned, metrics=metrics)
        return loop.position.at_refit(), selection

    def _train(
        self,
        task: Task,
        position: Position | None = None,
        selection: Selection | None = None,
    ) -> TrainingLoop:
        """Prepares the inputs and runs a phase, from the checkpoint if there is one of it."""
        trainer, position = self.trainer, position or Position()
        rng.seed_all(self.seed)
        loop = TrainingLoop(
            trainer.config,
            seeds=trainer.seeds,
            engine=trainer.engine,
            model=self.model,
            task=task,
            inputs=self._prepare(task, position),
            made_from=self.made,
            clock=self.clock,
            progress=self.progress,
            loggers=self.loggers,
            saver=self.saver,
            callbacks=trainer.callbacks,
            initial=self.initial,
            position=position,
            selection=selection or Selection(),
        )
        rng.seed_all(self.seed)  # What prepare() drew, or did not because of a cache, is forgotten.
        saved, self.saved = self.saved, None
        try:
            loop.run(saved)
        finally:
            self.progress.close()
        return loop

    def _prepare(self, task: Task, position: Position) -> Any:
        # Other processes must not write to the folder while the main one does; what was kept for
        # the first phase was made without the labels of the second.
        workdir = self.trainer.workdir if self.trainer.engine.is_main else None
        if workdir is not None and position.phase == "refit":
            workdir = workdir / "refit"
        self.progress.begin("prepare")
        try:
            with self.clock.phase("prepare"):
                return self.model.prepare(task, seeds=self.trainer.seeds, workdir=workdir)
        finally:
            self.progress.close()


def _outcome(
    loop: TrainingLoop,
    metrics: Mapping[str, Mapping[str, float]],
    predictions: Mapping[str, Predictions],
) -> dict[str, Any]:
    return {
        "metrics": {split: dict(scores) for split, scores in metrics.items()},
        "predictions": dict(predictions),
        "epochs": loop.position.epochs,
        "best_epoch": loop.selection.best_epoch,
        "not_scored": loop.not_scored,
    }
