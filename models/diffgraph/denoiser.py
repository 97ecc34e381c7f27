"""The denoising network, and the autoencoder that it is compared with."""

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

    The frequencies are ``10^(-4 k / n)`` for ``k`` from 0 to ``n - 1``, with ``n = dim // 2``; if
    ``dim`` is odd, the last column is zero.

    Args:
        step: ``[num_rows]`` int64.
        dim: Number of columns.

    Source: Vaswani et al., Attention is all you need, NeurIPS 2017, section 3.5.
    """
    half = dim // 2
    power = torch.arange(half, dtype=torch.float32, device=step.device) / max(half, 1)
    angle = step.to(torch.float32).unsqueeze(1) * torch.exp(-math.log(1e4) * power)
    code = torch.cat([angle.cos(), angle.sin()], dim=1)
    return F.pad(code, (0, 1)) if dim % 2 else code


class Denoiser(nn.Module):
    """Estimates clean vectors from noisy ones and their diffusion step.

    Vectors are scaled to unit length first, so only their direction matters. Rows are independent.

    Args:
        dim: Dim of the vectors.
        hidden_dims: Hidden dims ``h_1 .. h_m``; the layers have dims ``h_m .. h_1 .. h_m``.
        time_dim: Dim of the embedding of a step.
        dropout: Dropout probability of the scaled vectors.
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
        """Returns the ``[num_rows, dim]`` estimates.

        Args:
            x: ``[num_rows, dim]`` noisy vectors.
            step: ``[num_rows]`` int64, counted from 0.
        """
        code = self.time(time_code(step, self.time_dim).to(x.dtype))
        unit = self.dropout(unit_rows(x))
        out: Tensor = self.layers(torch.cat([unit, code], dim=1))
        return out


class Autoencoder(nn.Module):
    """The same layers without a step: values are masked instead of noised, also at inference.

    Args:
        dim: Dim of the vectors.
        hidden_dims: See :class:`Denoiser`.
        kept: Fraction of values that are kept; they are not scaled up.
    """

    def __init__(self, dim: int, hidden_dims: Sequence[int], kept: float = 0.8) -> None:
        super().__init__()
        self.kept = kept
        self.layers = _stack(dim, hidden_dims, dim)
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``[num_rows, dim]``; in evaluation mode the mask is the same in every call."""
        unit = unit_rows(x)
        generator = None if self.training else torch.Generator(x.device).manual_seed(0)
        drawn = torch.rand(unit.shape, generator=generator, device=x.device)
        out: Tensor = self.layers(unit * (drawn < self.kept))
        return out


def _stack(in_dim: int, hidden_dims: Sequence[int], out_dim: int) -> nn.Sequential:
    """Returns layers of dims ``in, h_m, .., h_1, .., h_m, out`` with tanh between them."""
    dims = [in_dim, *reversed(hidden_dims), *hidden_dims[1:], out_dim]
    layers: list[nn.Module] = []
    for before, after in pairwise(dims):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def _initialise(module: nn.Module) -> None:
    """Draws normal weights of variance ``2 / (fan_in + fan_out)`` and biases of std 0.001."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
            nn.init.normal_(layer.bias, std=1e-3)
