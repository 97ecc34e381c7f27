"""LightGCN: the network and its contract with the trainer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.data import CSR, Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import Loss, Stage
from hetgraph.nn import PairBatch, PairInputs, PairwiseModel, bipartite_propagator, pair_table
from hetgraph.ops import spmm
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["LightGCN", "LightGCNConfig"]


@dataclass(frozen=True)
class LightGCNConfig:
    """Settings of LightGCN.

    Args:
        hidden_dim: Width of the vectors.
        num_layers: Steps of propagation; 0 is matrix factorisation.
        all_behaviours: Whether every behaviour is propagated over, all edges alike, or only the
            one to be predicted, as published.
        l2: Weight of half the squared lengths of the batch's own vectors.

    Raises:
        ConfigError: If a value is out of its range.
    """

    hidden_dim: int = 64
    num_layers: int = 3
    all_behaviours: bool = False
    l2: float = 1e-4

    def __post_init__(self) -> None:
        if self.hidden_dim < 1 or self.num_layers < 0 or self.l2 < 0:
            raise ConfigError(
                "model.hidden_dim must be at least 1, num_layers and l2 must not be negative."
            )


class LightGCN(PairwiseModel):
    """The mean of a node's own vector and its smoothed ones.

    ``E = mean_k P^k E_0`` with the symmetrically normalised user-item graph ``P``.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "lightgcn"
    Config: ClassVar[type[Any]] = LightGCNConfig
    citation: ClassVar[str] = (
        "He, Deng, Wang, Li, Zhang, Wang. LightGCN: Simplifying and Powering Graph Convolution "
        "Network for Recommendation. SIGIR 2020. arXiv:2002.02126"
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        "hidden_dim": [32, 64, 128],
        "num_layers": [1, 2, 3, 4],
        "l2": {"low": 1e-6, "high": 1e-2, "log": True},
        "all_behaviours": [False, True],
    }

    config: LightGCNConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: LightGCNConfig) -> None:
        super().__init__(schema, spec, config)
        self.table = pair_table(self.num_users, self.num_items, config.hidden_dim)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> PairInputs:
        """Normalises the graph of users and items."""
        inputs = super().prepare(task, seeds=seeds, workdir=workdir)
        chosen = inputs.chosen(self.key, every=self.config.all_behaviours)
        inputs.propagators = [bipartite_propagator(_union(chosen))]
        return inputs

    def vectors(self, inputs: PairInputs) -> Tensor:
        """Returns ``[num_users + num_items, hidden_dim]``; O(num_layers * entries * hidden_dim)."""
        total: Tensor = self.table
        x: Tensor = self.table
        for _ in range(self.config.num_layers):
            x = spmm(inputs.propagators[0], x)
            total = total + x
        return total / (self.config.num_layers + 1)

    def training_step(self, batch: PairBatch, *, stage: Stage) -> Loss:
        """Returns the BPR loss and the penalty on the batch's own vectors."""
        own = torch.cat(self.triples(self.table, batch)).square().sum()
        count = batch.users.numel()
        terms = {"bpr": self.bpr(self.vectors(batch.inputs), batch)}
        terms["l2"] = self.config.l2 * own / (2 * max(count, 1))
        return Loss(terms, count)


def _union(behaviours: list[CSR]) -> CSR:
    """All entries of patterns of one shape; the same pair twice counts once."""
    rows = torch.cat([one.row_ids for one in behaviours])
    cols = torch.cat([one.indices.long() for one in behaviours])
    return CSR.from_coo(rows, cols, behaviours[0].shape).coalesced("binary")
