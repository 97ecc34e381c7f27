from __future__ import annotations

import json
import math

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import brier_score_loss
from torch import Tensor

from hetgraph.errors import DataError
from hetgraph.metrics import calibration as module
from hetgraph.metrics.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    Reliability,
    all_right,
    brier_score,
    class_probabilities,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
)

CASES = [(seed, multi_label) for seed in range(4) for multi_label in (False, True)]


def drawn(seed: int, multi_label: bool, size: int = 300) -> tuple[Tensor, Tensor]:
    """Logits of four classes and targets that are drawn from their probabilities."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(size, 4, generator=generator) * 2
    if multi_label:
        return logits, (torch.rand(size, 4, generator=generator) < logits.sigmoid()).float()
    return logits, torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)


def counted(probabilities: Tensor, target: Tensor, bins: int) -> float:
    """The calibration error, one bin and one prediction after the other."""
    if target.dim() == 2:
        pairs = list(zip(probabilities.flatten().tolist(), target.flatten().tolist(), strict=True))
    else:
        rows = zip(probabilities.tolist(), target.tolist(), strict=True)
        pairs = [(max(row), row.index(max(row)) == label) for row, label in rows]
    error = 0.0
    for at in range(bins):
        low = at / bins if at else -1.0
        inside = [pair for pair in pairs if low < pair[0] <= (at + 1) / bins]
        if inside:
            confidence = sum(value for value, _ in inside) / len(inside)
            accuracy = sum(right for _, right in inside) / len(inside)
            error += len(inside) / len(pairs) * abs(accuracy - confidence)
    return error


@pytest.mark.parametrize(("seed", "multi_label"), CASES)
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_the_error_equals_a_direct_count(seed: int, multi_label: bool, bins: int) -> None:
    logits, target = drawn(seed, multi_label)
    probabilities = class_probabilities(logits, multi_label=multi_label)
    error = expected_calibration_error(probabilities, target, bins)
    assert error == pytest.approx(counted(probabilities, target, bins), abs=1e-12)
    assert error > 0


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    probabilities = torch.tensor([[0.5], [0.0], [1.0], [0.25]], dtype=torch.float64)
    made = reliability(probabilities, torch.tensor([[1], [0], [1], [0]]), bins=4)
    assert made.count == (2, 1, 0, 1)
    assert made.confidence == (0.125, 0.5, None, 1.0)
    assert made.accuracy == (0.0, 1.0, None, 1.0)


def test_reliability_goes_through_json() -> None:
    made = reliability(torch.tensor([[0.9, 0.1]]), torch.tensor([1]), bins=3)
    assert made == Reliability((0, 0, 1), (None, None, pytest.approx(0.9)), (None, None, 0.0))
    assert Reliability.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_brier_scores() -> None:
    logits, target = drawn(0, False)
    probabilities = logits.softmax(1)
    squares = (probabilities - F.one_hot(target, 4)).square().sum(1).mean()
    assert brier_score(probabilities, target) == pytest.approx(float(squares), rel=1e-6)
    logits, target = drawn(0, True)
    probabilities = logits.sigmoid()
    expected = brier_score_loss(target.flatten().numpy(), probabilities.flatten().numpy())
    assert brier_score(probabilities, target) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("factor", [0.05, 0.5, 1.0, 7.0, 40.0])
def test_a_known_factor_is_found_back(factor: float, multi_label: bool) -> None:
    logits, target = drawn(1, multi_label, 20_000)
    own = fit_temperature(logits, target)
    assert own == pytest.approx(1, abs=0.03)
    assert fit_temperature(logits * factor, target) == pytest.approx(own * factor, rel=1e-5)


@pytest.mark.parametrize(("seed", "multi_label"), CASES)
def test_no_other_temperature_is_better(seed: int, multi_label: bool) -> None:
    """Nor is the gradient that PyTorch computes of the loss anything but zero there."""
    logits, target = drawn(seed, multi_label, 60)
    logits = logits * 3
    best = fit_temperature(logits, target)
    least = negative_log_likelihood(logits, target, best)
    assert least < negative_log_likelihood(logits, target)
    for factor in (0.5, 0.99, 1.01, 2.0):
        assert least < negative_log_likelihood(logits, target, best * factor)
    inverse = torch.tensor(1 / best, dtype=torch.float64, requires_grad=True)
    loss = F.binary_cross_entropy_with_logits if multi_label else F.cross_entropy
    loss(logits.double() * inverse, target.double() if multi_label else target).backward()
    assert abs(float(inverse.grad)) < 1e-9


@pytest.mark.parametrize(("seed", "multi_label"), CASES)
def test_predictions_stay_the_same(seed: int, multi_label: bool) -> None:
    logits, _ = drawn(seed, multi_label)
    for temperature in (MIN_TEMPERATURE, 0.3, 4.0, MAX_TEMPERATURE):
        probabilities = class_probabilities(logits, temperature, multi_label=multi_label)
        if multi_label:
            assert torch.equal(probabilities > 0.5, logits > 0)
        else:
            assert torch.equal(probabilities.argmax(1), logits.argmax(1))


@pytest.mark.parametrize("multi_label", [False, True])
def test_few_passes_over_the_logits_are_enough(
    multi_label: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    slope = module._slope
    monkeypatch.setattr(module, "_slope", lambda *args: calls.append(args) or slope(*args))
    logits, target = drawn(2, multi_label)
    for factor in (0.05, 1.0, 20.0):
        calls.clear()
        fit_temperature(logits * factor, target)
        assert len(calls) < 15


def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for multi_label in (False, True):
        logits, target = drawn(2, multi_label)
        whole = fit_temperature(logits, target)
        monkeypatch.setattr(module, "_BLOCK", 28)
        assert fit_temperature(logits, target) == pytest.approx(whole, rel=1e-9)
        monkeypatch.undo()


def test_where_no_temperature_is_the_best_it_is_one() -> None:
    right = torch.tensor([[3.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    assert all_right(right, torch.tensor([0, 1, 1]))
    assert fit_temperature(right, torch.tensor([0, 1, 1])) == 1
    assert not all_right(right, torch.tensor([0, 0, 1]))
    sets = torch.tensor([[True, False], [False, True], [True, True]])
    assert all_right(torch.where(sets, 2.0, -1.0), sets)
    assert fit_temperature(torch.where(sets, 2.0, -1.0), sets) == 1
    equal = torch.tensor([[5.0, 5.0], [-1.0, -1.0]])
    assert fit_temperature(equal, torch.tensor([1, 1])) == 1
    assert fit_temperature(torch.zeros(3, 2), sets) == 1
    assert fit_temperature(torch.randn(4, 1), torch.zeros(4).long()) == 1


def test_temperatures_stay_within_their_bounds() -> None:
    logits, target = drawn(3, False)
    assert fit_temperature(-logits, target) == MAX_TEMPERATURE
    assert fit_temperature(logits * 1e-4, target) == MIN_TEMPERATURE
    assert fit_temperature(logits * 1e4, target) == MAX_TEMPERATURE


def test_large_logits_do_not_overflow() -> None:
    """Ninety per cent right with a distance of 400: the softmax itself has no gradient there."""
    logits = torch.tensor([[400.0, 0.0]]).repeat(50, 1)
    target = (torch.arange(50) % 10 == 0).long()
    assert fit_temperature(logits, target) == MAX_TEMPERATURE
    assert fit_temperature(logits / 5, target) == pytest.approx(80 / math.log(9))


@pytest.mark.parametrize(
    ("values", "target", "message"),
    [
        (torch.ones(2), torch.zeros(2).long(), "expected .n, num_classes."),
        (torch.ones(2, 3), torch.zeros(3).long(), "expected .n, num_classes."),
        (torch.ones(2, 3), torch.zeros(2, 2), "expected .n, num_classes."),
        (torch.ones(0, 3), torch.zeros(0).long(), "split is empty"),
        (torch.ones(2, 3), torch.tensor([0, 3]), "from 0 to 3, expected 0 to 2"),
        (torch.ones(2, 3), torch.tensor([-1, 0]), "from -1 to 0"),
        (torch.ones(2, 2), torch.tensor([[0, -1], [1, 1]]), "from -1 to 1, expected 0 to 1"),
        (torch.ones(2, 3), torch.zeros(2), "expected int64 classes"),
        (torch.tensor([[1.0, math.nan], [0.0, 1.0]]), torch.tensor([0, 1]), "1 of 2 rows"),
        (torch.tensor([[1.0, -math.inf], [0.0, 1.0]]), torch.tensor([0, 1]), "1 of 2 rows"),
    ],
)
def test_what_cannot_be_calibrated_is_told(values: Tensor, target: Tensor, message: str) -> None:
    for function in (
        fit_temperature,
        expected_calibration_error,
        brier_score,
        negative_log_likelihood,
    ):
        with pytest.raises(DataError, match=message):
            function(values, target)


def test_logits_are_no_probabilities() -> None:
    with pytest.raises(DataError, match="from -1 to 2, expected 0 to 1"):
        reliability(torch.tensor([[-1.0, 2.0]]), torch.tensor([0]))
    with pytest.raises(DataError, match=r"from 0\.5 to 1\.5, expected 0 to 1"):
        reliability(torch.tensor([[0.5, 1.5]]), torch.tensor([0]))
    with pytest.raises(DataError, match="bins is 0"):
        reliability(torch.tensor([[0.5, 0.5]]), torch.tensor([0]), bins=0)
