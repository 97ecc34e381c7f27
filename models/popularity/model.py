"""Popularity: counts, no parameters, no training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.methods import Stage
from hetgraph.nn import PairInputs, PairwiseModel

__all__ = ["Popularity", "PopularityConfig"]


@dataclass(frozen=True)
class PopularityConfig:
    """Settings of the popularity ranking.

    Args:
        all_behaviours: Whether every behaviour counts, or only the one to be predicted.
    """

    all_behaviours: bool = False


class Popularity(PairwiseModel):
    """Scores an item by the number of users who bought it.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: What is counted.
    """

    name: ClassVar[str] = "popularity"
    Config: ClassVar[type[Any]] = PopularityConfig
    citation: ClassVar[str] = "The most popular items, for everyone the same."

    config: PopularityConfig

    def stages(self) -> tuple[Stage, ...]:
        """Returns none: there is nothing to train."""
        return ()

    def vectors(self, inputs: PairInputs) -> Tensor:
        """Returns ``[num_users + num_items, 1]``: ones, and the counts of the items."""
        counts = torch.zeros(self.num_items, device=inputs.pairs.device)
        for csr in inputs.chosen(self.key, every=self.config.all_behaviours):
            counts += torch.bincount(csr.indices.long(), minlength=self.num_items)
        return torch.cat([torch.ones(self.num_users, device=counts.device), counts]).unsqueeze(1)
