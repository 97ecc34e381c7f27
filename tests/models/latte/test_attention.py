from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hetgraph.models.latte.attention import attend, attention_of
from hetgraph.models.latte.links import Link, log_range, weigh_walks


def dense_attention(weight: Tensor, value: Tensor, scores: Tensor) -> Tensor:
    """``[heads, tails]`` weights of edges, ``[heads, tails, k]`` scores, written out."""
    logits = scores.masked_fill((weight == 0).unsqueeze(-1), -torch.inf)
    top = logits.amax(1, keepdim=True).nan_to_num(neginf=0)
    softmax = (logits - top).exp() * weight.unsqueeze(-1)
    softmax = softmax / softmax.sum(1, keepdim=True).clamp(min=1e-30)
    return torch.einsum("ijk,jkd->ikd", softmax, value)


@pytest.fixture
def operands():
    generator = torch.Generator().manual_seed(0)
    head = torch.randn(6, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    tail = torch.randn(7, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    value = torch.randn(7, 2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    return head, tail, value


@pytest.mark.parametrize("slope", [1.0, 0.2])
def test_one_factor_equals_the_dense_softmax(operands, binary, slope):
    head, tail, value = operands
    csr = binary(6, 7)
    pairs = torch.nn.functional.leaky_relu(head[:, None] + tail[None], slope)
    expected = dense_attention(csr.to_dense(torch.float64), value, pairs)
    result = attend(Link((csr,)), value, (head, tail), negative_slope=slope)
    torch.testing.assert_close(result, expected)
    mine = torch.autograd.grad(
        result.square().sum(), operands, allow_unused=True, materialize_grads=True
    )
    other = torch.autograd.grad(expected.square().sum(), operands)
    torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("length", [2, 3])
def test_a_chain_is_attention_over_walks(operands, binary, length, weighted):
    """Also where walks meet: each counts, with the weight of the middle nodes."""
    _, tail, value = operands
    factors = tuple(
        [binary(6, 5), binary(5, 4, seed=1), binary(4, 7, seed=2)]
        if length == 3
        else [binary(6, 5), binary(5, 7, seed=1)]
    )
    factors = weigh_walks(factors) if weighted else factors
    walks = factors[0].to_dense(torch.float64)
    for factor in factors[1:]:
        walks = walks @ factor.to_dense(torch.float64)
    expected = dense_attention(walks, value, tail.expand(6, -1, -1))
    result = attend(Link(factors), value, (None, tail))
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=1e-6)
    inputs = (tail, value)
    for mine, other in zip(
        torch.autograd.grad(result.square().sum(), inputs),
        torch.autograd.grad(expected.square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_chain_is_safe_for_any_range_of_scores(binary, weighted):
    """Beyond float32's exponentials means and log-sum-exps take over, with the same gradients."""
    factors = (binary(6, 5), binary(5, 7, seed=1))
    factors = weigh_walks(factors) if weighted else factors
    value = torch.randn(7, 1, 3, requires_grad=True)
    tail = torch.tensor([-90.0, 20, 3, -40, 18, 0, 19]).unsqueeze(1).requires_grad_()
    walks = factors[0].to_dense() @ factors[1].to_dense()
    expected = dense_attention(walks, value, tail.expand(6, -1, -1))
    result = attend(Link(factors), value, (None, tail))
    torch.testing.assert_close(result, expected)
    for mine, other in zip(
        torch.autograd.grad(result.square().sum(), (value, tail)),
        torch.autograd.grad(expected.square().sum(), (value, tail)),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)
    far = attend(Link(factors), value, (None, tail * 1000))
    assert bool(torch.isfinite(far).all())


@pytest.mark.parametrize("length", [1, 2])
def test_a_chain_is_safe_for_any_range_of_edge_weights(binary, length):
    """Scores are small here: it is the weights that exceed float32's exponentials."""
    generator = torch.Generator().manual_seed(0)
    factors = []
    for factor in (binary(6, 7),) if length == 1 else (binary(6, 5), binary(5, 7, seed=1)):
        powers = torch.randint(-30, 30, (factor.nnz,), generator=generator)
        factors.append(factor.with_weight(10.0**powers))
    value, tail = torch.randn(7, 1, 3), torch.randn(7, 1)
    walks = factors[0].to_dense(torch.float64)
    for factor in factors[1:]:
        walks = walks @ factor.to_dense(torch.float64)
    expected = dense_attention(
        walks / walks.amax(1, keepdim=True).clamp(min=1e-300), value.double(), tail.double()[None]
    )
    link = Link(tuple(factors), log_range=log_range(tuple(factors)))
    result = attend(link, value, (None, tail))
    torch.testing.assert_close(result, expected.float(), rtol=1e-4, atol=1e-5)


def test_weights_sum_to_one_and_offsets_of_the_head_cancel_if_linear(operands, binary):
    head, tail, _ = operands
    csr = binary(6, 7)
    for slope, same in ((1.0, True), (0.2, False)):
        weights = attention_of(csr, (head, tail), slope)
        total = torch.zeros(6, 2, dtype=torch.float64).index_add_(0, csr.row_ids, weights)
        torch.testing.assert_close(total, (csr.degree > 0).double()[:, None].expand(-1, 2))
        moved = attention_of(csr, (head + torch.randn(6, 1), tail), slope)
        assert torch.allclose(weights, moved) is same


def test_tails_rank_alike_at_every_head(operands, binary):
    head, tail, _ = operands
    csr = binary(6, 7, 1.1)
    weights = attention_of(csr, (head, tail), 0.2).view(6, 7, 2)
    assert len(set(map(tuple, weights[..., 0].argsort(1).tolist()))) == 1


@pytest.mark.parametrize("chain", [False, True])
def test_dropout_keeps_the_mean_and_does_not_renormalise(binary, chain):
    left, right = binary(3, 4, 0.9), binary(4, 5, 0.9, seed=1)
    link = Link((left, right)) if chain else Link((right,))
    draws, rows = 1000, 3 if chain else 4
    value, tail = torch.rand(5, 1, 2), torch.randn(5, 1)
    total = sum(attend(link, value, (None, tail), dropout_p=0.4) for _ in range(draws))
    mean = total / draws
    torch.testing.assert_close(mean, attend(link, value, (None, tail)), atol=0.06, rtol=0)
    ones = attend(link, torch.ones(5, 1, 1), (None, tail), dropout_p=0.4)
    assert ones.shape == (rows, 1, 1)
    assert bool((ones - 1).abs().max() > 1e-3)


def test_heads_without_neighbours_get_zeros(binary):
    left = binary(4, 3, -1.0)
    right = binary(3, 5)
    value, tail = torch.randn(5, 2, 3), torch.randn(5, 2, requires_grad=True)
    result = attend(Link((left, right)), value, (None, tail))
    assert torch.equal(result, torch.zeros(4, 2, 3))
    result = attend(
        Link((right.transpose, left.transpose)),
        torch.randn(4, 2, 3),
        (None, torch.randn(4, 2, requires_grad=True)),
    )
    assert torch.equal(result, torch.zeros(5, 2, 3))
    result.sum().backward()
