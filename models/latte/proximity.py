"""The proximity loss: edges score above negative pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.models.latte.attention import Scores, edge_scores
from hetgraph.models.latte.config import LATTEConfig
from hetgraph.models.latte.order import OrderOutput, ScoredEdges

__all__ = ["negative_pairs", "proximity_loss"]

_REDRAWS = 3


def proximity_loss(
    orders: Iterable[OrderOutput],
    config: LATTEConfig,
    *,
    visible: Mapping[str, Tensor] | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Returns the mean over meta relations of half the two mean log losses, summed over orders.

    ``[mean w_ij softplus(-e_ij) + mean softplus(e_ik)] / 2`` with edges (i, j) and negative pairs
    (i, k); ``w`` are edge weights of mean one, or composed values. Meta relations without edges
    are left out, and so is the second mean where fewer than two pairs are no edges.

    Args:
        orders: What was computed.
        config: ``negative_ratio``, ``proximity_value`` and the attention.
        visible: ``[num_visible]`` ids of the nodes that pairs are drawn from, for node types that
            hide some.
        generator: Source of the pairs; ``None`` takes torch's own.
    """
    total = torch.zeros(())
    for order in orders:
        terms = [
            _relation_loss(edges, config, _pools(visible, relation.head, relation.tail), generator)
            for relation, edges in order.edges.items()
            if edges.csr.nnz
        ]
        if terms:
            mean = torch.stack(terms).mean()
            total = total.to(mean.device) + mean
    return total


def negative_pairs(
    csr: CSR,
    count: int,
    *,
    pools: tuple[Tensor | None, Tensor | None] = (None, None),
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Draws pairs of rows and columns that are no entries, uniformly and with replacement.

    Pairs that are entries are found by binary search and drawn again, a few times; what is left
    of them is dropped, so that a nearly full matrix gives fewer.

    Args:
        csr: Entries, each once.
        count: Number of pairs wanted.
        pools: Rows and columns to draw from; ``None`` for all.
        generator: Source of chance; ``None`` takes torch's own.

    Returns:
        ``[n]`` int64 rows and columns, ``n <= count``.
    """
    known = csr.row_ids * csr.num_cols + csr.indices.long()  # sorted, as the entries are
    if known.numel() == 0 or count <= 0:
        known = known.new_full((1,), -1)
    rows, cols = _draw(csr, count, pools, generator)
    hit = _is_known(known, rows * csr.num_cols + cols)
    for _ in range(_REDRAWS):
        again = hit.nonzero().squeeze(1)
        if again.numel() == 0:
            break
        rows[again], cols[again] = _draw(csr, again.numel(), pools, generator)
        hit[again] = _is_known(known, rows[again] * csr.num_cols + cols[again])
    return rows[~hit], cols[~hit]


def _relation_loss(
    edges: ScoredEdges,
    config: LATTEConfig,
    pools: tuple[Tensor | None, Tensor | None],
    generator: torch.Generator | None,
) -> Tensor:
    csr, slope = edges.csr, config.negative_slope
    logits = edge_scores(csr, edges.scores, slope).amax(1)
    losses = F.softplus(-logits)
    if config.proximity_value == "value":
        weight = edges.value
    else:
        weight = None if edges.weights is None else edges.weights.amax(1)
    positive = losses.mean() if weight is None else (losses * weight).mean()
    heads, tails = (
        size if pool is None else pool.numel() for pool, size in zip(pools, csr.shape, strict=True)
    )
    count = min(round(config.negative_ratio * csr.nnz), heads * tails - edges.known.nnz)
    rows, cols = negative_pairs(edges.known, count, pools=pools, generator=generator)
    if rows.numel() < 2:
        return positive / 2
    return (positive + F.softplus(_pair_scores(edges.scores, rows, cols, slope)).mean()) / 2


def _pair_scores(scores: Scores, rows: Tensor, cols: Tensor, slope: float) -> Tensor:
    head, tail = scores
    pairs = tail[cols] if head is None else head[rows] + tail[cols]
    return F.leaky_relu(pairs, slope).amax(1)


def _pools(
    visible: Mapping[str, Tensor] | None, head: str, tail: str
) -> tuple[Tensor | None, Tensor | None]:
    return (None, None) if visible is None else (visible.get(head), visible.get(tail))


def _draw(
    csr: CSR,
    count: int,
    pools: tuple[Tensor | None, Tensor | None],
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor]:
    ids = []
    for pool, size in zip(pools, csr.shape, strict=True):
        bound = size if pool is None else pool.numel()
        drawn = torch.randint(max(bound, 1), (max(count, 0),), generator=generator)
        drawn = drawn.to(csr.device)
        ids.append(drawn if pool is None else pool[drawn])
    return ids[0], ids[1]


def _is_known(known: Tensor, keys: Tensor) -> Tensor:
    place = torch.searchsorted(known, keys).clamp_(max=known.numel() - 1)
    return known[place] == keys
