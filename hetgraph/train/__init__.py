"""Training: one loop for every method, and what it writes."""

from __future__ import annotations

from hetgraph.train.batching import row_batches
from hetgraph.train.config import TrainConfig
from hetgraph.train.engine import Engine
from hetgraph.train.memory import PeakMemory
from hetgraph.train.result import FitResult
from hetgraph.train.sums import DivergenceError
from hetgraph.train.timing import Clock
from hetgraph.train.trainer import Trainer

__all__ = [
    "Clock",
    "DivergenceError",
    "Engine",
    "FitResult",
    "PeakMemory",
    "TrainConfig",
    "Trainer",
    "row_batches",
]
