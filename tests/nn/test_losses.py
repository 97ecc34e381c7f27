"""Losses by name."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hetgraph.errors import ConfigError
from hetgraph.nn import choose_loss, multi_hot_kl


def test_kl_sums_over_the_classes_of_a_node():
    logits = torch.randn(2, 3)
    log = logits.log_softmax(1)
    target = torch.tensor([[1, 0, 1], [0, 1, 0]])
    expected = -(log[0, 0] + log[0, 2] + log[1, 1]) / 2
    torch.testing.assert_close(multi_hot_kl(logits, target), expected)
    probability = F.one_hot(torch.tensor([2, 0]), 3).float()
    kl = F.kl_div(log, probability, reduction="batchmean")
    torch.testing.assert_close(multi_hot_kl(logits, probability), kl)


def test_automatic_choice_follows_the_task():
    logits, classes = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    torch.testing.assert_close(
        choose_loss("auto")(logits, classes), F.cross_entropy(logits, classes)
    )
    many = torch.randint(2, (4, 3))
    torch.testing.assert_close(
        choose_loss("auto", multi_label=True)(logits, many),
        F.binary_cross_entropy_with_logits(logits, many.float()),
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bce", {}),
        ("kl", {}),
        ("mse", {}),
        ("cross_entropy", {"multi_label": True}),
        ("mse", {"multi_label": True}),
        ("cross_entropy", {"numbers": True}),
    ],
)
def test_losses_that_do_not_fit_are_refused(name, kind):
    with pytest.raises(ConfigError, match="does not fit"):
        choose_loss(name, **kind)
