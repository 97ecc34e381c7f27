from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hetgraph.data import CSR
from hetgraph.models.sehgnn.config import SeHGNNConfig
from hetgraph.models.sehgnn.network import (
    BatchNorm,
    Fusion,
    GroupedLinear,
    Network,
    calibrate,
    task_network,
)

SMALL = SeHGNNConfig(embed_dim=6, hidden_dim=8, input_dropout=0.0, dropout=0.0)


@pytest.fixture
def channels() -> list[Tensor]:
    return [torch.randn(7, 4), torch.randn(7, 5), torch.randn(7, 4)]


def test_groups_are_mapped_by_their_own_weights() -> None:
    linear = GroupedLinear(3, 4, 5)
    torch.nn.init.normal_(linear.bias)
    x = torch.randn(6, 3, 4)
    expected = torch.stack([x[:, i] @ linear.weight[i] + linear.bias[i] for i in range(3)], 1)
    torch.testing.assert_close(linear(x), expected)


@pytest.mark.parametrize("heads", [1, 2])
def test_fusion_equals_loops_over_paths(heads: int) -> None:
    fusion = Fusion(8, heads, 0.3, 0.0).double()
    x = torch.randn(5, 3, 8, dtype=torch.float64)
    expected = x.clone()
    for head in range(heads):
        narrow = slice(head * (2 // heads), (head + 1) * (2 // heads))
        wide = slice(head * (8 // heads), (head + 1) * (8 // heads))
        for node in range(5):
            query, key = fusion.query(x[node])[:, narrow], fusion.key(x[node])[:, narrow]
            for i in range(3):
                scores = torch.stack([query[i] @ key[j] for j in range(3)])
                weights = (scores / (2 // heads) ** 0.5).softmax(0)
                for j in range(3):
                    value = fusion.value(x[node, j])[wide]
                    expected[node, i, wide] += 0.3 * weights[j] * value
    torch.testing.assert_close(fusion(x), expected)


def test_a_scale_of_zero_fuses_nothing() -> None:
    x = torch.randn(5, 3, 8)
    assert torch.equal(Fusion(8, 1, 0.0, 0.0)(x), x)


@pytest.mark.parametrize("rows", [0, 1])
def test_tiny_batches_leave_the_statistics_alone(rows: int) -> None:
    norm = BatchNorm(4).train()
    norm(torch.randn(50, 4) * 3 + 1)
    before = {key: value.clone() for key, value in norm.state_dict().items()}
    x = torch.randn(rows, 4)
    result = norm(x)
    assert torch.equal(result, norm.eval()(x))
    assert all(torch.equal(value, before[key]) for key, value in norm.state_dict().items())


def test_larger_batches_are_normalised() -> None:
    result = BatchNorm(4).train()(torch.randn(50, 4) * 3 + 1)
    torch.testing.assert_close(result.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(result.std(0, unbiased=False), torch.ones(4), atol=1e-4, rtol=0)


def test_sparse_channels_count_as_their_dense_form(channels: list[Tensor]) -> None:
    network = Network([4, 5, 4], SMALL).eval()
    sparse = [channels[0], CSR.from_dense(channels[1]), channels[2]]
    torch.testing.assert_close(network(channels), network(sparse))


def test_calibration_takes_the_statistics_without_dropout() -> None:
    vectors = torch.randn(4000, 8) * 3 + 1
    network = task_network(SeHGNNConfig(embed_dim=6, hidden_dim=8), 3).train()
    calibrate(network, vectors)
    assert network.training
    logits = network.eval()(vectors)
    torch.testing.assert_close(logits.mean(0), torch.zeros(3), atol=5e-3, rtol=0)
    torch.testing.assert_close(logits.std(0), torch.ones(3), atol=5e-3, rtol=0)


def test_a_prediction_does_not_depend_on_the_others(channels: list[Tensor]) -> None:
    network, outputs = Network([4, 5, 4], SMALL).eval(), task_network(SMALL, 3).eval()
    calibrate(outputs, network(channels))
    alone = torch.cat([outputs(network([x[i : i + 1] for x in channels])) for i in range(7)])
    torch.testing.assert_close(alone, outputs(network(channels)))


@pytest.mark.parametrize("residual", [True, False])
def test_the_residual_is_the_embedded_target(channels: list[Tensor], residual: bool) -> None:
    config = SeHGNNConfig(embed_dim=6, hidden_dim=8, residual=residual)
    network = Network([4, 5, 4], config).eval()
    torch.nn.init.zeros_(network.merge.weight)
    result = network(channels)
    if network.residual is None:
        assert not bool(result.any())
    else:
        own = channels[0] @ network.embeddings[0].weight
        torch.testing.assert_close(result, network.activation(network.residual(own)))
