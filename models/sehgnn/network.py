"""The network on prepared means: a projection per meta-path, attention over them, a classifier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.models.sehgnn.config import SeHGNNConfig
from hetgraph.nn import Dropout
from hetgraph.nn.features import Features, TypeEncoder

__all__ = ["BatchNorm", "Fusion", "GroupedLinear", "Network", "calibrate", "task_network"]

_GAIN = math.sqrt(2.0)


class GroupedLinear(nn.Module):
    """An affine map of its own for each group.

    Args:
        num_groups: Number of groups.
        in_dim: Dimension of the input.
        out_dim: Dimension of the result.
    """

    def __init__(self, num_groups: int, in_dim: int, out_dim: int) -> None:
        super().__init__()
        bound = _GAIN * math.sqrt(6.0 / (in_dim + out_dim))  # Xavier, for each group
        self.weight = nn.Parameter(torch.empty(num_groups, in_dim, out_dim).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(num_groups, 1, out_dim))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[batch, num_groups, in_dim]`` to ``[batch, num_groups, out_dim]``."""
        return torch.baddbmm(self.bias, x.transpose(0, 1), self.weight).transpose(0, 1)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation without learned scale, evaluated by the statistics of the last batch.

    :func:`calibrate` chooses that batch. In training, less than two rows are normalised as
    in evaluation, and change nothing.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim, affine=False, momentum=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``[batch, dim]``."""
        if self.training and x.shape[0] > 1:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, eps=self.eps)


class Fusion(nn.Module):
    """Self-attention over the meta-paths of a node, added to its input by a learned factor.

    Args:
        dim: Dimension of the representations.
        num_heads: Number of heads.
        scale: Initial value of the factor.
        dropout: Fraction of the weights that are dropped.
    """

    def __init__(self, dim: int, num_heads: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(dim, dim // 4)
        self.key = nn.Linear(dim, dim // 4, bias=False)  # its bias would not change the softmax
        self.value = nn.Linear(dim, dim)
        for linear in (self.query, self.key, self.value):
            _init(linear)
        self.scale = nn.Parameter(torch.tensor([scale]))
        self.dropout = Dropout(dropout)

    def weights(self, x: Tensor) -> Tensor:
        """Returns ``[batch, num_heads, num_paths, num_paths]``: rows attend to columns."""
        query, key = self._by_head(self.query(x)), self._by_head(self.key(x))
        scores: Tensor = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
        return scores.softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[batch, num_paths, dim]`` to the same shape."""
        mixed: Tensor = self.dropout(self.weights(x)) @ self._by_head(self.value(x))
        return x + self.scale * mixed.transpose(1, 2).flatten(2)

    def _by_head(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.num_heads, x.shape[2] // self.num_heads).transpose(1, 2)


class Network(nn.Module):
    """Maps the channels of a batch of nodes to vectors.

    Args:
        dims: Dimension of each channel; the first is the target's own features.
        config: The hyper-parameters.
    """

    def __init__(self, dims: Sequence[int], config: SeHGNNConfig) -> None:
        super().__init__()
        hidden, count = config.hidden_dim, len(dims)
        self.embeddings = nn.ModuleList(
            TypeEncoder(dim, config.embed_dim, bias=False) for dim in dims
        )
        self.input_dropout = Dropout(config.input_dropout)
        layers: list[nn.Module] = []
        for before in [config.embed_dim, *[hidden] * (config.project_layers - 1)]:
            layers += [
                GroupedLinear(count, before, hidden),
                nn.LayerNorm([count, hidden]),  # over all meta-paths of a node together
                nn.PReLU(),
                Dropout(config.dropout),
            ]
        self.project = nn.Sequential(*layers)
        self.fusion = Fusion(
            hidden, config.num_heads, config.fusion_scale, config.attention_dropout
        )
        self.merge = _init(nn.Linear(count * hidden, hidden))
        self.residual = (
            _init(nn.Linear(config.embed_dim, hidden, bias=False)) if config.residual else None
        )
        self.activation = nn.Sequential(nn.PReLU(), Dropout(config.dropout))

    def paths(self, channels: Sequence[Features]) -> tuple[Tensor, Tensor]:
        """Returns ``[batch, num_paths, hidden_dim]`` before the fusion and the embedded target.

        Args:
            channels: ``[batch, dim]`` of each channel, dense or sparse.
        """
        embedded = [
            self.input_dropout(embed(x)) for embed, x in zip(self.embeddings, channels, strict=True)
        ]
        return self.project(torch.stack(embedded, dim=1)), embedded[0]

    def forward(self, channels: Sequence[Features]) -> Tensor:
        """Returns the merged representation ``[batch, hidden_dim]``."""
        projected, own = self.paths(channels)
        merged: Tensor = self.merge(self.fusion(projected).flatten(1))
        if self.residual is not None:
            merged = merged + self.residual(own)
        return cast(Tensor, self.activation(merged))


def task_network(config: SeHGNNConfig, num_outputs: int) -> nn.Sequential:
    """Returns the map from vectors to logits, whose last layer is normalised, too."""
    layers: list[nn.Module] = []
    for _ in range(config.task_layers - 1):
        # No bias: the normalisation takes it out again.
        layers += [_init(nn.Linear(config.hidden_dim, config.hidden_dim, bias=False))]
        layers += [BatchNorm(config.hidden_dim), nn.PReLU(), Dropout(config.dropout)]
    layers += [_init(nn.Linear(config.hidden_dim, num_outputs, bias=False)), BatchNorm(num_outputs)]
    return nn.Sequential(*layers)


@torch.no_grad()
def calibrate(network: nn.Module, x: Tensor) -> None:
    """Takes the statistics that evaluation normalises by from some rows, without dropout.

    Means over training batches would be the statistics of other values: dropout widens them.

    Args:
        network: What :func:`task_network` returned.
        x: ``[num_rows, hidden_dim]``; less than two rows change nothing.
    """
    was_training = network.training
    network.eval()
    for module in network.modules():
        if isinstance(module, BatchNorm):
            module.train()
    network(x)
    network.train(was_training)


def _init(linear: nn.Linear) -> nn.Linear:
    nn.init.xavier_uniform_(linear.weight, gain=_GAIN)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
    return linear
