"""The fusion: what the weights of experts add up to, and what leaves the logits as they are."""

from __future__ import annotations

import pytest
import torch

from hetgraph.models.gph2.fusion import ClassFusion, gram_error

EXPERTS, CLASSES, DIM = 4, 3, 8
LABELS = torch.arange(9) % CLASSES


@pytest.fixture
def vectors() -> torch.Tensor:
    return torch.randn(EXPERTS, 9, DIM)


def fusion(experts: int = EXPERTS) -> ClassFusion:
    return ClassFusion(experts, CLASSES, DIM, 0.2).eval()


def test_trainable_parameters_are_the_published_number() -> None:
    assert (
        sum(parameter.numel() for parameter in ClassFusion(4, 7, 128, 0.2).parameters()) == 67_841
    )


def test_weights_of_a_class_add_up_to_one(vectors: torch.Tensor) -> None:
    model = fusion()
    weights = model.expert_weights(model.align(vectors), LABELS)
    assert weights.shape == (EXPERTS, CLASSES)
    torch.testing.assert_close(weights.sum(0), torch.ones(CLASSES))
    absent = model.expert_weights(model.align(vectors), torch.zeros(9, dtype=torch.int64))
    torch.testing.assert_close(absent[:, 1:], torch.full((EXPERTS, 2), 1 / EXPERTS))


def test_weights_are_the_softmax_of_mean_cosines(vectors: torch.Tensor) -> None:
    model = fusion()
    torch.nn.init.constant_(model.temperature, 3.0)
    aligned = model.align(vectors)
    expected = torch.empty(EXPERTS, CLASSES)
    for label in range(CLASSES):
        cosine = torch.cosine_similarity(aligned[:, label == LABELS], model.queries[label], dim=2)
        expected[:, label] = (3 * cosine.mean(1)).softmax(0)
    torch.testing.assert_close(model.expert_weights(aligned, LABELS), expected)


def test_one_expert_is_a_classifier(vectors: torch.Tensor) -> None:
    model = fusion(1)
    aligned = model.align(vectors[:1])
    weights = model.expert_weights(aligned, LABELS)
    assert bool((weights == 1).all())
    torch.testing.assert_close(model.logits(aligned, weights), model.classifier(aligned[0]))


def test_equal_experts_or_no_temperature_weigh_the_same(vectors: torch.Tensor) -> None:
    model = fusion()
    even = torch.full((EXPERTS, CLASSES), 1 / EXPERTS)
    with torch.no_grad():
        model.temperature.zero_()
        torch.testing.assert_close(model.expert_weights(model.align(vectors), LABELS), even)
        model.temperature.fill_(5)
        model.weight[:] = model.weight[:1].clone()
    same = vectors[:1].expand(EXPERTS, -1, -1)
    torch.testing.assert_close(model.expert_weights(model.align(same), LABELS), even)


def test_order_of_experts_and_shots_does_not_matter(vectors: torch.Tensor) -> None:
    model = fusion()
    weights = model.expert_weights(model.align(vectors), LABELS)
    logits = model.logits(model.align(vectors), weights)
    shots = torch.tensor([6, 4, 8, 0, 7, 2, 3, 1, 5])  # within the classes
    torch.testing.assert_close(
        model.expert_weights(model.align(vectors[:, shots]), LABELS), weights
    )
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        for one in (model.weight, model.bias):
            one[:] = one[order].clone()
    aligned = model.align(vectors[order])
    torch.testing.assert_close(model.expert_weights(aligned, LABELS), weights[order])
    torch.testing.assert_close(model.logits(aligned, weights[order]), logits)


def test_queries_that_are_orthogonal_lose_nothing() -> None:
    frame = torch.linalg.qr(torch.randn(DIM, CLASSES)).Q.T * torch.tensor([[1.0], [4.0], [0.1]])
    assert float(gram_error(frame)) < 1e-12
    same = torch.ones(CLASSES, DIM)
    assert abs(float(gram_error(same)) - (1 - 1 / CLASSES)) < 1e-6
    assert abs(float(gram_error(same, "sum")) - CLASSES * (CLASSES - 1)) < 1e-5
