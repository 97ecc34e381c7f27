"""LightGCN as an encoder of the two ends of a relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.data import CSR, HeteroGraph, Schema
from hetgraph.data.entries import is_weighted
from hetgraph.errors import ConfigError
from hetgraph.methods import OPTIMIZER_SPACE, Batch, Encoded, WholeGraphEncoder
from hetgraph.nn import bipartite_propagator, pair_table
from hetgraph.ops import spmm
from hetgraph.seeds import Seeds
from hetgraph.settings import later
from hetgraph.tasks import PairSamples, Task, TaskSpec

__all__ = ["LightGCN", "LightGCNConfig"]


@dataclass(frozen=True)
class LightGCNConfig:
    """Settings of LightGCN.

    Args:
        hidden_dim: Dimension of the vectors.
        num_layers: Steps of propagation; 0 is matrix factorisation.
        all_behaviours: Whether every behaviour is propagated over, all edges alike, or only the
            one to be predicted, as published.
        edge_weights: Whether an edge counts as its weight, if there are weights: ``P`` is then made
            of them, with the sums of their absolute values as degrees.
        l2: Weight of half the squared lengths of the batch's own vectors.

    Raises:
        ConfigError: If a value is out of its range.
    """

    hidden_dim: int = 64
    num_layers: int = 3
    all_behaviours: bool = False
    l2: float = 1e-4
    edge_weights: bool = later(True)

    def __post_init__(self) -> None:
        if self.hidden_dim < 1 or self.num_layers < 0 or self.l2 < 0:
            raise ConfigError(
                "model.hidden_dim must be at least 1, num_layers and l2 must not be negative."
            )


class LightGCN(WholeGraphEncoder):
    """The mean of a node's own vector and its smoothed ones.

    ``E = mean_k P^k E_0`` with the symmetrically normalised user-item graph ``P``.

    Args:
        schema: What the graph is made of.
        spec: ``spec.edge_types`` holds the relation whose ends get vectors.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "lightgcn"
    Config: ClassVar[type[Any]] = LightGCNConfig
    uses: ClassVar[frozenset[str]] = frozenset({"edge_weight"})
    citation: ClassVar[str] = (
        "He, Deng, Wang, Li, Zhang, Wang. LightGCN: Simplifying and Powering Graph Convolution "
        "Network for Recommendation. SIGIR 2020. arXiv:2002.02126"
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        "train.lr": OPTIMIZER_SPACE["train.lr"],  # its l2 takes the place of weight decay
        "hidden_dim": [32, 64, 128],
        "num_layers": [1, 2, 3, 4],
        "l2": {"low": 1e-6, "high": 1e-2, "log": True},
        "all_behaviours": [False, True],
    }

    unfit: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("node-classification", "few-shot", "node-regression", "node-importance"),
        "it learns one vector per end of a relation and reads no features.",
    )
    pair_decoder: str = "dot"

    config: LightGCNConfig

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns edge weights, if the settings ask for them."""
        return cls.uses if config.edge_weights else frozenset()

    def __init__(self, schema: Schema, spec: TaskSpec, config: LightGCNConfig) -> None:
        super().__init__(schema, spec, config)
        keys = spec.edge_types
        if len(keys) != 1 or keys[0].src == keys[0].dst:
            raise ConfigError(
                f"LightGCN needs one relation between two node types, not "
                f"{', '.join(map(str, keys))}; choose another model."
            )
        self.key, self.dim = keys[0], config.hidden_dim
        self.num_users = spec.num_nodes[self.key.src]
        self.table = pair_table(self.num_users, spec.num_nodes[self.key.dst], config.hidden_dim)

    def node_rows(self) -> dict[str, tuple[str, ...]]:
        """Returns whose nodes the rows of the table are: sources, then destinations."""
        return {"table": (self.key.src, self.key.dst)}

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> CSR:
        """Normalises the graph of users and items."""
        ends = (self.key.src, self.key.dst)
        weighted = self.config.edge_weights
        behaviours: list[CSR] = [
            task.graph.relations[key].transpose
            for key in task.graph.edge_types
            if (key.src, key.dst) == ends and (self.config.all_behaviours or key == self.key)
        ]
        union = _union(behaviours, edge_weights=weighted)
        return bipartite_propagator(union, edge_weights=weighted).to(self.device)

    def vectors(self, inputs: CSR) -> dict[str, Tensor]:
        """Returns ``[num_nodes, hidden_dim]``; O(num_layers * entries * hidden_dim)."""
        total: Tensor = self.table
        x: Tensor = self.table
        for _ in range(self.config.num_layers):
            x = spmm(inputs, x)
            total = total + x
        mean = total / (self.config.num_layers + 1)
        return {self.key.src: mean[: self.num_users], self.key.dst: mean[self.num_users :]}

    def losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        """Returns the penalty on the own vectors of the batch's nodes."""
        samples = batch.samples
        if not isinstance(samples, PairSamples) or samples.negatives is None:
            return {}
        start = self.num_users
        users, items, negatives = samples.positions()
        own = torch.cat([self.table[nodes] for nodes in (users, start + items, start + negatives)])
        return {"l2": self.config.l2 * own.square().sum() / (2 * max(samples.count, 1))}


def _union(behaviours: list[CSR], *, edge_weights: bool) -> CSR:
    """All entries of matrices of one shape; the same pair twice counts once, or by its weights."""
    rows = torch.cat([behaviour.row_ids for behaviour in behaviours])
    cols = torch.cat([behaviour.indices.long() for behaviour in behaviours])
    if not edge_weights or not any(is_weighted(behaviour.weight) for behaviour in behaviours):
        return CSR.from_coo(rows, cols, behaviours[0].shape).coalesced("binary")
    weights = [
        torch.ones(behaviour.nnz) if behaviour.weight is None else behaviour.weight.float()
        for behaviour in behaviours
    ]
    return CSR.from_coo(rows, cols, behaviours[0].shape, torch.cat(weights)).coalesced("sum")
