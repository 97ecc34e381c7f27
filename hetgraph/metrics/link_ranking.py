"""Filtered rank of the true candidate of each query, and the metrics of a knowledge graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import ConfigError, DataError, suggest

__all__ = ["TIES", "Ties", "candidate_ranks", "link_ranking_metrics"]

Ties = Literal["mean", "pessimistic", "optimistic"]

TIES: tuple[Ties, ...] = ("mean", "pessimistic", "optimistic")
"""Where a target ranks among candidates of equal score: in the middle, last or first."""


def candidate_ranks(
    scores: Tensor, target: Tensor, known: CSR | None = None, ties: Ties = "mean"
) -> Tensor:
    """Returns the filtered rank of the true candidate of each query, from 1.

    The other true answers of a query are left out of its ranking (the filtered setting of Bordes
    et al., NIPS 2013). The mean rank of the tied is the expectation over all orders of them, which
    a constant score cannot exploit (Berrendorf et al., 2020, who call it realistic).
    O(num_queries * num_candidates + known.nnz * log(known.nnz)).

    Args:
        scores: ``[num_queries, num_candidates]``, larger is better.
        target: ``[num_queries]`` int64 true candidate of each query.
        known: ``[num_queries, num_candidates]`` other true answers; the target of a query may be
            among them and stays in the ranking.
        ties: ``"mean"``, ``"pessimistic"`` or ``"optimistic"``.

    Returns:
        ``[num_queries]`` float64 ranks.

    Raises:
        ConfigError: If ``ties`` is unknown.
        DataError: If the shapes do not fit, a target is no candidate or a score is NaN.

    Example:
        >>> scores = torch.tensor([[0.9, 0.2, 0.5, 0.2]])
        >>> candidate_ranks(scores, torch.tensor([1])).tolist()
        [3.5]
        >>> other_answers = CSR.from_coo(torch.tensor([0]), torch.tensor([0]), (1, 4))
        >>> candidate_ranks(scores, torch.tensor([1]), other_answers, "optimistic").tolist()
        [2.0]
    """
    _check(scores, target, known, ties)
    if scores.dtype not in (torch.float32, torch.float64):
        scores = scores.double()  # half precision could not count the candidates
    own = scores.gather(1, target.unsqueeze(1))
    # Comparisons as numbers and a product with ones: ten times as fast as a sum of booleans.
    compared, ones = torch.empty_like(scores), scores.new_ones(scores.shape[1])
    better = torch.mv(torch.gt(scores, own, out=compared), ones).double()
    equal = torch.mv(torch.eq(scores, own, out=compared), ones).double()
    if known is not None:
        query, candidate = _others(known, target)
        score, own = scores[query, candidate], own.squeeze(1)[query]
        better.index_add_(0, query, (score > own).double(), alpha=-1)
        equal.index_add_(0, query, (score == own).double(), alpha=-1)
    if ties == "optimistic":
        return better + 1
    return better + (equal if ties == "pessimistic" else (equal + 1) / 2)


def link_ranking_metrics(ranks: Tensor, hits: Sequence[int] = (1, 3, 10)) -> dict[str, float]:
    """Returns ``mrr``, ``mean_rank`` and ``hits@k``: the fraction of ranks of at most ``k``.

    Args:
        ranks: ``[num_queries]`` ranks from 1, as of :func:`candidate_ranks`.
        hits: Depths ``k``.

    Raises:
        DataError: If there is no rank, or one is below 1 or NaN.
        ConfigError: If a depth is below 1.

    Example:
        >>> link_ranking_metrics(torch.tensor([1.0, 4.0]), hits=(1, 10))
        {'mrr': 0.625, 'mean_rank': 2.5, 'hits@1': 0.5, 'hits@10': 1.0}
    """
    if ranks.dim() != 1:
        raise DataError(f"ranks have shape {list(ranks.shape)}, expected [num_queries].")
    if not ranks.numel():
        raise DataError("there is nothing to score: no query was ranked.")
    if not bool((ranks >= 1).all()):
        raise DataError("ranks hold NaN or numbers below 1; the best rank is 1.")
    if wrong := [depth for depth in hits if depth < 1]:
        raise ConfigError(f"hits@k needs depths of at least 1, not {wrong}.")
    ranks = ranks.double()
    metrics = {"mrr": float(ranks.reciprocal().mean()), "mean_rank": float(ranks.mean())}
    return metrics | {f"hits@{depth}": float((ranks <= depth).double().mean()) for depth in hits}


def _others(known: CSR, target: Tensor) -> tuple[Tensor, Tensor]:
    """Returns query and candidate of each known answer once, without the targets."""
    # A CSR may hold parallel entries; an answer must be left out once only.
    pairs = torch.unique(known.row_ids.long() * known.num_cols + known.indices.long())
    pairs = pairs.to(target.device)
    query = pairs.div(known.num_cols, rounding_mode="floor")
    candidate = pairs - query * known.num_cols
    other = candidate != target[query]
    return query[other], candidate[other]


def _check(scores: Tensor, target: Tensor, known: CSR | None, ties: str) -> None:
    if ties not in TIES:
        raise ConfigError(f"unknown ties {ties!r}; expected one of {TIES}.{suggest(ties, TIES)}")
    if scores.dim() != 2 or target.shape != scores.shape[:1]:
        raise DataError(
            f"scores have shape {list(scores.shape)} and targets {list(target.shape)}; "
            "expected [num_queries, num_candidates] and [num_queries]."
        )
    if target.dtype != torch.int64:
        raise DataError(f"targets have dtype {target.dtype}, expected torch.int64.")
    if known is not None and known.shape != tuple(scores.shape):
        raise DataError(f"known is {list(known.shape)}, expected {list(scores.shape)}.")
    outside = (target < 0) | (target >= scores.shape[1])
    if bool(outside.any()):
        raise DataError(
            f"target {int(target[outside][0])} of query {int(outside.nonzero()[0])} is no "
            f"candidate; expected 0..{scores.shape[1] - 1}."
        )
    if missing := int(scores.isnan().sum()):
        raise DataError(
            f"{missing} of {scores.numel()} scores are NaN, so that nothing can be ranked; "
            "the model may have diverged: try a lower learning rate."
        )
