"""Training: one loop for every method, and what it writes."""

from __future__ import annotations

from hetgraph.train.callbacks import Callback, Epoch, StopTraining
from hetgraph.train.config import TrainConfig
from hetgraph.train.engine import Engine
from hetgraph.train.memory import PeakMemory
from hetgraph.train.result import FitResult
from hetgraph.train.state import FitState
from hetgraph.train.sums import DivergenceError
from hetgraph.train.timing import Clock
from hetgraph.train.trainer import Trainer

__all__ = [
    "Callback",
    "Clock",
    "DivergenceError",
    "Engine",
    "Epoch",
    "FitResult",
    "FitState",
    "PeakMemory",
    "StopTraining",
    "TrainConfig",
    "Trainer",
]
