"""Squash rules and the random matrices behind them."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch

from hetgraph.models.rphgnn.config import Squash
from hetgraph.models.rphgnn.squash import Projector, SquashRule, normalize_rows_


def test_rows_are_normalised_and_zero_rows_stay_zero():
    x = normalize_rows_(torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e-30, 0.0]]))
    assert x[0].tolist() == pytest.approx([0.6, 0.8])
    assert x[1].tolist() == [0.0, 0.0]
    assert float(x[2].norm()) < 1e-10


def test_names_are_read_as_the_steps_they_list():
    expected = {
        "project_norm_sum": (True, True, False, False),
        "project_norm_mean": (True, True, True, False),
        "sum": (False, False, False, False),
        "mean": (False, False, True, False),
        "norm_sum": (False, True, False, False),
        "norm_mean": (False, True, True, False),
        "norm_mean_norm": (False, True, True, True),
    }
    assert set(expected) == set(get_args(Squash))
    for name, steps in expected.items():
        assert SquashRule.named(name) == SquashRule(*steps)


def test_fixed_matrix_on_the_toy_message_gives_the_value_worked_out_by_hand():
    even = torch.tensor([[0.75, 0.25], [0.25, 0.75]])
    R = torch.diag(torch.tensor([math.sqrt(3), -math.sqrt(3)]))
    total = torch.zeros(2, 2)
    SquashRule.named("project_norm_sum").add_(total, even @ R)
    expected = torch.tensor([[0.948683, -0.316228], [0.316228, -0.948683]])
    torch.testing.assert_close(total, expected, atol=1e-6, rtol=0)


def test_messages_are_normalised_before_the_sum_and_never_after():
    rule = SquashRule.named("project_norm_sum")
    total = torch.zeros(1, 2)
    rule.add_(total, torch.tensor([[5.0, 0.0]]))
    rule.add_(total, torch.tensor([[0.1, 0.0]]))
    assert rule.finish_(total, 2).tolist() == [[2.0, 0.0]]


def test_sparse_entries_have_the_three_values_at_their_frequencies():
    R = Projector(0)(0, "g", 600, 500)
    low, zero, high = (int(R.eq(value).sum()) / R.numel() for value in (-1, 0, 1))
    assert low + zero + high == pytest.approx(1)  # times sqrt(3); the norm behind removes it
    for fraction, probability in ((low, 1 / 6), (zero, 2 / 3), (high, 1 / 6)):
        sigma = math.sqrt(probability * (1 - probability) / R.numel())
        assert abs(fraction - probability) < 4 * sigma


def test_other_sparsities_and_gaussians_have_their_moments():
    assert float((Projector(0, sparsity=1)(0, "g", 50, 50) == 0).sum()) == 0
    matrix = Projector(0, "gaussian")(0, "g", 600, 200)
    assert float(matrix.std()) == pytest.approx(math.sqrt(2 / 800), rel=0.02)
    assert float(Projector(0, "gaussian_no_norm")(0, "g", 600, 200).std()) == pytest.approx(
        1, rel=0.02
    )


@pytest.mark.parametrize("kind", ["sparse", "gaussian"])
def test_keys_decide_the_bits(kind):
    projector = Projector(1, kind)
    assert torch.equal(projector(2, "g", 40, 30), Projector(1, kind)(2, "g", 40, 30))
    for other in (
        projector(3, "g", 40, 30),
        projector(2, "h", 40, 30),
        Projector(2, kind)(2, "g", 40, 30),
    ):
        assert not torch.equal(projector(2, "g", 40, 30), other)


def test_cosines_are_kept_better_by_wider_projections():
    a, b = torch.randn(64, 400), torch.randn(64, 400)
    b = b + a
    cosine = torch.cosine_similarity(a, b)
    errors = {}
    for dim in (64, 1024):
        R = Projector(5)(0, "g", 400, dim)
        errors[dim] = float((torch.cosine_similarity(a @ R, b @ R) - cosine).abs().mean())
    ratio = errors[64] / errors[1024]
    assert 2.5 < ratio < 6.5  # sqrt(1024 / 64) = 4
