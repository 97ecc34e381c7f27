"""Filter layout, initialisation, merges."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from hetgraph.models.rphgnn.network import IterationFilter, Network, mlp


def test_filters_flatten_first_slot_then_last():
    module = IterationFilter(3, 2)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 0, 1]]))
    slab = torch.arange(12.0).view(1, 3, 4).half()
    assert module(slab).tolist() == [[0, 1, 2, 3, 8, 9, 10, 11]]


def test_filter_is_a_convolution_of_size_one():
    module = IterationFilter(4, 3)
    nn.init.normal_(module.bias)
    conv = nn.Conv1d(4, 3, 1)
    with torch.no_grad():
        conv.weight.copy_(module.weight.unsqueeze(2))
        conv.bias.copy_(module.bias)
    slab = torch.randn(6, 4, 9).half()
    torch.testing.assert_close(module(slab), conv(slab.float()).flatten(1))


def test_one_slot_gets_one_filter_and_a_scalar_bias():
    assert sum(p.numel() for p in IterationFilter(1, 2).parameters()) == 2
    assert sum(p.numel() for p in IterationFilter(5, 2).parameters()) == 12


def test_initial_std_is_xavier():
    weights = torch.stack([IterationFilter(6, 2).weight for _ in range(400)])
    assert float(weights.detach().std()) == pytest.approx(math.sqrt(2 / 8), rel=0.05)
    linear = mlp([300, 200], 0.0, plain_last=True)[0]
    assert float(linear.weight.detach().std()) == pytest.approx(math.sqrt(2 / 500), rel=0.05)
    assert not bool(linear.bias.any())


def test_layers_end_with_dropout_or_plainly():
    kinds = [type(layer).__name__ for layer in mlp([4, 3, 2], 0.5, plain_last=False)]
    assert kinds == ["Linear", "PReLU", "Dropout"] * 2
    kinds = [type(layer).__name__ for layer in mlp([4, 3, 2], 0.5, plain_last=True)]
    assert kinds == ["Linear", "PReLU", "Dropout", "Linear"]
    slope = mlp([4, 3], 0.0, plain_last=False)[1].weight
    assert slope.tolist() == [0.25]


@pytest.mark.parametrize("merge", ["concat", "mean"])
@pytest.mark.parametrize("batch", [0, 5])
def test_output_follows_the_definition(merge, batch):
    shapes = [(3, 4), (1, 6), (2, 5)]
    network = Network(shapes, hidden_dim=8, merge=merge, input_dropout=0.9, dropout=0.9).eval()
    slabs = [torch.randn(batch, *shape).half() for shape in shapes]
    outputs = []
    for module, group, slab in zip(network.filters, network.groups, slabs, strict=True):
        z = torch.einsum("fk,bkd->bfd", module.weight, slab.float())
        outputs.append(group((z + module.bias[:, None]).flatten(1)))
    merged = torch.cat(outputs, 1) if merge == "concat" else sum(outputs) / 3
    torch.testing.assert_close(network(slabs), merged)
    assert network(slabs).shape == (batch, network.merged_dim)


def test_rows_select_from_whole_slabs():
    network = Network([(2, 3)], hidden_dim=5).eval()
    slab = torch.randn(10, 2, 3).half()
    rows = torch.tensor([9, 0, 9])
    torch.testing.assert_close(network([slab], rows), network([slab[rows]]))


def test_dropout_acts_in_training_only():
    network = Network([(2, 30)], hidden_dim=5, input_dropout=0.5)
    slab = torch.randn(10, 2, 30).half()
    assert not torch.equal(network([slab]), network([slab]))
    network.eval()
    assert torch.equal(network([slab]), network([slab]))
