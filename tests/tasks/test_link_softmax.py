"""The softmax over drawn candidates, against definitions in float64."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor

from hetgraph.tasks.link_softmax import softmax_loss

NODES = 7


@pytest.fixture
def case() -> tuple[Tensor, Tensor, Tensor]:
    """Five queries, seven nodes, the true nodes."""
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(5, 3, generator=generator, requires_grad=True)
    vectors = torch.randn(NODES, 3, generator=generator, requires_grad=True)
    return query, vectors, torch.tensor([0, 6, 3, 3, 1])


def exact(query: Tensor, vectors: Tensor, target: Tensor) -> Tensor:
    return -(query.double() @ vectors.double().T).log_softmax(1)[torch.arange(5), target]


@pytest.mark.parametrize("candidates", [None, torch.tensor([5, 2, 0, 6, 1, 3, 4])])
def test_all_nodes_give_the_exact_loss_and_gradient(case, candidates: Tensor | None) -> None:
    loss, expected = softmax_loss(*case, candidates), exact(*case)
    torch.testing.assert_close(loss.double(), expected)
    own = torch.autograd.grad(loss.sum(), case[:2])
    other = torch.autograd.grad(expected.sum(), case[:2])
    torch.testing.assert_close(own, other)


def test_the_sum_over_the_others_is_unbiased(case) -> None:
    """Over all draws of three candidates the mean of e^loss is the exact one."""
    query, vectors, target = case
    draws = [torch.tensor(draw) for draw in combinations(range(NODES), 3)]
    means = torch.stack([softmax_loss(*case, draw).double().exp() for draw in draws])
    # Draws with the true node have two other candidates, the others three; both are unbiased.
    hit = torch.stack([torch.isin(target, draw) for draw in draws])
    for chosen in (hit, ~hit):
        mean = (means * chosen).sum(0) / chosen.sum(0)
        torch.testing.assert_close(mean, exact(query, vectors, target).exp(), rtol=1e-5, atol=0)


def test_rows_that_are_not_drawn_count_in_the_number_of_nodes(case) -> None:
    query, vectors, target = case
    candidates = torch.tensor([2, 5])
    rows, place = torch.unique(torch.cat([target, candidates]), return_inverse=True)
    part = softmax_loss(query, vectors[rows], place[:5], place[5:], NODES)
    torch.testing.assert_close(part, softmax_loss(query, vectors, target, candidates))


def test_a_true_node_alone_has_no_loss_and_no_gradient(case) -> None:
    query, vectors, target = case
    loss = softmax_loss(query[:1], vectors, target[:1], target[:1])
    assert loss.tolist() == [0.0]
    loss.sum().backward()
    assert not bool(vectors.grad.any())
    assert bool(torch.isfinite(query.grad).all())
