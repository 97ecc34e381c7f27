"""Random projection squashing: how the messages of a type become its next representation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from hetgraph.models.rphgnn.config import Projection, Squash
from hetgraph.models.rphgnn.workers import run_blocks
from hetgraph.ops import gaussian_matrix, sign_matrix
from hetgraph.seeds import keyed_seed

__all__ = ["Projector", "SquashRule", "normalize_rows_"]

EPSILON = 1e-12
_ROWS = 256


def normalize_rows_(matrix: Tensor) -> Tensor:
    """Divides rows by their L2 norm in place; zero rows stay zero."""
    norm = torch.linalg.vector_norm(matrix, dim=1, keepdim=True)
    return matrix.div_(norm.clamp_(min=EPSILON))


@dataclass(frozen=True)
class SquashRule:
    """The steps of a squash, read off its name.

    Args:
        project: Multiply each message by a random matrix.
        normalize: Normalise the rows of each message (after the projection).
        mean: Divide the sum over the groups by their number.
        normalize_result: Normalise the rows of the result.
    """

    project: bool
    normalize: bool
    mean: bool
    normalize_result: bool

    @classmethod
    def named(cls, name: Squash) -> SquashRule:
        """Returns the rule of one of the names in the configuration."""
        words = name.split("_")
        project = words[0] == "project"
        words = words[1:] if project else words
        reduce = next(word for word in words if word in ("sum", "mean"))
        return cls(
            project=project,
            normalize=words[0] == "norm",
            mean=reduce == "mean",
            normalize_result=words[-1] == "norm" and len(words) > 1,
        )

    def add_(self, total: Tensor, message: Tensor) -> None:
        """Adds rows of one message to the running sum, in one pass with their normalisation."""
        if not self.normalize:
            total.add_(message)
            return
        norm = torch.linalg.vector_norm(message, dim=1, keepdim=True)
        total.addcmul_(message, norm.clamp_(min=EPSILON).reciprocal_())

    def finish_(self, total: Tensor, num_groups: int) -> Tensor:
        """Turns the sum over all groups into the next representation, in place."""
        if self.mean and num_groups:
            total.div_(num_groups)
        return normalize_rows_(total) if self.normalize_result else total


@dataclass(frozen=True)
class Projector:
    """Random matrices by key: the same key gives the same bits, nothing is stored.

    Args:
        seed: The projection seed.
        kind: Distribution of the entries.
        sparsity: ``s`` of the sparse kind.
    """

    seed: int
    kind: Projection = "sparse"
    sparsity: float = 3.0

    def __call__(self, rounds: int, group: str, rows: int, cols: int) -> Tensor:
        """Returns the float32 ``[rows, cols]`` matrix of a group in a round."""
        return self.fill(rounds, group, torch.empty(rows, cols))

    def fill(self, rounds: int, group: str, out: Tensor) -> Tensor:
        """Writes the matrix of a group in a round to ``out``, several rows at a time.

        The sparse kind leaves out the common factor ``sqrt(s)``: the row normalisation behind
        the product removes it.
        """
        key = keyed_seed("rphgnn", self.seed, rounds, group)
        scale = math.sqrt(2.0 / sum(out.shape)) if self.kind == "gaussian" else 1.0

        def work(blocks: Iterable[tuple[int, int]]) -> None:
            for start, stop in blocks:
                shape = stop - start, out.shape[1]
                if self.kind == "sparse":
                    out[start:stop] = sign_matrix(key, *shape, s=self.sparsity, start=start)
                else:
                    out[start:stop] = gaussian_matrix(key, *shape, start=start).mul_(scale)

        starts = range(0, out.shape[0], _ROWS)
        run_blocks(work, [(start, min(start + _ROWS, out.shape[0])) for start in starts])
        return out
