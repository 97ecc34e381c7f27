"""From the attention over each relation to one representation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

__all__ = ["Merge", "average_attention", "merge_attention"]

Merge = Literal["softmax", "mean"]
"""One softmax over the edges of all relations, or the mean of one softmax for each."""


def merge_attention(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Returns the attention over the edges of all relations together.

    A softmax over the union of sets is the softmax within each, times the softmax of their
    log-sum-exps; so no edge list of all relations is needed.

    Args:
        pairs: Of each relation the weighted mean ``[num_rows, heads, dim]`` and the log-sum-exp of
            the scores ``[num_rows, heads]``, minus infinity for rows without entries.

    Returns:
        The weighted mean over all, ``[num_rows, heads, dim]``, and the fraction of the weights
        that lies on each relation, ``[num_relations, num_rows, heads]``; zero for rows without
        entries.

    Example:
        >>> means = [torch.full((1, 1, 1), 2.0), torch.full((1, 1, 1), 4.0)]
        >>> merged, weights = merge_attention([(mean, torch.zeros(1, 1)) for mean in means])
        >>> merged.item(), weights.flatten().tolist()
        (3.0, [0.5, 0.5])
    """
    lse = torch.stack([lse for _, lse in pairs])
    top = lse.detach().amax(0)
    top = top.masked_fill(top.isneginf(), 0.0)
    mass = (lse - top).exp()
    shares = mass / mass.sum(0).clamp(min=torch.finfo(mass.dtype).tiny)
    if len(pairs) == 1:
        return pairs[0][0], shares
    total = shares[0].unsqueeze(-1) * pairs[0][0]
    for share, (mean, _) in zip(shares[1:], pairs[1:], strict=True):
        total.addcmul_(share.unsqueeze(-1), mean)
    return total, shares


def average_attention(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Returns the mean over relations of the attention over each; one without entries counts as 0.

    Args:
        pairs: As for :func:`merge_attention`.

    Returns:
        The same shapes.

    Example:
        >>> means = [torch.full((1, 1, 1), 2.0), torch.full((1, 1, 1), 4.0)]
        >>> average_attention([(mean, torch.zeros(1, 1)) for mean in means])[0].item()
        3.0
    """
    present = torch.stack([lse for _, lse in pairs]).isneginf().logical_not()
    shares = present.to(pairs[0][0].dtype) / len(pairs)
    total = pairs[0][0] / len(pairs)
    for mean, _ in pairs[1:]:
        total = total.add(mean, alpha=1 / len(pairs))
    return total, shares
