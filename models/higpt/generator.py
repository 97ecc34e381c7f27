"""Weights generated from the description of a type."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["FullGenerator", "GeneratorKind", "LowRankGenerator", "make_generator"]

GeneratorKind = Literal["low-rank", "full"]


class FullGenerator(nn.Module):
    """Two multilayer perceptrons: one for the entries of the matrix, one for the bias.

    ``W = reshape(MLP(T))`` with ``Lin(m, m/2) ReLU Lin(m/2, m/2) ReLU Lin(m/2, in * out)``, in the
    default initialisation. At dim 768 the matrix of keys, queries and values alone takes 683
    million parameters.

    Args:
        type_dim: Dim m of the vectors of types.
        in_dim: Rows of the matrix.
        out_dim: Its columns.

    Source: HiGPT (Tang et al., KDD 2024), official implementation, ``ParameterGenerator``.
    """

    def __init__(self, type_dim: int, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.shape = in_dim, out_dim
        self.weight_generator = _perceptron(type_dim, in_dim * out_dim)
        self.bias_generator = _perceptron(type_dim, out_dim)

    def forward(self, types: Tensor) -> tuple[Tensor, Tensor]:
        """Returns matrices ``[n, in_dim, out_dim]`` and biases ``[n, out_dim]``.

        Args:
            types: ``[n, type_dim]``.
        """
        weight: Tensor = self.weight_generator(types).view(len(types), *self.shape)
        bias: Tensor = self.bias_generator(types)
        return weight, bias


class LowRankGenerator(nn.Module):
    """The sum of a matrix that all types share and a low-rank matrix that depends on the type.

    ``W = W_0 + s U(T) V(T)``, ``b = b_0 + B(T)``, with U, V and B linear maps of one hidden layer.
    At initialisation the second term has about half the norm of the first, so that types differ
    from the first step on; the published generator starts with nearly equal matrices.

    Args:
        type_dim: Dim of the vectors of types.
        in_dim: Rows of the matrix.
        out_dim: Its columns.
        rank: Rank of the matrix that depends on the type.
    """

    def __init__(self, type_dim: int, in_dim: int, out_dim: int, rank: int = 16) -> None:
        super().__init__()
        self.shape, self.rank = (in_dim, out_dim), rank
        hidden = max(type_dim // 2, 1)
        self.trunk = nn.Sequential(nn.Linear(type_dim, hidden), nn.ReLU())
        self.left = nn.Linear(hidden, in_dim * rank)
        self.right = nn.Linear(hidden, rank * out_dim)
        self.shift = nn.Linear(hidden, out_dim, bias=False)
        self.weight = nn.Parameter(torch.empty(in_dim, out_dim))
        self.bias = nn.Parameter(torch.zeros(out_dim))
        self._stretch = math.sqrt(type_dim)  # entries of unit vectors become about 1
        self._scale = 8 / math.sqrt(rank * (in_dim + out_dim))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, types: Tensor) -> tuple[Tensor, Tensor]:
        """Returns matrices ``[n, in_dim, out_dim]`` and biases ``[n, out_dim]``."""
        rows, cols = self.shape
        hidden = self.trunk(types * self._stretch)
        left = self.left(hidden).view(-1, rows, self.rank)
        right = self.right(hidden).view(-1, self.rank, cols)
        weight = torch.baddbmm(self.weight.expand(len(types), -1, -1), left, right * self._scale)
        return weight, self.bias + 0.1 * self.shift(hidden)


def make_generator(
    kind: GeneratorKind, type_dim: int, in_dim: int, out_dim: int, rank: int
) -> FullGenerator | LowRankGenerator:
    """Returns a generator of ``in_dim x out_dim`` maps."""
    if kind == "full":
        return FullGenerator(type_dim, in_dim, out_dim)
    return LowRankGenerator(type_dim, in_dim, out_dim, rank)


def _perceptron(type_dim: int, out_dim: int) -> nn.Sequential:
    hidden = type_dim // 2
    return nn.Sequential(
        nn.Linear(type_dim, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, out_dim),
    )
