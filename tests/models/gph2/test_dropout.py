"""The three places where the fusion drops values, the cosines to the queries among them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hetgraph.models.gph2.fusion import ClassFusion

EXPERTS, CLASSES, DIM, NODES = 3, 2, 5, 8
LABELS = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1])
RATE = 0.5


class KnownDropout(nn.Module):
    """Drops values by a mask that the test knows, and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.given.append(x)
        return x * mask_of(x)


def mask_of(x: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(x.dim())
    return (torch.rand(x.shape, generator=generator) >= RATE).to(x) / (1 - RATE)


@pytest.fixture
def fusion() -> ClassFusion:
    made = ClassFusion(EXPERTS, CLASSES, DIM, RATE)
    with torch.no_grad():
        made.temperature.fill_(2)
        made.bias.normal_()
    made.dropout = KnownDropout()
    return made


def test_cosines_are_dropped_before_their_mean(fusion: ClassFusion) -> None:
    """A cosine that is dropped counts as zero in the mean over all nodes of the class."""
    aligned = torch.randn(EXPERTS, NODES, DIM)
    cosines = torch.empty(EXPERTS, NODES, dtype=torch.float64)
    for number in range(EXPERTS):
        for node, label in enumerate(LABELS.tolist()):
            vector, query = aligned[number, node].double(), fusion.queries[label].detach().double()
            cosines[number, node] = vector @ query / (vector.norm() * query.norm())
    mask = mask_of(cosines)
    expected = torch.empty(EXPERTS, CLASSES, dtype=torch.float64)
    for label in range(CLASSES):
        own = label == LABELS
        expected[:, label] = (2 * (cosines * mask)[:, own].sum(1) / own.sum()).softmax(0)
    actual = fusion.expert_weights(aligned, LABELS)
    (given,) = fusion.dropout.given
    torch.testing.assert_close(given.double(), cosines, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(actual.double(), expected, rtol=1e-5, atol=1e-6)


def test_vectors_are_dropped_before_the_map_and_the_classifier(fusion: ClassFusion) -> None:
    embedded = torch.randn(EXPERTS, NODES, DIM)
    aligned = fusion.align(embedded)
    dropped = embedded * mask_of(embedded)
    for number in range(EXPERTS):
        mapped = dropped[number] @ fusion.weight[number] + fusion.bias[number]
        torch.testing.assert_close(aligned[number], mapped.clamp(min=0))
    shares = torch.rand(EXPERTS, CLASSES)
    expected = torch.zeros(NODES, CLASSES)
    for number in range(EXPERTS):
        kept = (aligned * mask_of(aligned))[number]
        expected += shares[number] * (kept @ fusion.classifier.weight.T)
    torch.testing.assert_close(fusion.logits(aligned, shares), expected)


def test_nothing_is_dropped_in_evaluation() -> None:
    model = ClassFusion(EXPERTS, CLASSES, DIM, RATE)
    aligned = torch.randn(EXPERTS, NODES, DIM)
    model.eval()
    assert torch.equal(model.expert_weights(aligned, LABELS), model.expert_weights(aligned, LABELS))
    model.train()
    assert not torch.equal(
        model.expert_weights(aligned, LABELS), model.expert_weights(aligned, LABELS)
    )
