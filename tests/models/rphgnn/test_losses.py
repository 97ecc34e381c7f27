"""The consistency recipe."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from hetgraph.models.rphgnn.losses import consistency_terms, pseudo_labels
from hetgraph.tasks import TaskSpec

SINGLE = TaskSpec("node-classification", "paper", 3)
MULTI = TaskSpec("node-classification", "paper", 3, multi_label=True)


def test_pseudo_labels_come_from_the_mean_probability():
    views = [torch.tensor([[4.0, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1.0, 0], [0, 1, 0]])]
    assert pseudo_labels(views, SINGLE, independent=False).tolist() == [0, 1]
    assert pseudo_labels(views, MULTI, independent=False).tolist() == [[1, 0, 0], [0, 1, 0]]
    hard = pseudo_labels([torch.tensor([[2.0, -1, -3]])], MULTI, independent=True)
    assert hard.tolist() == [[1, 0, 0]]


def test_terms_are_sums_over_views_over_their_own_rows():
    views = [torch.randn(4, 3, requires_grad=True) for _ in range(3)]
    target = torch.tensor([0, -1, 2, -1])
    labelled = target >= 0
    guess = pseudo_labels(views, SINGLE, independent=False)
    terms = consistency_terms(views, target, labelled, F.cross_entropy, guess, 0.6)
    supervised = sum(F.cross_entropy(v[labelled], target[labelled]) for v in views)
    agreement = sum(F.cross_entropy(v, guess) for v in views)
    torch.testing.assert_close(terms["supervised"], supervised)
    torch.testing.assert_close(terms["consistency"], 0.6 * agreement)


def test_a_batch_without_training_nodes_has_no_supervised_term():
    views = [torch.randn(2, 3, requires_grad=True)]
    nobody = torch.zeros(2, dtype=torch.bool)
    guess = torch.tensor([0, 1])
    terms = consistency_terms(views, torch.tensor([-1, -1]), nobody, F.cross_entropy, guess, 1.0)
    assert terms["supervised"].item() == 0
    sum(terms.values()).backward()
    assert bool(views[0].grad.any())
