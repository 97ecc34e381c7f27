"""Drawing held-out nodes."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.data.dataset import Split

__all__ = ["draw_split", "hold_out"]


def hold_out(
    ids: Tensor, fraction: float, generator: torch.Generator, strata: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Splits ids into kept and held-out ones.

    Args:
        ids: ``[n]`` node ids.
        fraction: Share to hold out; ``round(n * fraction)``, at least one when ``n > 1``.
        generator: Source of chance.
        strata: ``[n]`` classes; their shares are kept by largest remainders.

    Returns:
        ``(kept, held_out)``, both sorted, so that only membership depends on chance.
    """
    size = ids.numel()
    wanted = min(max(round(size * fraction), 1), size - 1) if size > 1 else 0
    order = torch.randperm(size, generator=generator)
    if strata is None:
        held = order[:wanted]
    else:
        _, group, counts = torch.unique(strata, return_inverse=True, return_counts=True)
        exact = counts * (wanted / max(size, 1))
        quota = exact.floor().long()
        rest = (exact - quota).argsort(descending=True, stable=True)[: wanted - int(quota.sum())]
        quota[rest] += 1
        picked = [order[group[order] == g][: int(quota[g])] for g in range(counts.numel())]
        held = torch.cat(picked)
    mask = torch.zeros(size, dtype=torch.bool)
    mask[held] = True
    return ids[~mask].sort().values, ids[mask].sort().values


def draw_split(
    ids: Tensor, train_fraction: float, valid_fraction: float, generator: torch.Generator
) -> Split:
    """Draws test and validation nodes uniformly; validation is a share of the training part."""
    rest, test = hold_out(ids, 1 - train_fraction, generator)
    train, valid = hold_out(rest, valid_fraction, generator)
    return Split(train, valid, test)
