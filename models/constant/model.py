"""Constant: the mean of the training nodes for every node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.methods.baselines import Baseline
from hetgraph.tasks import Task

__all__ = ["Constant", "ConstantConfig"]


@dataclass(frozen=True)
class ConstantConfig:
    """The method has no settings."""


class Constant(Baseline):
    """Predicts the mean of the training nodes for every node.

    Args:
        schema: What the graph is made of.
        spec: The prediction task.
        config: Without settings.
    """

    name: ClassVar[str] = "constant"
    Config: ClassVar[type[Any]] = ConstantConfig
    uses: ClassVar[frozenset[str]] = frozenset()
    citation: ClassVar[str] = "The mean of the training nodes."

    def predictions(self, task: Task, known: Tensor) -> Tensor:
        """Returns the same value for all target nodes, ``[num_target_nodes]``."""
        return torch.full_like(known, float(known[~known.isnan()].mean()))
