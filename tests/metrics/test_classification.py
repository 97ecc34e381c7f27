import pytest
import torch
from sklearn.metrics import f1_score

from hetgraph.errors import DataError
from hetgraph.metrics import accuracy, multi_label_f1, single_label_f1


@pytest.mark.parametrize("seed", range(5))
def test_single_label_f1_equals_sklearn(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    predicted = torch.randint(5, (40,), generator=generator)
    target = torch.randint(4, (40,), generator=generator)
    micro, macro = single_label_f1(predicted, target, 6)
    assert micro == pytest.approx(f1_score(target, predicted, average="micro"))
    assert macro == pytest.approx(f1_score(target, predicted, average="macro", zero_division=0))
    assert accuracy(predicted, target) == pytest.approx(micro)


@pytest.mark.parametrize("seed", range(5))
def test_multi_label_f1_equals_sklearn(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    predicted = torch.rand(40, 5, generator=generator) > 0.6
    target = torch.rand(40, 5, generator=generator) > 0.5
    target[:, 4] = False
    micro, macro = multi_label_f1(predicted, target)
    assert micro == pytest.approx(f1_score(target, predicted, average="micro", zero_division=0))
    assert macro == pytest.approx(f1_score(target, predicted, average="macro", zero_division=0))


def test_nothing_to_score_is_told() -> None:
    with pytest.raises(DataError, match="nothing to score"):
        accuracy(torch.tensor([]), torch.tensor([]))
    with pytest.raises(DataError, match="shape"):
        accuracy(torch.tensor([1]), torch.tensor([1, 2]))
