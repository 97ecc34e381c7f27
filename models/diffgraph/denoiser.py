"""The network that takes the noise away, and the autoencoder it is compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.nn import Dropout
from hetgraph.ops import unit_rows

__all__ = ["Autoencoder", "Denoiser", "time_code"]


def time_code(step: Tensor, dim: int) -> Tensor:
    """Returns ``[num_rows, dim]`` cosines, then sines, of the step at falling frequencies.

    The frequencies are ``10^(-4 k / n)`` for ``k`` below ``n``, the half of ``dim``; an odd width
    ends with a zero.

    Args:
        step: ``[num_rows]`` int64.
        dim: Width.
    """
    half = dim // 2
    power = torch.arange(half, dtype=torch.float32, device=step.device) / max(half, 1)
    angle = step.to(torch.float32).unsqueeze(1) * torch.exp(-math.log(1e4) * power)
    code = torch.cat([angle.cos(), angle.sin()], dim=1)
    return F.pad(code, (0, 1)) if dim % 2 else code


class Denoiser(nn.Module):
    """Estimates clean vectors from noisy ones and the number of noisy steps.

    Vectors are scaled to length one first, so only their direction counts. Every row is on its own.

    Args:
        dim: Width of the vectors.
        hidden_dims: Widths ``h_1 .. h_m``: the layers go through ``h_m .. h_1`` and back.
        time_dim: Width of the code of a step.
        dropout: Share of the scaled vectors' values that are dropped.
    """

    def __init__(
        self, dim: int, hidden_dims: Sequence[int], time_dim: int = 8, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.time_dim = time_dim
        self.time = nn.Linear(time_dim, time_dim)
        self.dropout = Dropout(dropout)
        self.layers = _stack(dim + time_dim, hidden_dims, dim)
        _initialise(self)

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        """Returns ``[num_rows, dim]``.

        Args:
            x: ``[num_rows, dim]``.
            step: ``[num_rows]`` int64 from 0.
        """
        code = self.time(time_code(step, self.time_dim).to(x.dtype))
        unit = self.dropout(unit_rows(x))
        out: Tensor = self.layers(torch.cat([unit, code], dim=1))
        return out


class Autoencoder(nn.Module):
    """The same layers without a step: values are masked instead of noised, also in evaluation.

    Args:
        dim: Width of the vectors.
        hidden_dims: As for :class:`Denoiser`.
        kept: Share of values that are kept; they are not scaled up.
    """

    def __init__(self, dim: int, hidden_dims: Sequence[int], kept: float = 0.8) -> None:
        super().__init__()
        self.kept = kept
        self.layers = _stack(dim, hidden_dims, dim)
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``[num_rows, dim]``; in evaluation the mask is the same at every call."""
        unit = unit_rows(x)
        generator = None if self.training else torch.Generator(x.device).manual_seed(0)
        drawn = torch.rand(unit.shape, generator=generator, device=x.device)
        out: Tensor = self.layers(unit * (drawn < self.kept))
        return out


def _stack(in_dim: int, hidden_dims: Sequence[int], out_dim: int) -> nn.Sequential:
    """``in, h_m, .., h_1, .., h_m, out`` with tanh between the layers."""
    widths = [in_dim, *reversed(hidden_dims), *hidden_dims[1:], out_dim]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def _initialise(module: nn.Module) -> None:
    """Normal weights of variance ``2 / (fan_in + fan_out)``, biases of deviation 0.001."""
    for one in module.modules():
        if isinstance(one, nn.Linear):
            nn.init.xavier_normal_(one.weight)
            nn.init.normal_(one.bias, std=1e-3)
