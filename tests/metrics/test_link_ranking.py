"""Filtered ranks: against a sort of every query, a closed form and PyKEEN's evaluator."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch

from hetgraph.data import CSR
from hetgraph.errors import ConfigError, DataError
from hetgraph.metrics import TIES, candidate_ranks, link_ranking_metrics

QUERIES, CANDIDATES = 60, 25


def case(seed: int, rounded: bool):
    """Scores, targets and a known pattern that holds some of the targets."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(QUERIES, CANDIDATES, generator=generator)
    target = torch.randint(CANDIDATES, (QUERIES,), generator=generator)
    known = torch.rand(QUERIES, CANDIDATES, generator=generator) < 0.2
    known[: QUERIES // 2, :].scatter_(1, target[: QUERIES // 2, None], True)
    return (scores.round() if rounded else scores), target, known


def mean_rank_over_all_orders(scores, target, known) -> np.ndarray:
    """For each query, sorts the remaining candidates and walks the list, in float64."""
    ranks = []
    for row, wanted, left_out in zip(scores.double().numpy(), target.tolist(), known, strict=True):
        kept = [c for c in range(row.size) if c == wanted or not left_out[c]]
        ordered = sorted(kept, key=lambda c: -row[c])
        places = [place for place, c in enumerate(ordered, 1) if row[c] == row[wanted]]
        ranks.append((places[0], sum(places) / len(places), places[-1]))
    return np.asarray(ranks)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.int64])
@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_equal_to_a_sort_of_every_query(seed: int, rounded: bool, dtype: torch.dtype) -> None:
    scores, target, known = case(seed, rounded)
    scores = scores.to(dtype)
    best, mean, worst = mean_rank_over_all_orders(scores, target, known.numpy()).T
    answers = CSR.from_dense(known.float())
    assert candidate_ranks(scores, target, answers).tolist() == mean.tolist()
    assert candidate_ranks(scores, target, answers, "optimistic").tolist() == best.tolist()
    assert candidate_ranks(scores, target, answers, "pessimistic").tolist() == worst.tolist()
    unfiltered = mean_rank_over_all_orders(scores, target, np.zeros_like(known.numpy()))
    assert candidate_ranks(scores, target).tolist() == unfiltered[:, 1].tolist()
    assert candidate_ranks(scores, target).dtype == torch.float64


def test_the_mean_of_the_tied_is_the_mean_over_all_orders() -> None:
    scores = torch.tensor([2.0, 5.0, 2.0, 2.0, 0.0])
    ranks = []
    for order in permutations(range(5)):
        broken = scores + torch.tensor(order) * 0.1
        ranks.append(float(candidate_ranks(broken[None], torch.tensor([2]))))
    assert float(candidate_ranks(scores[None], torch.tensor([2]))) == np.mean(ranks) == 3.0


def test_a_constant_score_gets_the_rank_of_chance() -> None:
    scores, target = torch.zeros(3, 9), torch.tensor([0, 4, 8])
    assert candidate_ranks(scores, target).tolist() == [5.0] * 3
    assert candidate_ranks(scores, target, ties="pessimistic").tolist() == [9.0] * 3
    assert candidate_ranks(scores, target, ties="optimistic").tolist() == [1.0] * 3


def test_an_answer_that_is_known_twice_is_left_out_once() -> None:
    scores = torch.tensor([[3.0, 2.0, 1.0]])
    twice = CSR.from_coo(torch.tensor([0, 0, 0]), torch.tensor([0, 0, 2]), (1, 3))
    assert candidate_ranks(scores, torch.tensor([2]), twice).tolist() == [2.0]


def test_whole_numbers_are_not_rounded() -> None:
    scores = torch.tensor([[2**24, 2**24 + 1]])
    assert candidate_ranks(scores, torch.tensor([0])).tolist() == [2.0]


def test_minus_infinity_is_a_score_like_any_other() -> None:
    scores = torch.tensor([[1.0, -torch.inf, -torch.inf, torch.inf]])
    known = CSR.from_coo(torch.tensor([0]), torch.tensor([2]), (1, 4))
    assert candidate_ranks(scores, torch.tensor([1])).tolist() == [3.5]
    assert candidate_ranks(scores, torch.tensor([1]), known).tolist() == [3.0]


