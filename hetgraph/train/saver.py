"""When checkpoints are written."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from hetgraph.train.config import TrainConfig
from hetgraph.train.engine import Engine
from hetgraph.train.state import FitState

__all__ = ["CheckpointSaver"]


class CheckpointSaver:
    """Writes the checkpoint of a run when it is due, by seconds or by batches.

    Args:
        path: The file; ``None`` never writes.
        config: ``checkpoint_seconds`` and ``checkpoint_batches``.
        engine: The processes: they decide together, the main one writes.
    """

    def __init__(self, path: Path | None, config: TrainConfig, engine: Engine) -> None:
        self._path = path
        self._seconds = config.checkpoint_seconds
        self._batches = config.checkpoint_batches
        self._engine = engine
        self._restart()

    def offer(
        self, state: Callable[[], FitState], *, batches: int = 0, interrupted: bool = False
    ) -> None:
        """Writes a checkpoint if one is due.

        Args:
            state: Returns the state of the fit, between two optimiser steps.
            batches: Batches done since the last call.
            interrupted: Whether Ctrl-C was pressed.

        Raises:
            KeyboardInterrupt: If it was, in any process, once the checkpoint is written.
        """
        self._count += batches
        due, interrupted = self._engine.any(self._is_due(), interrupted)
        if (due or interrupted) and self._path is not None:
            current = state()  # Gathers, so every process takes part.
            if self._engine.is_main:
                current.save(self._path)
            self._restart()
        if interrupted:
            raise KeyboardInterrupt

    def _restart(self) -> None:
        self._count = 0
        self._start = time.monotonic()

    def _is_due(self) -> bool:
        if self._batches is not None and self._count >= self._batches:
            return True
        return self._seconds is not None and time.monotonic() - self._start >= self._seconds
