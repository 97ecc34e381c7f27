import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score

from hetgraph.errors import DataError
from hetgraph.metrics import (
    accuracy,
    multi_label_f1,
    roc_auc,
    roc_auc_ovr,
    single_label_f1,
)


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


@pytest.mark.parametrize("seed", range(5))
def test_areas_equal_sklearn(seed: int) -> None:
    """Rounded scores have many ties."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.arange(60) % 4
    logits = torch.randn(60, 4, generator=generator).mul(2).round()
    probabilities = logits.softmax(1)
    expected = roc_auc_score(target, probabilities, multi_class="ovr", average="macro")
    assert roc_auc_ovr(probabilities, target) == pytest.approx(expected)
    expected = roc_auc_score(target == 1, logits[:, 0])
    assert roc_auc(logits[:, 0], target == 1) == pytest.approx(expected)


def test_an_area_needs_both_kinds() -> None:
    with pytest.raises(DataError, match="positive and negative"):
        roc_auc(torch.rand(3), torch.ones(3).bool())
    with pytest.raises(DataError, match="num_classes"):
        roc_auc_ovr(torch.rand(3), torch.zeros(3).long())
