"""The network: filters over iterations, one network per group, a merge."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from hetgraph.models.rphgnn.config import Merge
from hetgraph.models.rphgnn.dropout_filter import HalfBuffers, dropout_filter
from hetgraph.nn.dropout import Dropout

__all__ = ["IterationFilter", "Network", "mlp"]


class IterationFilter(nn.Module):
    """Weighs the iterations of a group: ``Y[b, f] = sum_k W[f, k] Z[b, k] + c[f]``.

    Args:
        slots: Number of iterations K of the group.
        filters: Number of filters F; a group with one slot gets one filter.
        dropout: Dropout on the input.
        buffers: Memory that the filters of a network share between steps.
    """

    def __init__(
        self,
        slots: int,
        filters: int,
        dropout: float = 0.0,
        *,
        buffers: HalfBuffers | None = None,
    ) -> None:
        super().__init__()
        self._memory = buffers
        self.filters = 1 if slots == 1 else filters
        self.dropout = dropout
        self.weight = nn.Parameter(torch.empty(self.filters, slots))
        self.bias = nn.Parameter(torch.empty(self.filters))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-normal weights, zero bias."""
        nn.init.xavier_normal_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, slab: Tensor, rows: Tensor | None = None) -> Tensor:
        """Returns ``[batch, filters * dim]``, all columns of the first filter first.

        Args:
            slab: ``[num_rows, slots, dim]`` stored tensor of the group.
            rows: ``[batch]`` rows of the batch, ``None`` for all.
        """
        dropout = self.dropout if self.training else 0.0
        filtered = dropout_filter(
            slab, rows, self.weight, self.bias, dropout=dropout, buffers=self._memory
        )
        return filtered.flatten(1)


def mlp(dims: Sequence[int], dropout: float, *, plain_last: bool) -> nn.Sequential:
    """Returns Linear -> PReLU -> Dropout layers; the last one is a plain Linear if asked for."""
    layers: list[nn.Module] = []
    for i, (before, after) in enumerate(pairwise(dims)):
        linear = nn.Linear(before, after)
        nn.init.xavier_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers.append(linear)
        if not (plain_last and i + 2 == len(dims)):
            layers += [nn.PReLU(), Dropout(dropout)]
    return nn.Sequential(*layers)


class Network(nn.Module):
    """Maps the prepared tensors of a batch of nodes to vectors.

    Args:
        shapes: ``(slots, dim)`` of each group.
        hidden_dim: Dimension of all hidden layers.
        num_filters: Filters of a group with more than one slot.
        group_layers: Layers of each group's network.
        merge: Concatenation or mean of the groups.
        input_dropout: Dropout on the prepared tensors, elementwise.
        dropout: Dropout behind hidden layers.
    """

    def __init__(
        self,
        shapes: Sequence[tuple[int, int]],
        *,
        hidden_dim: int,
        num_filters: int = 2,
        group_layers: int = 2,
        merge: Merge = "concat",
        input_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.merge = merge
        buffers = HalfBuffers()
        self.filters = nn.ModuleList(
            IterationFilter(slots, num_filters, input_dropout, buffers=buffers)
            for slots, _ in shapes
        )
        self.groups = nn.ModuleList()
        for group_filter, (_, dim) in zip(self.filters, shapes, strict=True):
            first = cast(IterationFilter, group_filter).filters * dim
            dims = [first, *[hidden_dim] * group_layers]
            self.groups.append(mlp(dims, dropout, plain_last=False))
        self.merged_dim = hidden_dim * (len(shapes) if merge == "concat" else 1)

    def forward(self, slabs: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        """Returns the merged hidden representation ``[batch, merged_dim]``.

        Args:
            slabs: ``[num_rows, slots, dim]`` of each group.
            rows: ``[batch]`` rows of the batch, ``None`` for all.
        """
        hidden = [
            group(group_filter(slab, rows))
            for group_filter, group, slab in zip(self.filters, self.groups, slabs, strict=True)
        ]
        if self.merge == "mean":
            return torch.stack(hidden).mean(dim=0)
        return torch.cat(hidden, dim=1)