def test_metrics_by_hand() -> None:
    ranks = torch.tensor([1.0, 2.5, 3.0, 20.0], dtype=torch.float64)
    metrics = link_ranking_metrics(ranks)
    assert metrics["mrr"] == pytest.approx((1 + 0.4 + 1 / 3 + 0.05) / 4)
    assert metrics["mean_rank"] == 26.5 / 4
    assert (metrics["hits@1"], metrics["hits@3"], metrics["hits@10"]) == (0.25, 0.75, 0.75)
    assert list(link_ranking_metrics(torch.tensor([2]), hits=(2,))) == [
        "mrr",
        "mean_rank",
        "hits@2",
    ]


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("ties", TIES)
def test_equal_to_pykeen(ties: str, rounded: bool) -> None:
    """PyKEEN calls the mean rank of the tied realistic."""
    evaluation = pytest.importorskip("pykeen.evaluation")
    scores, target, known = case(3, rounded)
    evaluator = evaluation.RankBasedEvaluator(clear_on_finalize=False)
    masked = scores.clone()
    left_out = known.clone().scatter_(1, target[:, None], False)
    masked[left_out] = torch.nan  # PyKEEN's mark of a filtered candidate
    evaluator.process_scores_(
        hrt_batch=torch.zeros(QUERIES, 3, dtype=torch.long),
        target="tail",
        scores=masked,
        true_scores=scores.gather(1, target[:, None]),
        dense_positive_mask=None,
    )
    expected = evaluator.finalize()
    ranks = candidate_ranks(scores, target, CSR.from_dense(known.float()), ties)
    metrics = link_ranking_metrics(ranks)
    kind = "realistic" if ties == "mean" else ties
    for ours, theirs in (
        ("mrr", "inverse_harmonic_mean_rank"),
        ("mean_rank", "arithmetic_mean_rank"),
        ("hits@1", "hits_at_1"),
        ("hits@3", "hits_at_3"),
        ("hits@10", "hits_at_10"),
    ):
        assert metrics[ours] == pytest.approx(expected.get_metric(f"tail.{kind}.{theirs}"), 1e-6)


def test_bad_input_is_told() -> None:
    scores, target = torch.rand(2, 3), torch.tensor([0, 1])
    known = CSR.from_dense(torch.ones(2, 3))
    with pytest.raises(DataError, match=r"1 of 6 scores are NaN"):
        candidate_ranks(torch.tensor([[0.0, torch.nan, 1.0], [0.0, 1.0, 2.0]]), target)
    with pytest.raises(DataError, match=r"target 3 of query 1 is no candidate; expected 0\.\.2"):
        candidate_ranks(scores, torch.tensor([0, 3]))
    with pytest.raises(DataError, match=r"target -1 of query 0"):
        candidate_ranks(scores, torch.tensor([-1, 0]))
    with pytest.raises(DataError, match="int64"):
        candidate_ranks(scores, target.int())
    with pytest.raises(DataError, match="num_queries"):
        candidate_ranks(scores, torch.tensor([0]))
    with pytest.raises(DataError, match=r"known is \[2, 3\], expected \[2, 4\]"):
        candidate_ranks(torch.rand(2, 4), target, known)
    with pytest.raises(ConfigError, match=r"pesimistic.*Did you mean 'pessimistic'"):
        candidate_ranks(scores, target, ties="pesimistic")
    with pytest.raises(DataError, match="nothing to score"):
        link_ranking_metrics(torch.zeros(0))
    with pytest.raises(DataError, match="the best rank is 1"):
        link_ranking_metrics(torch.tensor([0.0]))
    with pytest.raises(DataError, match="NaN"):
        link_ranking_metrics(torch.tensor([torch.nan]))
    with pytest.raises(ConfigError, match=r"not \[0\]"):
        link_ranking_metrics(torch.ones(1), hits=(0, 1))
