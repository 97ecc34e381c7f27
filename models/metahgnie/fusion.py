"""Combines the predictions of the two channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hetgraph.models.metahgnie.config import MetaHGNIEConfig

__all__ = ["ScoreFusion"]


class ScoreFusion(nn.Module):
    """Combines two predictions per node.

    ``adaptive`` is a weighted mean with a learned weight, ``fixed`` with a constant one;
    ``attention`` computes the weights per node as the softmax of a linear map of both predictions;
    ``gate`` maps each prediction and weights the results by a sigmoid; ``concat`` is a linear map
    of both.

    Args:
        config: ``fusion`` and ``structure_share``.
    """

    def __init__(self, config: MetaHGNIEConfig) -> None:
        super().__init__()
        self.kind = config.fusion
        weight = torch.tensor(config.structure_share)
        if self.kind == "adaptive":
            self.share = nn.Parameter(weight)
        elif self.kind == "fixed":
            self.register_buffer("share", weight)
        elif self.kind == "attention":
            self.weigh = nn.Linear(2, 2)
        elif self.kind == "gate":
            self.gate_structure, self.gate_semantics = nn.Linear(1, 1), nn.Linear(1, 1)
            self.map_structure, self.map_semantics = nn.Linear(1, 1), nn.Linear(1, 1)
        else:
            self.join = nn.Linear(2, 1)

    def forward(self, structure: Tensor, semantics: Tensor) -> Tensor:
        """Returns ``[num_nodes]`` predictions from those of the channels, ``[num_nodes]`` each."""
        if self.kind in ("adaptive", "fixed"):
            weight: Tensor = self.share
            return weight * structure + (1 - weight) * semantics
        both = torch.stack([structure, semantics], dim=1)
        if self.kind == "attention":
            weights: Tensor = self.weigh(both).softmax(1)
            return (weights * both).sum(1)
        if self.kind == "gate":
            mapped = self.map_semantics(both[:, 1:]), self.map_structure(both[:, :1])
            return torch.lerp(*mapped, self._gate(both)).squeeze(1)
        joined: Tensor = self.join(both)
        return joined.squeeze(1)

    def structure_weight(self, structure: Tensor, semantics: Tensor) -> Tensor | None:
        """Returns the ``[num_nodes]`` weights of the structural prediction; ``None`` if none."""
        if self.kind in ("adaptive", "fixed"):
            return self.share.expand(len(structure))
        both = torch.stack([structure, semantics], dim=1)
        if self.kind == "attention":
            weight: Tensor = self.weigh(both).softmax(1)[:, 0]
            return weight
        if self.kind == "gate":
            return self._gate(both).squeeze(1)
        return None

    def _gate(self, both: Tensor) -> Tensor:
        return torch.sigmoid(self.gate_structure(both[:, :1]) + self.gate_semantics(both[:, 1:]))
