"""From the attention over each relation to one representation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

__all__ = ["Merge", "average_attention", "merge_attention"]

Merge = Literal["softmax", "mean"]
"""One softmax over the edges of all relations, or the mean of one softmax for each."""


def merge_attention(parts: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Returns the attention over the edges of all relations together.

    A softmax over the union of sets is the softmax within each, times the softmax of their
    log-sum-exps; so no edge list of all relations is needed.

    Args:
        parts: Of each relation the weighted mean ``[num_rows, heads, dim]`` and the log-sum-exp of
            the scores ``[num_rows, heads]``, minus infinity for rows without entries.

    Returns:
        The weighted mean over all, ``[num_rows, heads, dim]``, and the part of the weights that
        lies on each relation, ``[num_relations, num_rows, heads]``; zero for rows without entries.
    """
    lse = torch.stack([one for _, one in parts])
    top = lse.detach().amax(0)
    top = top.masked_fill(top.isneginf(), 0.0)
    mass = (lse - top).exp()
    shares = mass / mass.sum(0).clamp(min=torch.finfo(mass.dtype).tiny)
    if len(parts) == 1:
        return parts[0][0], shares
    total = shares[0].unsqueeze(-1) * parts[0][0]
    for share, (mean, _) in zip(shares[1:], parts[1:], strict=True):
        total.addcmul_(share.unsqueeze(-1), mean)
    return total, shares


def average_attention(parts: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Returns the mean over relations of the attention over each; one without entries counts as 0.

    Args:
        parts: As for :func:`merge_attention`.

    Returns:
        The same shapes.
    """
    found = torch.stack([lse for _, lse in parts]).isneginf().logical_not()
    shares = found.to(parts[0][0].dtype) / len(parts)
    total = parts[0][0] / len(parts)
    for mean, _ in parts[1:]:
        total = total.add(mean, alpha=1 / len(parts))
    return total, shares
