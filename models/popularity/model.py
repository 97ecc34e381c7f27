"""Popularity: items ranked by their number of users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.methods import PairPredictions, Untrained
from hetgraph.nn import Dot
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task

__all__ = ["Popularity", "PopularityConfig", "PopularityInputs"]


@dataclass(frozen=True)
class PopularityConfig:
    """Settings of the popularity ranking.

    Args:
        all_behaviours: Whether all behaviours count, or only the one to predict.
    """

    all_behaviours: bool = False


@dataclass(eq=False)
class PopularityInputs:
    """Number of users per item, and the users of each split.

    Args:
        counts: ``[num_items]``.
        rows: Ids of the users with an item to rank, by split.
    """

    counts: Tensor
    rows: Mapping[str, Tensor]


class Popularity(Untrained):
    """Scores an item by its number of users.

    Args:
        schema: What the graph is made of.
        spec: The prediction task.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "popularity"
    Config: ClassVar[type[Any]] = PopularityConfig
    uses: ClassVar[frozenset[str]] = frozenset()
    citation: ClassVar[str] = "The same ranking, by popularity, for all users."

    families: ClassVar[tuple[str, ...]] = ("recommendation",)
    purpose: ClassVar[str] = "it counts the users of each item."

    config: PopularityConfig

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> PopularityInputs:
        """Counts the users of every item."""
        self.check(task)
        target = self.spec.edge_types[0]
        counts = torch.zeros(self.spec.num_nodes[target.dst])
        for key, relation in task.graph.relations.items():
            same_ends = (key.src, key.dst) == (target.src, target.dst)
            if same_ends and (self.config.all_behaviours or key == target):
                counts += relation.degree
        return PopularityInputs(counts, task.open_splits())

    def predict(self, inputs: PopularityInputs, split: str) -> PairPredictions:
        """Returns vectors whose inner products are the counts: ones for users, counts for items."""
        key = self.spec.edge_types[0]
        ones = torch.ones(self.spec.num_nodes[key.src], 1)
        vectors = {key.src: ones, key.dst: inputs.counts.unsqueeze(1)}
        return PairPredictions(vectors, Dot(), ((key.src, key.dst),))

    def embed(self, inputs: PopularityInputs, split: str) -> Tensor:
        """Returns ``[num_users of the split, 1]`` ones: all users are treated alike."""
        return torch.ones(inputs.rows[split].numel(), 1)
