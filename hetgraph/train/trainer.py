"""The trainer: one for every method."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from hetgraph.errors import ConfigError, suggest
from hetgraph.methods import Method
from hetgraph.seeds import Seeds
from hetgraph.tasks.base import SPLITS, SplitName, Task
from hetgraph.train import rng
from hetgraph.train.checkpoint import (
    CHECKPOINT,
    CheckpointSaver,
    check_fingerprint,
    load_checkpoint,
)
from hetgraph.train.config import TrainConfig
from hetgraph.train.engine import Engine
from hetgraph.train.fingerprint import fingerprint
from hetgraph.train.loggers import make_loggers
from hetgraph.train.loop import TrainingLoop
from hetgraph.train.memory import PeakMemory
from hetgraph.train.progress import make_progress
from hetgraph.train.result import FitResult
from hetgraph.train.state import FitState
from hetgraph.train.timing import Clock

__all__ = ["Trainer"]


class Trainer:
    """Runs the stages of a model, keeps the weights that validate best, scores the test part once.

    The same seeds give the same weights, also when the run was killed and resumed (bit for bit on
    the CPU with the same number of threads). The caller's random generators are left as they were.

    Args:
        config: How to train.
        seeds: ``sampling`` orders the batches and drops out; the model's ``prepare`` gets all.
        out: Folder for the log and the checkpoint; ``None`` writes nothing.
        progress: Whether to show progress on stderr.
        engine: Device and processes, if they exist already.
        workdir: Folder that the model's ``prepare`` may use.
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
    ) -> None:
        self.config = config or TrainConfig()
        self.seeds = seeds or Seeds()
        self.out = Path(out) if out is not None else None
        self.workdir = workdir
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
        parts: Sequence[SplitName] = SPLITS,
    ) -> FitResult:
        """Trains a model in place, up to its best weights.

        Args:
            model: The model; it is moved to the device.
            task: What to learn and to be scored on.
            resume: Whether to continue from the checkpoint in ``out``, if there is one.
            parts: The parts to score at the end.

        Returns:
            Scores, predictions and costs.

        Raises:
            ConfigError: If the monitor is unknown, or the checkpoint is of another run.
            DivergenceError: If a loss is NaN or infinite.
            FileFormatError: If the checkpoint is damaged.
            KeyboardInterrupt: After Ctrl-C, once a checkpoint is written.
        """
        if self.config.monitor not in task.monitors:
            known = suggest(self.config.monitor, task.monitors)
            raise ConfigError(f"unknown train.monitor {self.config.monitor!r}.{known}")
        engine = self.engine
        made_from = fingerprint(model, task, self.config, self.seeds, engine.world)
        clock = Clock(engine.device)
        seed = self.seeds.key("sampling", "process", engine.rank)
        with (
            PeakMemory(engine.device) as memory,
            rng.isolated(engine.device, seed),
            engine.arithmetic(),
        ):
            loop = self._begin(model, task, clock, made_from, resume)
            rng.seed_all(seed)  # What prepare() drew, or did not because of a cache, is forgotten.
            loop.run()
            metrics, predictions = loop.score(parts)
        return FitResult(
            metrics=metrics,
            predictions=predictions,
            epochs=loop.state.epochs,
            best_epoch=loop.state.best_epoch,
            seconds=clock.seconds,
            peak_memory_bytes=memory.resident_bytes,
            cuda_peak_memory_bytes=memory.cuda_bytes,
            fingerprint=made_from,
        )

    def _begin(
        self, model: Method, task: Task, clock: Clock, made_from: dict[str, Any], resume: bool
    ) -> TrainingLoop:
        """Prepares the inputs, and the state from the checkpoint if there is one."""
        engine = self.engine
        path = self.out / CHECKPOINT if self.out else None
        saved = None
        if resume and path is not None and path.is_file():
            saved = load_checkpoint(path)
            check_fingerprint(saved["fingerprint"], made_from)
        rows = saved["epochs"] if saved is not None else 0
        loggers = make_loggers(self.out, self.config.tensorboard, rows) if engine.is_main else []
        model.to(engine.device)
        engine.share_weights(model)
        progress = make_progress(self._progress_wanted and engine.is_main)
        progress.begin("prepare")
        try:
            with clock.phase("prepare"):
                # Other processes must not write to the folder while the main one does.
                workdir = self.workdir if engine.is_main else None
                inputs = model.prepare(task, seeds=self.seeds, workdir=workdir)
        finally:
            progress.close()
        state = FitState(model, engine, self.config)
        if saved is not None:
            state.load_state_dict(saved)
        return TrainingLoop(
            self.config,
            seeds=self.seeds,
            engine=engine,
            model=model,
            task=task,
            inputs=inputs,
            state=state,
            clock=clock,
            progress=progress,
            loggers=loggers,
            saver=CheckpointSaver(path, self.config, made_from, engine),
        )
