"""One prediction from those of the two channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hetgraph.models.metahgnie.config import MetaHGNIEConfig

__all__ = ["ScoreFusion"]


class ScoreFusion(nn.Module):
    """Joins two numbers a node.

    ``adaptive`` and ``fixed`` weigh them by a share, learned or not; ``attention`` by a softmax of
    two maps of both; ``gate`` by a sigmoid, each mapped; ``concat`` maps both to one.

    Args:
        config: ``fusion`` and ``structure_share``.
    """

    def __init__(self, config: MetaHGNIEConfig) -> None:
        super().__init__()
        self.kind = config.fusion
        share = torch.tensor(config.structure_share)
        if self.kind == "adaptive":
            self.share = nn.Parameter(share)
        elif self.kind == "fixed":
            self.register_buffer("share", share)
        elif self.kind == "attention":
            self.weigh = nn.Linear(2, 2)
        elif self.kind == "gate":
            self.gate_structure, self.gate_semantics = nn.Linear(1, 1), nn.Linear(1, 1)
            self.map_structure, self.map_semantics = nn.Linear(1, 1), nn.Linear(1, 1)
        else:
            self.join = nn.Linear(2, 1)

    def forward(self, structure: Tensor, semantics: Tensor) -> Tensor:
        """Returns ``[num_nodes]`` from two of that shape."""
        if self.kind in ("adaptive", "fixed"):
            share: Tensor = self.share
            return share * structure + (1 - share) * semantics
        both = torch.stack([structure, semantics], dim=1)
        if self.kind == "attention":
            weights: Tensor = self.weigh(both).softmax(1)
            return (weights * both).sum(1)
        if self.kind == "gate":
            gate, one = self._gate(both), self.map_structure(both[:, :1])
            return torch.lerp(self.map_semantics(both[:, 1:]), one, gate).squeeze(1)
        joined: Tensor = self.join(both)
        return joined.squeeze(1)

    def structure_share(self, structure: Tensor, semantics: Tensor) -> Tensor | None:
        """Returns the ``[num_nodes]`` weight of the structural prediction, if there is such."""
        if self.kind in ("adaptive", "fixed"):
            return self.share.expand(len(structure))
        both = torch.stack([structure, semantics], dim=1)
        if self.kind == "attention":
            share: Tensor = self.weigh(both).softmax(1)[:, 0]
            return share
        if self.kind == "gate":
            return self._gate(both).squeeze(1)
        return None

    def _gate(self, both: Tensor) -> Tensor:
        return torch.sigmoid(self.gate_structure(both[:, :1]) + self.gate_semantics(both[:, 1:]))
