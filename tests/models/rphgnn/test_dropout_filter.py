"""The blocked dropout and filter against the plain formula."""

from __future__ import annotations

import copy

import pytest
import torch

from hetgraph.models.rphgnn import dropout_filter as module
from hetgraph.models.rphgnn.dropout_filter import HalfBuffers, dropout_filter


@pytest.fixture(params=[1 << 19, 40])
def _block_size(request, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_VALUES", request.param)


@pytest.fixture
def operands():
    slab = torch.randn(23, 4, 5).half()
    weight = torch.randn(2, 4, requires_grad=True)
    bias = torch.randn(2, requires_grad=True)
    return slab, weight, bias


@pytest.mark.usefixtures("_block_size")
@pytest.mark.parametrize("rows", [None, [3, 3, 0, 22], [7], []])
def test_without_dropout_it_is_the_plain_product(operands, rows):
    slab, weight, bias = operands
    index = None if rows is None else torch.tensor(rows, dtype=torch.int64)
    taken = slab.float() if index is None else slab.float()[index]
    expected = weight @ taken + bias.unsqueeze(1)
    ours = dropout_filter(slab, index, weight, bias)
    torch.testing.assert_close(ours, expected)
    grad = torch.randn_like(expected)
    theirs = torch.autograd.grad(expected, (weight, bias), grad)
    for actual, other in zip(torch.autograd.grad(ours, (weight, bias), grad), theirs, strict=True):
        torch.testing.assert_close(actual, other)


@pytest.mark.usefixtures("_block_size")
def test_gradient_uses_the_mask_of_the_forward_pass(operands):
    slab, weight, bias = operands
    torch.manual_seed(5)
    ours = dropout_filter(slab, None, weight, bias, dropout=0.6)
    grad = torch.randn_like(ours)
    weight_grad, bias_grad = torch.autograd.grad(ours, (weight, bias), grad)
    # The map is linear in the weight, so its gradient follows from values at unit weights.
    for f in range(2):
        for k in range(4):
            unit = torch.zeros(2, 4)
            unit[f, k] = 1
            torch.manual_seed(5)
            value = dropout_filter(slab, None, unit, torch.zeros(2), dropout=0.6)
            torch.testing.assert_close(
                (value * grad).sum(), weight_grad[f, k], atol=1e-4, rtol=1e-4
            )
    torch.testing.assert_close(bias_grad, grad.sum(dim=(0, 2)))


@pytest.mark.parametrize("dropout", [0.1, 0.5, 0.8])
def test_survivors_have_the_right_share_and_scale(dropout):
    slab = torch.ones(400, 3, 200).half()
    unit = torch.eye(3)
    y = dropout_filter(slab, None, unit, torch.zeros(3), dropout=dropout)
    kept = y != 0
    fraction = float(kept.float().mean())
    sigma = (dropout * (1 - dropout) / y.numel()) ** 0.5
    assert abs(fraction - (1 - dropout)) < 4 * sigma + 2**-15
    assert y[kept].unique().numel() == 1
    assert float(y[kept][0]) == pytest.approx(1 / (1 - dropout), rel=2e-4)
    # Independent over rows, slots and columns.
    for dim in (0, 1, 2):
        means = kept.float().mean(dim=[d for d in (0, 1, 2) if d != dim])
        std = (dropout * (1 - dropout) * means.numel() / y.numel()) ** 0.5
        assert float((means - fraction).abs().max()) < 5 * std


def test_masks_follow_the_seed_and_not_the_threads():
    slab = torch.randn(300, 7, 500).half()
    weight, bias = torch.randn(2, 7), torch.zeros(2)

    def draw(seed, threads):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        torch.manual_seed(seed)
        y = dropout_filter(slab, None, weight, bias, dropout=0.5)
        torch.set_num_threads(before)
        return y

    assert torch.equal(draw(1, 1), draw(1, 2))
    assert not torch.equal(draw(1, 1), draw(2, 1))


def test_float32_storage_takes_the_plain_path(operands):
    slab, weight, bias = operands
    torch.testing.assert_close(
        dropout_filter(slab.float(), None, weight, bias),
        dropout_filter(slab, None, weight, bias),
    )
    y = dropout_filter(slab.float(), None, weight, bias, dropout=0.5)
    assert y.shape == (23, 2, 5)


def test_buffers_come_back_for_the_next_step(operands):
    slab, weight, bias = operands
    buffers = HalfBuffers()
    for _ in range(3):
        views = [
            dropout_filter(slab, None, weight, bias, dropout=0.5, buffers=buffers) for _ in range(2)
        ]
        sum(view.sum() for view in views).backward()
        assert [len(kept) for kept in buffers._free.values()] == [2]
    with torch.no_grad():
        dropout_filter(slab, None, weight, bias, dropout=0.5, buffers=buffers)
    assert [len(kept) for kept in buffers._free.values()] == [2]
    assert not copy.deepcopy(buffers)._free


def test_a_second_backward_pass_is_refused(operands):
    slab, weight, bias = operands
    y = dropout_filter(slab, None, weight, bias, buffers=HalfBuffers()).sum()
    y.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="backward ran twice"):
        y.backward()
