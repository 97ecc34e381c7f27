from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR
from hetgraph.models.han.layers import (
    HANLayer,
    NodeAttention,
    SemanticAttention,
    drop_features,
)
from hetgraph.nn.features import TypeEncoder


@pytest.fixture
def pattern() -> CSR:
    return CSR.from_dense((torch.rand(9, 9) < 0.5).float())


def test_without_dropout_both_forms_of_the_attention_agree(pattern: CSR) -> None:
    """A fraction of next to nothing takes the path that keeps the weights."""
    attention = NodeAttention(2, 4, 1e-12, 0.2).double()
    hidden = torch.randn(9, 2, 4, dtype=torch.float64)
    chained = attention.train()(pattern, hidden)
    fused = attention.eval()(pattern, hidden)
    torch.testing.assert_close(chained, fused)


def test_attention_dropout_keeps_the_mean(pattern: CSR) -> None:
    attention = NodeAttention(2, 4, 0.5, 0.2)
    hidden = torch.randn(9, 2, 4)
    with torch.no_grad():
        drawn = torch.stack([attention.train()(pattern, hidden) for _ in range(1000)])
        exact = attention.eval()(pattern, hidden)
    assert not torch.equal(drawn[0], drawn[1])
    torch.testing.assert_close(drawn.mean(0), exact, atol=0.3, rtol=0)


def test_semantic_weights_are_a_softmax_of_mean_scores() -> None:
    semantic = SemanticAttention(3, 5)
    paths = [torch.randn(7, 3) for _ in range(2)]
    scores = [
        sum(semantic.query[0] @ torch.tanh(semantic.project(row)) for row in path) / 7
        for path in paths
    ]
    expected = torch.stack(scores).softmax(0)
    torch.testing.assert_close(semantic.weights(paths), expected, atol=1e-6, rtol=1e-5)


def test_one_path_has_no_semantic_parameters(pattern: CSR) -> None:
    layer = HANLayer([TypeEncoder(3, 8)], 1, num_heads=2, hidden_dim=4, semantic_dim=5)
    result, weights = layer([pattern], torch.randn(9, 3))
    assert layer.semantic is None
    assert result.shape == (9, 8)
    assert weights.tolist() == [1.0]


@pytest.mark.parametrize("count", [1, 2])
def test_projections_are_shared_or_not(pattern: CSR, count: int) -> None:
    projections = [TypeEncoder(3, 8) for _ in range(count)]
    layer = HANLayer(projections, 2, num_heads=2, hidden_dim=4, semantic_dim=5)
    layer([pattern, pattern], torch.randn(9, 3))[0].sum().backward()
    assert all(bool(encoder.weight.grad.any()) for encoder in projections)


def test_dropped_features_are_scaled_up() -> None:
    dense = torch.ones(200, 50)
    sparse = CSR.from_dense(dense)
    codes = torch.arange(5)
    assert set(drop_features(dense, 0.5).unique().tolist()) == {0.0, 2.0}
    assert set(drop_features(sparse, 0.5).weight.unique().tolist()) == {0.0, 2.0}
    assert drop_features(codes, 0.5) is codes
    assert drop_features(None, 0.5) is None
