"""Constant: the mean of the training nodes for every node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.nn import ImportanceFloor
from hetgraph.tasks import Task

__all__ = ["Constant", "ConstantConfig"]


@dataclass(frozen=True)
class ConstantConfig:
    """It has no settings."""


class Constant(ImportanceFloor):
    """Predicts the mean of the training nodes for every node.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: Without settings.
    """

    name: ClassVar[str] = "constant"
    Config: ClassVar[type[Any]] = ConstantConfig
    citation: ClassVar[str] = "The mean of the training nodes."

    def predictions(self, task: Task, known: Tensor) -> Tensor:
        """Returns ``[num_target_nodes]`` times the same number."""
        return torch.full_like(known, float(known[~known.isnan()].mean()))
