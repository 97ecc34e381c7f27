"""What the outputs of a model mean."""

from __future__ import annotations

import pytest
import torch

from hetgraph.tasks import Outputs


def test_probabilities_of_one_class() -> None:
    logits = torch.tensor([[1.0, 3.0]])
    made = Outputs("class").probabilities(logits, 2.0)
    assert made.dtype == torch.float64
    torch.testing.assert_close(made, torch.softmax(logits.double() / 2, 1))


def test_probabilities_of_several_classes() -> None:
    logits = torch.tensor([[1.0, 3.0]])
    made = Outputs("classes").probabilities(logits, 2.0)
    torch.testing.assert_close(made, torch.sigmoid(logits.double() / 2))


@pytest.mark.parametrize(
    ("log1p", "expected"), [(False, [12.0, 8.0]), (True, [162753.79, 2979.96])]
)
def test_numbers_are_as_they_were_measured(log1p: bool, expected: list[float]) -> None:
    outputs = Outputs("number", shift=10.0, std=2.0, log1p=log1p)
    learned = torch.tensor([[1.0], [-1.0]])
    made = outputs.numbers(learned)
    torch.testing.assert_close(made, torch.tensor(expected).double(), rtol=1e-6, atol=0)


def test_they_are_kept_as_json() -> None:
    outputs = Outputs("classes", ("a", "b"), threshold=0.3)
    assert Outputs.from_dict(outputs.to_dict()) == outputs


def test_classes_have_the_type_of_their_names() -> None:
    assert Outputs("class", ("1", "2")).classes(2) == [1, 2]
    assert Outputs("class", ("False", "True")).classes(2) == [False, True]
    assert Outputs("class", ("01", "2")).classes(2) == ["01", "2"]
    assert Outputs("class").classes(3) == [0, 1, 2]
